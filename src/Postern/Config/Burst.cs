using System.Globalization;

namespace Postern.Config;

/// <summary>How much faster than steadily a limit may be used up for a while, written <c>1.5x/10s</c>: in any ten seconds one and
/// a half times what the steady rate gives in ten seconds.</summary>
/// <param name="Factor">How many times the steady share; 1 or more.</param>
/// <param name="Over">The while.</param>
public readonly record struct Burst(decimal Factor, TimeSpan Over)
{
    /// <summary>Reads <c>1.5x/10s</c>.</summary>
    public static bool TryParse(string text, out Burst burst)
    {
        burst = default;
        var at = text.IndexOf("x/", StringComparison.Ordinal);
        if (at < 0 || !Scalars.TryNumber(text.AsSpan(0, at), out var factor) || factor is < 1 or > 1000
            || !Scalars.TryDuration(text[(at + 2)..], out var over) || over < TimeSpan.FromSeconds(1) || over > TimeSpan.FromHours(1))
        {
            return false;
        }
        burst = new Burst(factor, over);
        return true;
    }

    /// <summary>As it would be written.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Factor:0.####}x/{Scalars.Format(Over)}");
}
