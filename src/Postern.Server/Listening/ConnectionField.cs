using System.Text;
using Postern.Wire;

namespace Postern.Server.Listening;

/// <summary>
/// Reads the bytes of a request's <c>Connection</c> field. Where all the options that Kestrel knows come down to one, it puts
/// that in the field's place and forgets which other fields were named, which would then go on to the upstream. So a field
/// that names others gets two options that contradict each other: Kestrel leaves it alone and closes after the answer.
/// </summary>
internal sealed class ConnectionField : Encoding
{
    private const string Contradiction = ", close, keep-alive";

    public static ConnectionField Reader { get; } = new();

    public override int GetCharCount(byte[] bytes, int index, int count) => Read(bytes.AsSpan(index, count)).Length;

    public override int GetChars(byte[] bytes, int byteIndex, int byteCount, char[] chars, int charIndex)
    {
        var text = Read(bytes.AsSpan(byteIndex, byteCount));
        text.CopyTo(chars.AsSpan(charIndex));
        return text.Length;
    }

    public override int GetMaxCharCount(int byteCount) => byteCount + Contradiction.Length;

    public override int GetByteCount(char[] chars, int index, int count) => Latin1.GetByteCount(chars, index, count);

    public override int GetBytes(char[] chars, int charIndex, int charCount, byte[] bytes, int byteIndex) =>
        Latin1.GetBytes(chars, charIndex, charCount, bytes, byteIndex);

    public override int GetMaxByteCount(int charCount) => Latin1.GetMaxByteCount(charCount);

    private static string Read(ReadOnlySpan<byte> bytes)
    {
        var field = Latin1.GetString(bytes);
        foreach (var range in field.AsSpan().Split(','))
        {
            var option = field.AsSpan(range).Trim(" \t");
            // What never goes on needs nobody to name it.
            if (!option.IsEmpty && !option.Equals("close", StringComparison.OrdinalIgnoreCase) && !HopByHop.IsRequestField(option.ToString()))
            {
                return field + Contradiction;
            }
        }
        return field;
    }
}
