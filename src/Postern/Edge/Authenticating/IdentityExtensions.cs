using System.Runtime.CompilerServices;
using Postern.Config;
using Postern.Edge.Authenticating.ApiKeys;
using Postern.Edge.Authenticating.Introspecting;
using Postern.Edge.Authenticating.Jwt;
using Postern.Pipeline;

namespace Postern.Edge.Authenticating;

/// <summary>Who may call, in C#.</summary>
public static class IdentityExtensions
{
    /// <summary>Defines a way to know callers: signed tokens of one issuer. Gates and routes list it by its name.</summary>
    public static GatewayBuilder Identity(
        this GatewayBuilder gateway, string name, JwtOptions jwt, ClaimOptions? claims = null, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        gateway.Define(name, new WayOptions { Jwt = jwt, Claims = claims ?? new ClaimOptions() }, file, line);

    /// <summary>Defines a way to know callers: opaque tokens, asked about at the server that issued them.</summary>
    public static GatewayBuilder Identity(
        this GatewayBuilder gateway, string name, IntrospectionOptions introspection, ClaimOptions? claims = null, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        gateway.Define(name, new WayOptions { Introspection = introspection, Claims = claims ?? new ClaimOptions() }, file, line);

    /// <summary>Defines a way to know callers: keys that were given to them.</summary>
    public static GatewayBuilder Identity(
        this GatewayBuilder gateway, string name, ApiKeyOptions apiKey, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        gateway.Define(name, new WayOptions { ApiKey = apiKey }, file, line);

    /// <summary>Callers must be known, by one of these ways.</summary>
    public static T Identity<T>(this T at, params string[] ways) where T : SectionBuilder => at.Identity(optional: false, ways);

    /// <summary>Callers may be known: one without a credential is nobody and goes on, one with a bad credential is refused.</summary>
    public static T Identity<T>(this T at, bool optional, params string[] ways) where T : SectionBuilder
    {
        at.Sections.Off.Remove("identity");
        at.Sections.Set<IdentityOptions>(o => o with { Identity = new CallerOptions { Use = ways, Optional = optional, Origin = at.Sections.Origin.At("identity") } });
        return at;
    }

    private static GatewayBuilder Define(this GatewayBuilder gateway, string name, WayOptions way, string file, int line)
    {
        // What a file says under the same name gives way, as a gate's keys do.
        var ways = new OrderedDictionary<string, WayOptions>(gateway.Config.Root.Written<IdentitySection>().Identity ?? new Dictionary<string, WayOptions>())
        {
            [name] = way with { Origin = Place.Of(file, line, $"identity.{name}") },
        };
        return gateway.Root<IdentitySection>(o => o with { Identity = new ValueMap<WayOptions>(ways) });
    }

    /// <summary>Anyone may call: <c>identity: off</c>.</summary>
    public static T IdentityOff<T>(this T at) where T : SectionBuilder
    {
        at.Sections.Off.Add("identity");
        at.Sections.Set<IdentityOptions>(o => o with { Identity = null });
        return at;
    }
}
