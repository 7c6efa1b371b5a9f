namespace Postern.Config;

/// <summary>From a shortest to a longest duration, written <c>25ms..250ms</c>; one alone is both.</summary>
/// <param name="From">The shortest.</param>
/// <param name="To">The longest.</param>
public readonly record struct DurationRange(TimeSpan From, TimeSpan To)
{
    /// <summary>Reads <c>25ms..250ms</c>; the second is not shorter than the first.</summary>
    public static bool TryParse(string text, out DurationRange range)
    {
        range = default;
        var dots = text.IndexOf("..", StringComparison.Ordinal);
        if (!Scalars.TryDuration(dots < 0 ? text : text[..dots], out var from))
        {
            return false;
        }
        var to = from;
        if ((dots >= 0 && !Scalars.TryDuration(text[(dots + 2)..], out to)) || to < from)
        {
            return false;
        }
        range = new DurationRange(from, to);
        return true;
    }

    /// <summary>As it would be written.</summary>
    public override string ToString() => From == To ? Scalars.Format(From) : $"{Scalars.Format(From)}..{Scalars.Format(To)}";
}
