namespace Postern.Wire;

/// <summary>A hash that every process and every instance of a fleet computes alike; the platform's own differs in each process. No secret is safe behind it.</summary>
internal static class StableHash
{
    /// <summary>FNV-1a, finished by <see cref="Mix"/>.</summary>
    public static ulong Of(ReadOnlySpan<char> text)
    {
        var hash = 14695981039346656037UL;
        foreach (var c in text)
        {
            hash = (hash ^ c) * 1099511628211UL;
        }
        return Mix(hash);
    }

    /// <summary>Spreads every bit over all others (the finaliser of MurmurHash3).</summary>
    public static ulong Mix(ulong x)
    {
        x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdUL;
        x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53UL;
        return x ^ (x >> 33);
    }
}
