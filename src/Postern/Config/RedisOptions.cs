namespace Postern.Config;

/// <summary>A Redis that several gateways share: limits are counted there, and API keys may be kept there.</summary>
[Shorthand(nameof(Url))]
public sealed record RedisOptions : Options
{
    internal const int LongestPrefix = 64;

    /// <summary>Where it is: <c>redis://127.0.0.1:6379</c>; <c>rediss://</c> for TLS, with user, password and database as in
    /// <c>rediss://user:password@host:6380/2</c>.</summary>
    [Needed(Example = "redis://127.0.0.1:6379"), Secret] public string? Url { get; init; }

    /// <summary>How long a request waits for it at most; then the gateway decides by itself.</summary>
    [Range("5ms", "2s")] public TimeSpan Timeout { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>What the names of all keys begin with, so that several fleets may share one Redis.</summary>
    public string Prefix { get; init; } = "postern";

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        if (Url is not null && RedisUrl.Parse(Url, out var problem) is null)
        {
            check.Error(this, "url", problem!);
        }
        if (Prefix.Length is 0 or > LongestPrefix)
        {
            check.Error(this, "prefix", $"names of keys begin with 1 to {LongestPrefix} characters, got '{Prefix}'; write prefix: postern");
        }
    }
}
