using System.Globalization;

namespace Postern.Config;

/// <summary>Statuses of HTTP (RFC 9110 §15), written <c>503</c>, <c>5xx</c> or <c>200-399</c>.</summary>
/// <param name="From">The first.</param>
/// <param name="To">The last.</param>
public readonly record struct StatusRange(int From, int To)
{
    /// <summary>Whether it holds a status.</summary>
    public bool Has(int status) => status >= From && status <= To;

    /// <summary>Reads <c>503</c>, <c>5xx</c> or <c>200-399</c>.</summary>
    public static bool TryParse(string text, out StatusRange range)
    {
        range = default;
        if (text is [>= '1' and <= '5', 'x', 'x'])
        {
            var first = (text[0] - '0') * 100;
            range = new StatusRange(first, first + 99);
            return true;
        }
        var dash = text.IndexOf('-');
        if (!TryStatus(dash < 0 ? text : text[..dash], out var from))
        {
            return false;
        }
        var to = from;
        if ((dash >= 0 && !TryStatus(text[(dash + 1)..], out to)) || to < from)
        {
            return false;
        }
        range = new StatusRange(from, to);
        return true;
    }

    /// <summary>As it would be written.</summary>
    public override string ToString() => From == To ? Text(From)
        : From % 100 == 0 && To == From + 99 ? Text(From / 100) + "xx" : $"{Text(From)}-{Text(To)}";

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static bool TryStatus(string text, out int status) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out status) && status is >= 100 and <= 599;
}
