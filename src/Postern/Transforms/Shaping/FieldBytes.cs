using System.Text;

namespace Postern.Transforms.Shaping;

/// <summary>What a header field's value says. The server reads fields byte for byte, as Latin-1, so that they go on unchanged; what clients mean is UTF-8.</summary>
internal static class FieldBytes
{
    /// <summary>The text; where the bytes are no UTF-8, as Latin-1.</summary>
    public static string AsText(string value)
    {
        if (Ascii.IsValid(value))
        {
            return value;
        }
        var bytes = new byte[value.Length];
        for (var i = 0; i < value.Length; i++)
        {
            if (value[i] > 0xff)
            {
                return value; // Read as UTF-8 already.
            }
            bytes[i] = (byte)value[i];
        }
        return System.Text.Unicode.Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : value;
    }
}
