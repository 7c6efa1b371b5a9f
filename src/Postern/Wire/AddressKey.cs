using System.Net;
using System.Net.Sockets;

namespace Postern.Wire;

/// <summary>What counts as one client among addresses: an IPv4 address, or the /64 that one IPv6 subscriber has to choose from.</summary>
internal static class AddressKey
{
    private const int Networks = 1024;

    /// <summary>The networks of addresses seen last. A connection's address is one and the same text for all its requests.</summary>
    private static readonly Network?[] Seen = new Network?[Networks];

    /// <summary>The client that an address belongs to; the text itself where it isn't IPv6.</summary>
    public static string Of(string address)
    {
        if (!address.Contains(':'))
        {
            return address;
        }
        ref var place = ref Seen[(uint)address.GetHashCode() % Networks];
        var last = place;
        if (last is null || last.Address != address)
        {
            place = last = new Network(address, Mask(address));
        }
        return last.Text;
    }

    private static string Mask(string address)
    {
        if (!IPAddress.TryParse(address, out var parsed) || parsed.AddressFamily != AddressFamily.InterNetworkV6)
        {
            return address;
        }
        if (parsed.IsIPv4MappedToIPv6)
        {
            return parsed.MapToIPv4().ToString();
        }
        Span<byte> bytes = stackalloc byte[16];
        parsed.TryWriteBytes(bytes, out _);
        bytes[8..].Clear();
        return $"{new IPAddress(bytes)}/64";
    }

    private sealed record Network(string Address, string Text);
}
