using Postern.Config;
using Postern.Edge.Authenticating.ApiKeys;
using Postern.Redis;

namespace Postern.Server.Commands;

/// <summary>
/// The keys in a Redis, as the commands read and change them. A change is made on what is there then: where somebody else has
/// changed something meanwhile, it is made anew on that.
/// </summary>
internal sealed class KeysInRedis(RedisOptions options, string option) : KeysPlace
{
    /// <summary>A person waits for it, not a request.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private const int Attempts = 100;

    public override string Place { get; } = $"Redis at {RedisUrl.Parse(options.Url!, out _)!.Place}";

    public override string Option => option;

    public override Task<(IReadOnlyList<KeyOptions> Keys, string? Warning)> ReadAsync() => AskAsync(async store =>
    {
        var listing = await store.ListAsync();
        var sound = Sound(listing, out var damaged);
        return ((IReadOnlyList<KeyOptions>)sound, damaged.Count == 0 ? null : Warning(damaged));
    });

    public override Task ChangeAsync(Func<IReadOnlyList<KeyOptions>, IReadOnlyList<KeyOptions>> change, bool make = false) => AskAsync(async store =>
    {
        for (var i = 0; i < Attempts; i++)
        {
            var listing = await store.ListAsync();
            var before = Sound(listing, out _);
            var after = change(before);
            List<KeyOptions> changed = [.. after.Where((key, at) => at >= before.Count || !KeyOptions.Same(key, before[at]))];
            foreach (var key in changed)
            {
                if (KeyEntry.Fault(key, key.Hash!) is { } fault)
                {
                    throw new KeysException($"{Place}: the entry can't be written: {fault}");
                }
            }
            if (changed.Count == 0 || await store.ChangeAsync(changed, listing.Version))
            {
                return true;
            }
        }
        throw new KeysException($"{Place}: others change the keys all the time; try again");
    });

    private static List<KeyOptions> Sound(KeyListing listing, out List<string> damaged)
    {
        damaged = [.. listing.Damaged, .. listing.Keys.Where(k => KeyEntry.Fault(k, k.Hash!) is not null).Select(k => k.Hash!)];
        return [.. listing.Keys.Where(k => KeyEntry.Fault(k, k.Hash!) is null)];
    }

    private string Warning(List<string> damaged) =>
        $"{Place}: {damaged.Count} {(damaged.Count == 1 ? "entry is" : "entries are")} damaged, so the keys are refused: {string.Join(", ", damaged.Take(5))}{(damaged.Count > 5 ? ", …" : "")}";

    private async Task<T> AskAsync<T>(Func<IKeyStore, Task<T>> ask)
    {
        var builder = new GatewayBuilder(new Config.Yaml.LoadedConfig(new GatewayConfig(), new Check(), new Config.Yaml.Sources(null)));
        builder.UseRedis();
        var store = builder.Config.Provided<IKeyStoreProvider>()!.Open(options with { Timeout = Patience });
        try
        {
            return await ask(store);
        }
        catch (Exception e) when (e is IOException or TimeoutException)
        {
            throw new KeysException($"{e.Message.TrimEnd('.')}; look at the URL, and at Redis");
        }
        finally
        {
            await ((IAsyncDisposable)store).DisposeAsync();
        }
    }
}
