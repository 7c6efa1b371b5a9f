using System.Globalization;

namespace Postern.Config;

/// <summary>A share, written <c>10%</c>.</summary>
/// <param name="Value">Of a hundred.</param>
public readonly record struct Percent(decimal Value) : IComparable<Percent>
{
    /// <summary>From 0 to 1 for what is written as 0% to 100%.</summary>
    public double Share => (double)(Value / 100);

    /// <summary>Reads <c>10%</c>; a bare number is none, for nobody knows of what.</summary>
    public static bool TryParse(string text, out Percent percent)
    {
        percent = default;
        if (!text.EndsWith('%') || !Scalars.TryNumber(text.AsSpan(0, text.Length - 1), out var number))
        {
            return false;
        }
        percent = new Percent(number);
        return true;
    }

    /// <inheritdoc/>
    public int CompareTo(Percent other) => Value.CompareTo(other.Value);

    /// <summary>As it would be written.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Value:0.####}%");
}
