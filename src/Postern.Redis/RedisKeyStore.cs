using System.Globalization;
using System.Text;
using Postern.Edge.Authenticating.ApiKeys;
using StackExchange.Redis;

namespace Postern.Redis;

/// <summary>
/// API keys in Redis: for each a hash that is named by the key's SHA-256 (<c>postern:{keys}:0f6f…</c>), a sorted set of all of them
/// in the order made, and the version, all in one slot of a Redis Cluster. A change is one script, which tells who listens.
/// </summary>
internal sealed class RedisKeyStore : IKeyStore, IAsyncDisposable
{
    /// <summary>How many keys are listed by one script, which keeps everyone else waiting.</summary>
    private const int Page = 200;

    private const int Fields = 7;
    private const int HashLength = 64;

    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly RedisConnection connection;
    private readonly string before;
    private readonly RedisKey[] all;
    private readonly string channel;
    private readonly List<IDisposable> listeners = [];
    private int disposed;

    /// <param name="connection">The connection, of which this store gives back its share.</param>
    /// <param name="prefix">What all names begin with.</param>
    public RedisKeyStore(RedisConnection connection, string prefix)
    {
        this.connection = connection;
        before = KeyNames.ApiKey(prefix, "");
        all = [KeyNames.ApiKeys(prefix), KeyNames.ApiKey(prefix, "version")];
        channel = KeyNames.ApiKey(prefix, "changed");
    }

    /// <summary>An entry as it was read: one, none, or one that can't be read.</summary>
    private sealed record Entry(KeyOptions? Key, bool IsDamaged);

    private sealed record Listed(long Version, int Count, IReadOnlyList<(string Hash, Entry Entry)> Entries);

    /// <inheritdoc/>
    public async ValueTask<KeyOptions?> FindAsync(string hash)
    {
        var entry = await connection.AskAsync(Script.Key, [before + hash], [], One, hash);
        return entry.IsDamaged ? throw new InvalidDataException("it is no hash, has no name, or a field that is too long or no UTF-8") : entry.Key;
    }

    /// <inheritdoc/>
    public void Watch(Action<string?> changed)
    {
        lock (listeners)
        {
            listeners.Add(connection.Listen(channel, changed));
        }
    }

    /// <inheritdoc/>
    public async ValueTask<KeyListing> ListAsync()
    {
        while (true)
        {
            var (keys, damaged) = (new List<KeyOptions>(), new List<string>());
            var first = await PageAsync(0);
            var (page, from) = (first, 0);
            // A change while it is read moves nothing, but what was read may be older than what is read next.
            while (page.Version == first.Version)
            {
                keys.AddRange(page.Entries.Select(e => e.Entry.Key).OfType<KeyOptions>());
                damaged.AddRange(page.Entries.Where(e => e.Entry.IsDamaged).Select(e => e.Hash));
                if (page.Count < Page)
                {
                    return new KeyListing(keys, damaged, first.Version);
                }
                page = await PageAsync(from += Page);
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask<bool> ChangeAsync(IReadOnlyList<KeyOptions> changed, long version)
    {
        RedisKey[] keys = [.. all, .. changed.Select(k => (RedisKey)(before + k.Hash))];
        RedisValue[] values = [version.ToString(CultureInfo.InvariantCulture), channel, .. changed.SelectMany(Values)];
        return await connection.AskAsync(Script.Change, keys, values, static (answer, _) => answer switch
        {
            [(byte)'1'] => 1,
            [(byte)'0'] => 0,
            _ => -1,
        }, null) switch
        {
            1 => true,
            0 => false,
            _ => throw new IOException("An entry to change is not an entry of a key."),
        };
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref disposed, 1) != 0)
        {
            return;
        }
        lock (listeners)
        {
            listeners.ForEach(l => l.Dispose());
        }
        await connection.DisposeAsync();
    }

    private ValueTask<Listed> PageAsync(int from) => connection.AskAsync(Script.Keys, all, [from, from + Page - 1, before], Many, null);

    private static IEnumerable<RedisValue> Values(KeyOptions key) =>
        [key.Hash, key.Name ?? "", key.Last4 ?? "", key.Tier ?? "", key.Scopes is { } scopes ? string.Join(' ', scopes) : "", key.Created ?? "", key.Expires ?? "", key.Revoked ?? ""];

    private static Entry One(byte[] answer, object? hash)
    {
        var at = 0;
        var entry = Read(answer, (string)hash!, ref at);
        return at == answer.Length ? entry : throw new FormatException();
    }

    private static Listed Many(byte[] answer, object? none)
    {
        var line = Array.IndexOf(answer, (byte)'\n');
        if (line < 0 || Encoding.ASCII.GetString(answer, 0, line).Split(' ') is not [var version, var count])
        {
            throw new FormatException();
        }
        var (entries, at) = (new List<(string, Entry)>(), line + 1);
        while (at < answer.Length)
        {
            if (answer.Length - at <= HashLength)
            {
                throw new FormatException();
            }
            var hash = Encoding.Latin1.GetString(answer, at, HashLength);
            at += HashLength;
            entries.Add((hash, Read(answer, hash, ref at)));
        }
        return new Listed(long.Parse(version, NumberStyles.None, CultureInfo.InvariantCulture), int.Parse(count, NumberStyles.None, CultureInfo.InvariantCulture), entries);
    }

    private static Entry Read(byte[] answer, string hash, ref int at)
    {
        if (at >= answer.Length)
        {
            throw new FormatException();
        }
        switch (answer[at++])
        {
            case (byte)'0':
                return new Entry(null, false);
            case (byte)'1':
                break;
            default:
                return new Entry(null, true);
        }
        var (fields, sound) = (new string?[Fields], true);
        for (var i = 0; i < Fields; i++)
        {
            var length = at + 2 <= answer.Length ? answer[at] * 256 + answer[at + 1] : throw new FormatException();
            at += 2;
            if (at + length > answer.Length)
            {
                throw new FormatException();
            }
            sound &= Text(answer.AsSpan(at, length), out fields[i]);
            at += length;
        }
        return !sound ? new Entry(null, true) : new Entry(new KeyOptions
        {
            Hash = hash,
            Name = fields[0],
            Last4 = fields[1],
            Tier = fields[2],
            Scopes = fields[3]?.Split(' ', StringSplitOptions.RemoveEmptyEntries),
            Created = fields[4],
            Expires = fields[5],
            Revoked = fields[6],
        }, false);
    }

    private static bool Text(ReadOnlySpan<byte> bytes, out string? text)
    {
        text = null;
        try
        {
            text = bytes.Length == 0 ? null : Utf8.GetString(bytes);
            return true;
        }
        catch (DecoderFallbackException)
        {
            return false;
        }
    }
}
