using System.Text.Json;

namespace Postern.Edge.ForwardingIdentity;

/// <summary>
/// Which key signs, and which are published. A new key is published at once, and signs when whoever keeps a copy of the key
/// set has had time to fetch it anew; only a first key signs at once. The one before it stays published until its last token
/// has ended. So at any time each verifier knows the key of each token. It outlives reloads; moments are measured from any
/// fixed one, by a clock that never goes back.
/// </summary>
internal sealed class KeyRing
{
    /// <summary>How long a new key is published before it signs.</summary>
    public static readonly TimeSpan Ahead = TimeSpan.FromMinutes(10);

    /// <summary>How long verifiers may keep a copy of the key set: half of <see cref="Ahead"/>, so that even a late one knows in time.</summary>
    public static readonly TimeSpan MaxAge = TimeSpan.FromMinutes(5);

    /// <summary>How old a key that the gateway made gets before the next is made.</summary>
    public static readonly TimeSpan MadeFor = TimeSpan.FromHours(24);

    /// <summary>By how much verifiers let a token outlive itself; the platform's own default.</summary>
    public static readonly TimeSpan Skew = TimeSpan.FromMinutes(5);

    private readonly Lock gate = new();
    private readonly List<Held> held = [];
    private readonly List<(object User, IReadOnlyList<SigningKey> Keys)> users = [];
    private TimeSpan lifetime;
    private Held? signer;
    private Held? made;
    private byte[]? keySet;

    private sealed class Held(SigningKey key, TimeSpan since)
    {
        public SigningKey Key { get; } = key;

        /// <summary>Since when it is published.</summary>
        public TimeSpan Since { get; } = since;

        public bool IsWanted { get; set; }

        /// <summary>When the last token of a key that signs no more has ended.</summary>
        public TimeSpan Until { get; set; }
    }

    /// <summary>From now on these keys are wanted, the first to sign; none: keys are made.</summary>
    public void Use(object user, IReadOnlyList<SigningKey> keys, TimeSpan longest, TimeSpan now)
    {
        lock (gate)
        {
            users.RemoveAll(u => u.User == user);
            users.Add((user, keys));
            lifetime = lifetime > longest ? lifetime : longest;
            Turn(now);
        }
    }

    /// <summary>The keys of this user are not wanted any longer; those of the last one before are.</summary>
    public void Drop(object user)
    {
        lock (gate)
        {
            users.RemoveAll(u => u.User == user);
        }
    }

    /// <summary>The key that signs now; null before any user came.</summary>
    public SigningKey? Signer(TimeSpan now)
    {
        lock (gate)
        {
            Turn(now);
            return signer?.Key;
        }
    }

    /// <summary>The published keys as a JSON Web Key Set (RFC 7517 §5).</summary>
    public byte[] KeySet(TimeSpan now)
    {
        lock (gate)
        {
            Turn(now);
            return keySet ??= Write();
        }
    }

    private void Turn(TimeSpan now)
    {
        if (users.Count == 0)
        {
            return;
        }
        Forget(now);
        var first = Want(users[^1].Keys, now);
        if (signer != first && (signer is null || !held.Contains(signer) || now - first.Since >= Ahead))
        {
            if (signer is not null)
            {
                signer.Until = now + lifetime + Skew;
            }
            signer = first;
        }
        Forget(now);
    }

    /// <summary>Drops keys that nobody wants and that no token needs any longer.</summary>
    private void Forget(TimeSpan now)
    {
        if (held.RemoveAll(h => h != signer && !h.IsWanted && h.Until <= now) > 0)
        {
            keySet = null;
        }
    }

    /// <summary>Holds what is wanted; the one that is to sign.</summary>
    private Held Want(IReadOnlyList<SigningKey> keys, TimeSpan now)
    {
        held.ForEach(h => h.IsWanted = false);
        if (keys.Count == 0)
        {
            if (made is null || now - made.Since >= MadeFor || !held.Contains(made))
            {
                made = Hold(SigningKey.Make(), now);
            }
            made.IsWanted = true;
            return made;
        }
        for (var i = 0; i < keys.Count; i++)
        {
            (held.Find(h => h.Key.Id == keys[i].Id) ?? Hold(keys[i], now)).IsWanted = true;
        }
        return held.Find(h => h.Key.Id == keys[0].Id)!;
    }

    private Held Hold(SigningKey key, TimeSpan now)
    {
        var added = new Held(key, now);
        held.Add(added);
        keySet = null;
        return added;
    }

    private byte[] Write()
    {
        using var text = new MemoryStream();
        using (var json = new Utf8JsonWriter(text))
        {
            json.WriteStartObject();
            json.WriteStartArray("keys"u8);
            foreach (var key in held.Select(h => h.Key))
            {
                json.WriteStartObject();
                json.WriteString("kty"u8, "EC"u8);
                json.WriteString("use"u8, "sig"u8);
                json.WriteString("alg"u8, "ES256"u8);
                json.WriteString("kid"u8, key.Id);
                json.WriteString("crv"u8, "P-256"u8);
                json.WriteString("x"u8, key.X);
                json.WriteString("y"u8, key.Y);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        return text.ToArray();
    }
}
