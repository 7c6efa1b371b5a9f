using System.Text;

namespace Postern.Server.Listening;

/// <summary>
/// Reads the bytes of a request's <c>Content-Length</c>. Kestrel takes what .NET takes for a number: <c>+5</c>, and 5 with NULs
/// behind it. A length is digits alone (RFC 9110 §8.6), so anything else is read as no number, and the request refused.
/// </summary>
internal sealed class LengthField : Encoding
{
    public static LengthField Reader { get; } = new();

    public override int GetCharCount(byte[] bytes, int index, int count) => count;

    public override int GetChars(byte[] bytes, int byteIndex, int byteCount, char[] chars, int charIndex)
    {
        for (var i = 0; i < byteCount; i++)
        {
            var c = (char)bytes[byteIndex + i];
            chars[charIndex + i] = char.IsAsciiDigit(c) ? c : '?';
        }
        return byteCount;
    }

    public override int GetMaxCharCount(int byteCount) => byteCount;

    public override int GetByteCount(char[] chars, int index, int count) => Latin1.GetByteCount(chars, index, count);

    public override int GetBytes(char[] chars, int charIndex, int charCount, byte[] bytes, int byteIndex) =>
        Latin1.GetBytes(chars, charIndex, charCount, bytes, byteIndex);

    public override int GetMaxByteCount(int charCount) => Latin1.GetMaxByteCount(charCount);
}
