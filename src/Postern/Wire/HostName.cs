using System.Buffers;
using System.Net;
using System.Net.Sockets;

namespace Postern.Wire;

/// <summary>What may stand in <c>Host</c>, <c>X-Forwarded-Host</c> and the authority of a URL.</summary>
internal static class HostName
{
    private static readonly SearchValues<char> NameChars =
        SearchValues.Create("-._0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    /// <summary>Whether <paramref name="text"/> is a host name or address (IPv6 in brackets), with or without a port. No user, no
    /// percent-encoding: what needs them is no host that anyone means.</summary>
    public static bool IsValid(ReadOnlySpan<char> text)
    {
        if (text.Length is 0 or > 262)
        {
            return false;
        }
        ReadOnlySpan<char> port;
        if (text[0] == '[')
        {
            var end = text.IndexOf(']');
            if (end < 0 || text[1..end].Contains('%') || !IPAddress.TryParse(text[1..end], out var address) || address.AddressFamily != AddressFamily.InterNetworkV6)
            {
                return false;
            }
            port = text[(end + 1)..];
        }
        else
        {
            var colon = text.IndexOf(':');
            var name = colon < 0 ? text : text[..colon];
            if (name.Length == 0 || name[0] == '.' || name.ContainsAnyExcept(NameChars))
            {
                return false;
            }
            port = colon < 0 ? [] : text[colon..];
        }
        return port.IsEmpty || IsPort(port);
    }

    private static bool IsPort(ReadOnlySpan<char> port) =>
        port[0] == ':' && port.Length <= 6 && !port[1..].ContainsAnyExceptInRange('0', '9')
        && (port.Length == 1 || int.Parse(port[1..]) <= ushort.MaxValue);
}
