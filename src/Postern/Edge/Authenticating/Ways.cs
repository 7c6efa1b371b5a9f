using Postern.Config;
using Postern.Edge.Authenticating.ApiKeys;
using Postern.Edge.Authenticating.Introspecting;
using Postern.Edge.Authenticating.Jwt;
using Postern.Edge.Authenticating.Jwt.Keys;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Edge.Authenticating;

/// <summary>
/// The ways that one route lists, and the choice among them by what a request carries: a key where a key is expected, a
/// token by its exact issuer, any other bearer token at the one place that can be asked. No way is tried because another failed.
/// </summary>
internal sealed class Ways
{
    private readonly JwtWay[] issuers;
    private readonly IntrospectionWay? opaque;

    private Ways(IEnumerable<Way> ways)
    {
        All = [.. ways];
        issuers = [.. All.OfType<JwtWay>()];
        opaque = All.OfType<IntrospectionWay>().FirstOrDefault();
        Keys = [.. All.OfType<ApiKeyWay>()];
        Bearers = [.. All.Where(w => w is JwtWay or IntrospectionWay)];
    }

    /// <summary>All of them, in the order listed.</summary>
    public Way[] All { get; }

    /// <summary>Those for API keys.</summary>
    public ApiKeyWay[] Keys { get; }

    /// <summary>Those for bearer tokens.</summary>
    public Way[] Bearers { get; }

    /// <summary>The ways that are listed at <paramref name="callers"/>; null with every reason why not in the scope's check.</summary>
    public static Ways? Of(RouteScope scope, CallerOptions callers)
    {
        var defined = scope.Config.Root.Written<IdentitySection>().Identity;
        var listed = new List<(Way Way, int At)>();
        for (var i = 0; i < callers.Use!.Count; i++)
        {
            var name = callers.Use[i];
            if (defined?.TryGetValue(name, out var options) is true)
            {
                if (Make(scope, name, options) is { } way)
                {
                    if (way is ApiKeyWay { Header: { } header })
                    {
                        scope.Touch(header, callers, $"use[{i}]", $"no client can send its key there; choose another header for '{name}'");
                    }
                    listed.Add((way, i));
                }
            }
            else
            {
                scope.Check.Error(callers, $"use[{i}]", Unknown(name, defined?.Keys));
            }
        }
        if (callers.Use.Count == 0)
        {
            scope.Check.Error(callers, "use", "the list is empty, so nobody could call; name a way, or write identity: off for anyone");
        }
        return Told(listed, scope.Check, callers) && listed.Count == callers.Use.Count && listed.Count > 0 ? new Ways(listed.Select(l => l.Way)) : null;
    }

    /// <summary>Who the credential is known to stand for; null where its way has to judge it.</summary>
    public Consumer? Find(in Presented presented, in Digest digest)
    {
        if (presented.Keys is { } keys)
        {
            return keys.Find(digest);
        }
        foreach (var way in issuers)
        {
            if (way.Find(digest) is { } known)
            {
                return known;
            }
        }
        // A route that lists no other way may have had an issuer's signed token introspected. Here it is the issuer's, and its rules hold.
        return opaque?.Find(digest) is { } asked && (issuers.Length == 0 || !presented.Text.Contains('.') || ForBearer(presented.Text.ToString(), out _) == opaque) ? asked : null;
    }

    /// <summary>Finds out who the credential stands for, by the one way that it is for.</summary>
    public ValueTask<Verdict> JudgeAsync(in Presented presented, in Digest digest, string client)
    {
        if (presented.Fault() is { } fault)
        {
            return new(fault);
        }
        var (credential, detail) = (presented.Text.ToString(), (string?)null);
        var way = (Way?)presented.Keys ?? ForBearer(credential, out detail);
        return way is null ? new(Verdict.Refused(Failure.InvalidToken, detail)) : way.JudgeAsync(credential, digest, client);
    }

    /// <summary>The way whose tokens look like this one; null where none has such, and then why.</summary>
    public Way? ForBearer(string token, out string? detail)
    {
        detail = null;
        if (issuers.Length == 0 || (issuers.Length == 1 && opaque is null))
        {
            return Bearers[0];
        }
        if (UnverifiedToken.Read(token) is not { } claimed)
        {
            // One that begins as a signed token and isn't a whole one is no opaque one either: nobody is asked what it might mean.
            var damaged = UnverifiedToken.ReadHeader(token, out _) is not null;
            detail = damaged ? "The token is not a valid JWT." : "The token is not a JWT.";
            return damaged ? null : opaque;
        }
        Way? found = null;
        foreach (var way in issuers)
        {
            if (way.Issuer == claimed.Issuer)
            {
                found ??= way;
                if (way.Algorithms.Contains(claimed.Algorithm))
                {
                    return way;
                }
            }
        }
        detail = "The token's issuer is not accepted here.";
        return found ?? opaque;
    }

