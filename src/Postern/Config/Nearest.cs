namespace Postern.Config;

/// <summary>Finds the word that was probably meant.</summary>
internal static class Nearest
{
    /// <summary>The candidate that takes the fewest slips (a letter too many, too few, wrong, or two swapped) to become
    /// <paramref name="word"/>; null if it would take more than half the word. Case counts for less than a slip.</summary>
    public static string? Of(string word, IEnumerable<string> candidates)
    {
        string? best = null;
        var least = double.MaxValue;
        foreach (var candidate in candidates)
        {
            var allowed = (Math.Max(word.Length, candidate.Length) + 1) / 2;
            if (word.Length > 64 || Math.Abs(word.Length - candidate.Length) > allowed)
            {
                continue;
            }
            double slips = Slips(word.ToLowerInvariant(), candidate.ToLowerInvariant());
            if (slips > allowed)
            {
                continue;
            }
            if (candidate.StartsWith(word, StringComparison.OrdinalIgnoreCase) || word.StartsWith(candidate, StringComparison.OrdinalIgnoreCase))
            {
                slips -= 0.5;
            }
            if (slips < least)
            {
                (best, least) = (candidate, slips);
            }
        }
        return best;
    }

    /// <summary><c>; did you mean 'x'?</c>, or nothing.</summary>
    public static string Hint(string word, IEnumerable<string> candidates) =>
        Of(word, candidates) is { } near ? $"; did you mean '{near}'?" : "";

    /// <summary>The distance of Damerau and Levenshtein, in its restricted form: no letter is moved twice.</summary>
    private static int Slips(string a, string b)
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
