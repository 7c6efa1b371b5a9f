using System.Globalization;

namespace Postern.Config;

/// <summary>How much faster than steadily a limit may be used up for a while, written <c>1.5x/10s</c>: in any ten seconds one and
/// a half times what the steady rate gives in ten seconds.</summary>
/// <param name="Factor">How many times the steady share; 1 or more.</param>
/// <param name="Over">The while.</param>
public readonly record struct Burst(decimal Factor, TimeSpan Over)
{
    /// <summary>The largest bucket.</summary>
    public const long MaxCapacity = 50_000_000;

    /// <summary>What is wrong with it; null for nothing.</summary>
    internal string? Problem =>
        Factor is < 1 or > 1000 ? $"a burst is 1 to 1000 times the steady rate, got {Factor.ToString(CultureInfo.InvariantCulture)}; write 1.5x/10s"
        : Over < TimeSpan.FromSeconds(1) || Over > TimeSpan.FromHours(1) ? $"a burst is over 1s to 1h, got {Scalars.Format(Over)}; write 1.5x/10s"
        : null;

    /// <summary>How many requests may come at once under a rate: so many times its share of the while, rounded down, but at least one.</summary>
    internal decimal CapacityOf(Rate rate) => Math.Max(1, Math.Floor(Factor * rate.Count * Over.Ticks / rate.Per.Ticks));

    /// <summary>Reads <c>1.5x/10s</c>. Whether it can be so much, or for so long, is for whoever uses it to say.</summary>
    public static bool TryParse(string text, out Burst burst)
    {
        burst = default;
        var at = text.IndexOf("x/", StringComparison.Ordinal);
        if (at < 0 || !Scalars.TryNumber(text.AsSpan(0, at), out var factor) || !Scalars.TryDuration(text[(at + 2)..], out var over))
        {
            return false;
        }
        burst = new Burst(factor, over);
        return true;
    }

    /// <summary>As it would be written.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Factor:0.####}x/{Scalars.Format(Over)}");
}
