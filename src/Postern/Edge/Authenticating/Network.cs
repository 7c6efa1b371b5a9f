using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Postern.Edge.Authenticating;

/// <summary>Who counts as one client where costs are shared out: an IPv4 address, or the /64 of an IPv6 address.</summary>
internal readonly record struct Network(AddressFamily Family, ulong Prefix)
{
    /// <summary>The network of an address; one for all that are none.</summary>
    public static Network Of(string client)
    {
        if (!IPAddress.TryParse(client, out var address))
        {
            return default;
        }
        address = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        Span<byte> bytes = stackalloc byte[16];
        bytes.Clear();
        address.TryWriteBytes(bytes, out _);
        return new Network(address.AddressFamily, BinaryPrimitives.ReadUInt64BigEndian(bytes));
    }
}
