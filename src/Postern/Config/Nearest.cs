namespace Postern.Config;

/// <summary>Finds the word that was probably meant.</summary>
internal static class Nearest
{
    /// <summary>A word this long is no slip of another.</summary>
    private const int Long = 64;

    /// <summary>The candidate that takes the fewest slips (a letter too many, too few, wrong, or two swapped) to become
    /// <paramref name="word"/>; null if it would take so many that something else was meant.</summary>
    public static string? Of(string word, IEnumerable<string> candidates) =>
        Closest(word, candidates) is (var near, true) ? near : null;

    /// <summary>The candidate with the fewest slips, however many, and whether it is likely to be what was meant.</summary>
    public static (string? Word, bool Likely) Closest(string word, IEnumerable<string> candidates)
    {
        var (best, least) = ((string?)null, double.MaxValue);
        foreach (var candidate in candidates)
        {
            double slips = word.Length > Long ? Long : Slips(word.ToLowerInvariant(), candidate.ToLowerInvariant());
            if (candidate.StartsWith(word, StringComparison.OrdinalIgnoreCase) || word.StartsWith(candidate, StringComparison.OrdinalIgnoreCase))
            {
                slips -= 0.5;
            }
            if (slips < least)
            {
                (best, least) = (candidate, slips);
            }
        }
        return (best, best is not null && least <= Math.Max(1, Math.Max(word.Length, best.Length) / 3));
    }

    /// <summary><c>; did you mean 'x'?</c>, or nothing.</summary>
    public static string Hint(string word, IEnumerable<string> candidates) =>
        Of(word, candidates) is { } near ? $"; did you mean '{near}'?" : "";

    /// <summary>The distance of Damerau and Levenshtein, in its restricted form: no letter is moved twice.</summary>
    public static int Slips(string a, string b)
    {
        var (before, last, now) = (new int[b.Length + 1], new int[b.Length + 1], new int[b.Length + 1]);
        for (var j = 0; j <= b.Length; j++)
        {
            last[j] = j;
        }
        for (var i = 1; i <= a.Length; i++)
        {
            now[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                now[j] = Math.Min(Math.Min(last[j], now[j - 1]) + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                {
                    now[j] = Math.Min(now[j], before[j - 2] + 1);
                }
            }
            (before, last, now) = (last, now, before);
        }
        return last[b.Length];
    }
}
