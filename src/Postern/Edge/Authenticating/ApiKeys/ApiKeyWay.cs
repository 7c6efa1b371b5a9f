using Postern.Config;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Edge.Authenticating.ApiKeys;

/// <summary>
/// Knows callers by their keys: a key's SHA-256 leads to whose it is in one look-up, from a table that is made when the
/// configuration is read, or from what a store that several gateways share has said. A plain hash is enough, and no slow one
/// is needed: a key that <c>postern keys</c> made can't be guessed.
/// </summary>
internal sealed class ApiKeyWay : Way
{
    private readonly SharedKeys? shared;
    private volatile KeyTable keys;

    public ApiKeyWay(string name, ApiKeyOptions options, SharedKeys? shared = null) : base(name)
    {
        (Header, Query, File, this.shared) = (options.Header, options.Query, FileOf(options), shared);
        keys = new KeyTable(this, options.Keys);
    }

    /// <summary>The header field that carries its keys, or null.</summary>
    public string? Header { get; }

    /// <summary>The query parameter that carries its keys, or null.</summary>
    public string? Query { get; }

    /// <summary>The file of its keys; empty where code holds them.</summary>
    public string File { get; }

    public override string Summary =>
        $"API keys in {(Header is not null ? $"the header {Header}" : $"the query parameter {Query}")}{(shared is not null ? ", from Redis" : File.Length > 0 ? $", from {File}" : "")}";

    public override string? NotReady => shared?.NotReady;

    /// <summary>The way of these options, with the keys that were read with them as soon as the configuration is taken.</summary>
    public static ApiKeyWay Of(StatePool state, string name, ApiKeyOptions options)
    {
        var way = (ApiKeyWay)state.Keep<Way>("identity", $"{name} apiKey {options.Header}?{options.Query} {FileOf(options)}", () => new ApiKeyWay(name, options));
        state.Keep("api keys", $"{name} {KeyTable.Reading(options.Keys)}", () => new KeyTable(way, options.Keys));
        return way;
    }

    /// <summary>The way of these options. Null where its keys are in Redis, and no Redis is named or nothing here speaks to one.</summary>
    public static ApiKeyWay? Of(GatewayConfig config, StatePool state, string name, ApiKeyOptions options)
    {
        if (options.Keys is not { IsRedis: true })
        {
            return Of(state, name, options);
        }
        return config.Root.Written<GatewayOptions>().Redis is { Url: not null } redis && config.Provided<IKeyStoreProvider>() is { } provider
            ? (ApiKeyWay)state.Keep<Way>("identity", $"{name} apiKey {ConfigText.Fingerprint(options)} {ConfigText.Fingerprint(redis)}",
                () => new ApiKeyWay(name, options, new SharedKeys(name, options, redis, provider, MetricRegistry.Of(state))))
            : null;
    }

    /// <summary>From now on these are the keys.</summary>
    public void Take(KeyTable table) => keys = table;

    public override Consumer? Find(in Digest digest) =>
        shared is not null ? shared.Find(digest) : keys.Find(digest) is { } key && key.Holds(Time) ? key.Consumer : null;

    /// <summary>The client isn't told whether a key was once good; the log is.</summary>
    public override ValueTask<Verdict> JudgeAsync(string credential, Digest digest, string client) =>
        shared is not null ? shared.JudgeAsync(digest, client)
            : new(keys.Find(digest) is not { } key ? Verdict.Refused(Failure.InvalidKey, null, "no such key")
                : key.Holds(Time) ? Verdict.Known(key.Consumer)
                : Verdict.Refused(Failure.InvalidKey, null, key.Ended));

    public override void Dispose() => shared?.Dispose();

    protected override void Begin() => shared?.Begin(Time, Logger);

    /// <summary>The file that the keys were read from; empty where there is none.</summary>
    internal static string FileOf(ApiKeyOptions options) => options.Keys?.Origin is { Path: "", File: { } from } ? from : "";
}
