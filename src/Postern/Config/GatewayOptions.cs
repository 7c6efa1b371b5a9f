namespace Postern.Config;

/// <summary>What stands at the root of the main file and belongs to no feature.</summary>
public sealed record GatewayOptions : Options
{
    /// <summary>The version of the language: 1.</summary>
    [Needed(Example = "1")] public int? Version { get; init; }

    /// <summary>The addresses that clients connect to. Default: <c>http://127.0.0.1:8080</c>.</summary>
    [OneOrMany] public IReadOnlyList<ListenOptions>? Listen { get; init; }

    /// <summary>The admin port: health, readiness, metrics, configuration, reload. <c>off</c> for none.</summary>
    [CanBeOff] public AdminOptions? Admin { get; init; }

    /// <summary>Addresses (<c>10.0.0.7</c>) and networks (<c>10.0.0.0/8</c>) whose <c>X-Forwarded-*</c> are believed. Default: nobody's.</summary>
    [OneOrMany] public IReadOnlyList<string>? TrustedProxies { get; init; }

    /// <summary>What the instances of a fleet share. Default: nothing, each counts in its own memory.</summary>
    public RedisOptions? Redis { get; init; }

    /// <summary>What happens between SIGTERM and the end.</summary>
    public DrainOptions? Drain { get; init; }

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        if (Version is not (null or 1))
        {
            check.Error(this, "version", $"this Postern reads version 1, got {Version}; write version: 1");
        }
        for (var i = 0; i < Listen?.Count; i++)
        {
            for (var j = 0; j < i; j++)
            {
                if (Address.Same(Listen[i].Url, Listen[j].Url))
                {
                    check.Error(this, $"listen[{i}].url", Address.Again(Listen[i].Url, Listen[j].Url, $"listen[{j}]"));
                }
            }
        }
        if (Listen is not null && Admin is not null && Listen.FirstOrDefault(l => Address.Same(l.Url, Admin.Url)) is not null)
        {
            check.Error(this, "admin.url", $"a listener's address, got '{Admin.Url}'; give the admin port its own");
        }
        for (var i = 0; i < TrustedProxies?.Count; i++)
        {
            var text = TrustedProxies[i];
            // 10.0.1 is read as 10.0.0.1 by old rules, which nobody means.
            var whole = text.Contains(':') || text.Count(c => c == '.') == 3;
            if (!whole || (!System.Net.IPNetwork.TryParse(text, out _) && !System.Net.IPAddress.TryParse(text, out _)))
            {
                check.Error(this, $"trustedProxies[{i}]", $"not an address or a network, got '{text}'; write 10.0.0.7 or 10.0.0.0/8");
            }
        }
    }
}

/// <summary>The admin port.</summary>
[Shorthand(nameof(Url))]
public sealed record AdminOptions : Options
{
    /// <summary>Scheme, address and port.</summary>
    public string Url { get; init; } = "http://127.0.0.1:9901";

    /// <summary>The bearer token that <c>/config</c>, <c>/metrics</c>, <c>/limits</c> and <c>/reload</c> ask for. Needed as soon as the address is not loopback.</summary>
    [Secret] public string? Token { get; init; }

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        if (Address.Problem(Url, 9901) is { } problem)
        {
            check.Error(this, "url", problem);
        }
        else if (string.IsNullOrEmpty(Token) && !Address.IsLoopback(Url))
        {
            check.Error(this, "token", $"needed where the admin port is not on loopback, got '{Url}'; add token: ${{env:POSTERN_ADMIN_TOKEN}}");
        }
    }
}

/// <summary>How the gateway leaves: ready says no, then nothing new is accepted, then what is in flight ends.</summary>
public sealed record DrainOptions : Options
{
    /// <summary>How long it serves on after <c>/readyz</c> began to answer 503, so that balancers notice.</summary>
    [Range("0", "10m")] public TimeSpan Delay { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long requests in flight may then take before they are cut.</summary>
    [Range("0", "1h")] public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);
}
