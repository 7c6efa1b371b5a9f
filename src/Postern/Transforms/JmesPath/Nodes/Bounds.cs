using System.Text;

namespace Postern.Transforms.JmesPath.Nodes;

/// <summary>From where to where a slice goes, and in what steps; null where it isn't said.</summary>
internal readonly record struct Bounds(int? Start, int? Stop, int Step)
{
    /// <summary>The same for a list of that length: never outside of it.</summary>
    public (long Start, long Stop, long Step) Of(int length) => Step > 0
        ? (Cap(Start ?? 0, length, 0, length), Cap(Stop ?? length, length, 0, length), Step)
        : (Cap(Start ?? length - 1, length, -1, length - 1), Stop is { } stop ? Cap(stop, length, -1, length - 1) : -1, Step);

    /// <summary>Characters of a text: whole ones, not halves of pairs.</summary>
    public string Of(string text)
    {
        if (!Characters.HasPairs(text))
        {
            var (start, stop, step) = Of(text.Length);
            if (step == 1)
            {
                return start < stop ? text[(int)start..(int)stop] : "";
            }
            var plain = new StringBuilder();
            for (var at = start; step > 0 ? at < stop : at > stop; at += step)
            {
                plain.Append(text[(int)at]);
            }
            return plain.ToString();
        }
        var characters = Characters.Of(text);
        var (first, behind, by) = Of(characters.Count);
        var picked = new StringBuilder();
        for (var at = first; by > 0 ? at < behind : at > behind; at += by)
        {
            picked.Append(characters[(int)at]);
        }
        return picked.ToString();
    }

    private static long Cap(long at, int length, int least, int most) => Math.Clamp(at < 0 ? at + length : at, least, most);
}
