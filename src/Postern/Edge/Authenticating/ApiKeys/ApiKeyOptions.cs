using System.Buffers;
using Postern.Config;
using Postern.Wire;

namespace Postern.Edge.Authenticating.ApiKeys;

/// <summary>Keys given to callers. Where a key is sent: exactly one of <c>header</c> and <c>query</c>.</summary>
public sealed record ApiKeyOptions : Options
{
    internal const string MakeFile = "postern keys create --name NAME --file {0}";

    private static readonly string[] Families = ["Accept", "Access-Control-", "Content-", "Grpc-", "If-", "Proxy-", "Sec-", "X-Forwarded-"];

    /// <summary>More fields with a meaning of their own, for HTTP or for the gateway.</summary>
    private static readonly HashSet<string> Spoken = new(StringComparer.OrdinalIgnoreCase)
    {
        "Age", "Cache-Control", "Cookie", "Date", "Expect", "Forwarded", "Host", "Idempotency-Key", "Last-Event-ID", "Max-Forwards", "Origin", "Pragma", "Priority",
        "Range", "Referer", "Set-Cookie", "Traceparent", "Tracestate", "User-Agent", "Vary", "Via", "WWW-Authenticate", "X-Real-IP", "X-Request-Id",
    };

    private static readonly SearchValues<char> Unreserved = SearchValues.Create("-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    /// <summary>The header field that carries the key.</summary>
    public string? Header { get; init; }

    /// <summary>The query parameter that carries the key. It stands in logs of others on the way; prefer a header.</summary>
    public string? Query { get; init; }

    /// <summary>The file of keys that <c>postern keys</c> writes, or <c>redis</c> where they are in the Redis that the root names; only hashes are there.</summary>
    [Needed(Example = "keys.yaml"), FromFile(Make = MakeFile, Word = KeyFileOptions.InRedis)] public KeyFileOptions? Keys { get; init; }

    /// <summary>How long a key that was good goes on while Redis can't be asked, counted from when it was last found good. Then, as for a key that isn't
    /// known here, the answer is 503. With <c>0</c> a key goes on for the few seconds that it is remembered anyway. Only for keys in Redis.</summary>
    [Range("0", "1h")] public TimeSpan Outage { get; init; } = TimeSpan.FromSeconds(30);

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        if (Header is null && Query is null)
        {
            check.Error(this, "", "doesn't say where a key is sent; add header: X-Api-Key or query: api_key");
        }
        else if (Header is not null && Query is not null)
        {
            check.Error(this, "query", $"a key is sent in one place, got header {Header} and query {Query}; remove one, or define a second identity");
        }
        if (Keys is { IsRedis: false } && Origin?.Has("outage") is true)
        {
            check.Error(this, "outage", $"a file is read when it changes and needs nobody, got {Scalars.Format(Outage)}; remove it, or write keys: redis");
        }
        if (Header is not null && HeaderFault(Header) is { } fault)
        {
            check.Error(this, "header", $"{fault}, got '{Header}'; write X-Api-Key");
        }
        if (Query is not null && (Query.Length == 0 || Query.AsSpan().ContainsAnyExcept(Unreserved)))
        {
            check.Error(this, "query", $"a query parameter of letters, digits and -._~ is needed, got '{Query}'; write api_key");
        }
    }

    private static string? HeaderFault(string name) =>
        !Token.IsValid(name) ? "the name of a header field is needed"
        : name.Contains('_', StringComparison.Ordinal) ? "a field with '_' in its name is removed from every request"
        : name.Equals("Authorization", StringComparison.OrdinalIgnoreCase) ? "that field carries tokens, which jwt and introspection are for"
        : HopByHop.IsRequestField(name) || Spoken.Contains(name) || Array.Exists(Families, f => name.StartsWith(f, StringComparison.OrdinalIgnoreCase)) ? "that field has a meaning of its own"
        : null;
}