    /// <summary>Gives every way for API keys the keys that were read now, so that a revoked one is good nowhere. Keys in Redis need one at the root.</summary>
    public static void Renew(GatewayConfig config, StatePool state, Check check)
    {
        foreach (var (name, options) in config.Root.Written<IdentitySection>().Identity ?? new Dictionary<string, WayOptions>())
        {
            if (options.ApiKey is { } keys)
            {
                ApiKeyWay.Of(config, state, name, keys);
                if (keys.Keys is { IsRedis: true } && config.Root.Written<GatewayOptions>().Redis is null)
                {
                    check.Error(keys, "keys", "keys are in Redis, and the root names none, got redis; add redis: redis://127.0.0.1:6379 at the root, or write ./redis for a file of that name");
                }
            }
        }
    }

    /// <summary>Gives the ways that go on the keys of their files, where those can be read: a mistake elsewhere must not keep a revoked key good.</summary>
    public static void Withdraw(GatewayConfig config, Check check, StatePool state)
    {
        foreach (var options in (config.Root.Written<IdentitySection>().Identity ?? new Dictionary<string, WayOptions>()).Values)
        {
            if (options.ApiKey is { Keys: { } keys } read && ApiKeyWay.FileOf(read) is { Length: > 0 } file && !check.Problems.Any(p => p.Position.StartsWith($"{file}:", StringComparison.Ordinal)))
            {
                foreach (var way in state.Live<ApiKeyWay>().Where(w => w.File == file))
                {
                    way.Take(new KeyTable(way, keys));
                }
            }
        }
    }

    private static Way? Make(RouteScope scope, string name, WayOptions options)
    {
        var told = new Check();
        options.Validate(told);
        // What is wrong was said when the file was read; nothing can be made of it.
        if (told.Failed(null) || scope.Check.Failed(null))
        {
            return null;
        }
        if (options.ApiKey is { } keys)
        {
            return ApiKeyWay.Of(scope.Config, scope.State, name, keys);
        }
        var metrics = MetricRegistry.Of(scope.State);
        var issuer = options.Jwt is null ? null : KeySources.Of(options.Jwt, name, scope.State);
        var claims = options.Claims with { Tier = options.Claims.Tier ?? scope.Config.Root.Written<TiersSection>().Tiers?.Claim };
        return scope.State.Keep<Way>("identity", $"{name} {claims.Tier} {ConfigText.Fingerprint(options)}", () => options switch
        {
            { Jwt: { } jwt } => new JwtWay(name, jwt, claims, metrics, issuer!),
            _ => new IntrospectionWay(name, options.Introspection!, claims, metrics),
        });
    }

    /// <summary>Whether a request always tells which way is meant.</summary>
    private static bool Told(List<(Way Way, int At)> listed, Check check, CallerOptions callers)
    {
        var sound = true;
        foreach (var (way, at) in listed)
        {
            if (listed.Find(l => l.At < at && Clash(l.Way, way)).Way is { } other)
            {
                sound = false;
                check.Error(callers, $"use[{at}]", $"a request can't tell '{way.Name}' from '{other.Name}': {Why(way)}; list one of them");
            }
        }
        return sound;
    }

    private static bool Clash(Way a, Way b) => (a, b) switch
    {
        (JwtWay x, JwtWay y) => x.Issuer == y.Issuer && x.Algorithms.Intersect(y.Algorithms).Any(),
        (IntrospectionWay, IntrospectionWay) => true,
        (ApiKeyWay x, ApiKeyWay y) => string.Equals(x.Header, y.Header, StringComparison.OrdinalIgnoreCase) && x.Query == y.Query,
        _ => false,
    };

    private static string Why(Way way) => way switch
    {
        JwtWay => "both take this issuer's tokens of the same algorithm",
        IntrospectionWay => "an opaque token doesn't say where to ask",
        _ => "both keys come in the same place",
    };

    /// <summary>What other languages call <c>off</c>.</summary>
    private static readonly string[] Nobody = ["off", "none", "no", "false", "anonymous", "public"];

    private static string Unknown(string name, IEnumerable<string>? defined)
    {
        var isOff = Nobody.Contains(name, StringComparer.OrdinalIgnoreCase);
        if (defined is null)
        {
            return $"no identity named '{name}', got no identity at the root; {(isOff ? "write off for anyone" : $"define it there: identity: {{ {name}: … }}")}";
        }
        var fix = isOff ? "write off for anyone, or a name" : Nearest.Of(name, defined) is { } meant ? $"did you mean '{meant}'?" : "write a name";
        return $"no identity named '{name}'; {fix} (defined: {string.Join(", ", defined)})";
    }
}
