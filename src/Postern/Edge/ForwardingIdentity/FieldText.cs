using System.Text;
using System.Text.Json;
using Postern.Pipeline;

namespace Postern.Edge.ForwardingIdentity;

/// <summary>
/// A claim as the value of a header field: visible ASCII and spaces within it, so that every server reads the same text from
/// it. <c>%</c> and all beyond ASCII are percent-encoded as UTF-8; in a list's entry a comma is too, or a role named
/// <c>a,admin</c> would be read as two. A control character is nowhere: who puts one into a claim wants more than a name.
/// </summary>
internal static class FieldText
{
    /// <summary>Longer values are not sent: servers bound all fields of a request together, often to 8 KB.</summary>
    public const int MaxLength = 4096;

    /// <summary>The value; null where there is none, and then whether there was a claim that can't be sent.</summary>
    public static string? Of(JsonElement? claim, out bool unfit)
    {
        unfit = false;
        if (claim is not { } value)
        {
            return null;
        }
        var text = new StringBuilder();
        try
        {
            if (value.ValueKind == JsonValueKind.Array)
            {
                foreach (var entry in value.EnumerateArray())
                {
                    if (ClaimPath.Plain(entry) is not { Length: > 0 } plain)
                    {
                        continue;
                    }
                    if (text.Length > 0)
                    {
                        text.Append(',');
                    }
                    unfit |= !Add(text, plain, entry: true);
                }
            }
            else if (ClaimPath.Plain(value) is { } plain)
            {
                unfit = !Add(text, plain, entry: false);
            }
        }
        catch (InvalidOperationException) // Half a surrogate pair: JSON can write it, no text can hold it.
        {
            unfit = true;
        }
        return unfit || text.Length == 0 ? null : text.ToString();
    }

    private static bool Add(StringBuilder text, string plain, bool entry)
    {
        Span<byte> bytes = stackalloc byte[4];
        var at = 0;
        foreach (var rune in plain.EnumerateRunes())
        {
            if (Rune.IsControl(rune) || text.Length > MaxLength)
            {
                return false;
            }
            // A space at either end would be trimmed, by the next server or by who splits the list.
            var literal = rune.Value is > ' ' and < 0x7f and not '%' && !(entry && rune.Value == ',')
                || (rune.Value == ' ' && at > 0 && at < plain.Length - 1);
            if (literal)
            {
                text.Append((char)rune.Value);
            }
            else
            {
                foreach (var b in bytes[..rune.EncodeToUtf8(bytes)])
                {
                    text.Append('%').Append(b.ToString("X2"));
                }
            }
            at += rune.Utf16SequenceLength;
        }
        return text.Length <= MaxLength;
    }
}
