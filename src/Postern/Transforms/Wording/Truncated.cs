using System.Globalization;
using Postern.Transforms.Json;

namespace Postern.Transforms.Wording;

/// <summary>
/// <c>truncate(text, n)</c>: at most n characters as people count them (grapheme clusters, UAX 29), so that no emoji and no accent is
/// cut off. Where something is cut, the last of them is <c>…</c>, and no space stands before it. Words are cut where they are: a
/// text is as long as asked for in every language, in those too that put no spaces between words.
/// </summary>
internal static class Truncated
{
    /// <summary>The text; null of null; an error where n is no whole number from 1.</summary>
    public static JsonValue Text(in JsonValue text, in JsonValue length)
    {
        if (text.IsNull || text.IsError)
        {
            return text;
        }
        if (text.Kind != JsonKind.String || length.Kind != JsonKind.Number)
        {
            return JsonValue.Error("invalid-type");
        }
        if (InLength(length) is not null)
        {
            return JsonValue.Error("invalid-value");
        }
        var most = length.AsDouble();
        var whole = text.AsString()!;
        return Cut(whole, most) is { } cut ? JsonValue.Of(cut) : text;
    }

    /// <summary>What is wrong with a length; null where nothing is.</summary>
    public static Mistake? InLength(in JsonValue length)
    {
        var most = length.AsDouble();
        return most >= 1 && most == Math.Truncate(most) ? null
            : new(string.Create(CultureInfo.InvariantCulture, $"{most} characters"), "write a whole number from 1; the sign for what was cut counts as one");
    }

    /// <summary>The text cut; null where it is short enough.</summary>
    private static string? Cut(string text, double most)
    {
        if (text.Length <= most)
        {
            return null;
        }
        var (kept, at) = (0, 0);
        for (var count = 0; at < text.Length; count++)
        {
            if (count == most)
            {
                return string.Concat(text.AsSpan(0, kept).TrimEnd(), "…");
            }
            if (count == most - 1)
            {
                kept = at;
            }
            at += StringInfo.GetNextTextElementLength(text.AsSpan(at));
        }
        return null;
    }
}
