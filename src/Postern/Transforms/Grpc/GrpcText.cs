using System.Text;

namespace Postern.Transforms.Grpc;

/// <summary>The text of a <c>grpc-message</c>: UTF-8, percent-encoded, from whoever answers.</summary>
internal static class GrpcText
{
    /// <summary>As much of it as is kept.</summary>
    public const int MaxLength = 1024;

    /// <summary>What it says, as far as it is kept; what isn't encoded as it should be stays as it is.</summary>
    public static string Decode(string message)
    {
        Span<byte> bytes = stackalloc byte[MaxLength];
        var count = 0;
        for (var i = 0; i < message.Length && count < MaxLength; i++)
        {
            if (message[i] == '%' && i + 2 < message.Length && char.IsAsciiHexDigit(message[i + 1]) && char.IsAsciiHexDigit(message[i + 2]))
            {
                bytes[count++] = (byte)(Convert.ToInt32(message.Substring(i + 1, 2), 16));
                i += 2;
            }
            else
            {
                // Fields are read as Latin-1, byte for byte.
                bytes[count++] = (byte)message[i];
            }
        }
        return Encoding.UTF8.GetString(bytes[..count]);
    }
}
