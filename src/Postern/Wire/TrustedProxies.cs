using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Primitives;

namespace Postern.Wire;

/// <summary>What an upstream is told about the client; the host is empty where there is none.</summary>
internal readonly record struct ForwardedFields(string For, string Proto, string Host);

/// <summary>
/// Whose <c>X-Forwarded-*</c> are believed: addresses and networks, compiled to numbers once. IPv4 counts as the IPv6
/// range it is mapped to, so a peer is the same on a socket of either kind.
/// </summary>
internal sealed class TrustedProxies
{
    /// <summary>How many hops of <c>X-Forwarded-For</c>, from the right, are looked at.</summary>
    private const int MaxHops = 32;

    private static readonly UInt128 MappedPrefix = (UInt128)0xffff << 32;

    private readonly (UInt128 Network, UInt128 Mask)[] networks;

    private TrustedProxies((UInt128, UInt128)[] networks) => this.networks = networks;

    /// <summary>Trusts nobody.</summary>
    public static TrustedProxies None { get; } = new([]);

    /// <summary>Compiles <c>10.0.0.7</c>, <c>10.0.0.0/8</c>, <c>fd00::/8</c>; what is neither has been reported by the configuration.</summary>
    public static TrustedProxies Compile(IReadOnlyList<string>? list)
    {
        var networks = new List<(UInt128, UInt128)>();
        foreach (var text in list ?? [])
        {
            if (IPNetwork.TryParse(text, out var network))
            {
                var bits = network.PrefixLength + (network.BaseAddress.AddressFamily == AddressFamily.InterNetwork ? 96 : 0);
                var mask = bits == 0 ? UInt128.Zero : UInt128.MaxValue << (128 - bits);
                networks.Add((Number(network.BaseAddress) & mask, mask));
            }
            else if (IPAddress.TryParse(text, out var address))
            {
                networks.Add((Number(address), UInt128.MaxValue));
            }
        }
        return networks.Count == 0 ? None : new TrustedProxies([.. networks]);
    }

    /// <summary>Whether what <paramref name="address"/> says of its clients is believed.</summary>
    public bool Trusts(IPAddress? address) => networks.Length > 0 && address is not null && Trusts(Number(address));

    /// <summary>The client's address: the peer's, or, behind trusted proxies, the rightmost hop that isn't one of them.</summary>
    public string ClientAddress(IPAddress? peer, StringValues forwardedFor)
    {
        if (forwardedFor.Count == 0 || !Trusts(peer))
        {
            return Text(peer);
        }
        string? client = null;
        var hops = 0;
        for (var i = forwardedFor.Count - 1; i >= 0; i--)
        {
            var rest = forwardedFor[i].AsSpan();
            while (!rest.IsEmpty)
            {
                var comma = rest.LastIndexOf(',');
                var hop = rest[(comma + 1)..].Trim(" \t");
                rest = comma < 0 ? default : rest[..comma];
                if (hop.IsEmpty)
                {
                    continue;
                }
                if (hops++ == MaxHops || !TryParseHop(hop, out var number))
                {
                    return client ?? Text(peer);
                }
                client = Text(number);
                if (!Trusts(number))
                {
                    return client;
                }
            }
        }
        return client ?? Text(peer);
    }

    /// <summary>What to send as <c>X-Forwarded-For/-Proto/-Host</c>: what this gateway saw itself; a trusted peer's word counts for more.</summary>
    public ForwardedFields Forward(IPAddress? peer, string scheme, string host, StringValues forwardedFor, StringValues proto, StringValues forwardedHost)
    {
        var seen = Text(peer);
        if (!Trusts(peer))
        {
            return new ForwardedFields(seen, scheme, host);
        }
        var chain = forwardedFor.Count == 0 ? seen : Join(forwardedFor, seen);
        var claimedProto = Last(proto);
        var claimedHost = Last(forwardedHost);
        return new ForwardedFields(
            chain,
            claimedProto.Equals("https", StringComparison.OrdinalIgnoreCase) ? "https" : claimedProto.Equals("http", StringComparison.OrdinalIgnoreCase) ? "http" : scheme,
            HostName.IsValid(claimedHost) ? claimedHost.ToString() : host);
    }

    /// <summary>An address as it is written: IPv4 that came over an IPv6 socket as IPv4; <c>unknown</c> for none (a Unix socket).</summary>
    public static string Text(IPAddress? address) =>
        address is null ? "unknown" : address.IsIPv4MappedToIPv6 ? Text(Number(address)) : address.ToString();

    private bool Trusts(UInt128 address)
    {
        foreach (var (network, mask) in networks)
        {
            if ((address & mask) == network)
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>The entry of the nearest proxy: the last of a list that proxies append to.</summary>
    private static ReadOnlySpan<char> Last(StringValues values)
    {
        var text = values.Count == 0 ? default : values[^1].AsSpan();
        return text[(text.LastIndexOf(',') + 1)..].Trim(" \t");
    }

    private static string Join(StringValues chain, string peer)
    {
        var before = chain.ToString().AsSpan().Trim(" \t,");
        return before.IsEmpty ? peer : string.Concat(before, ", ", peer);
    }

    private static UInt128 Number(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out var length);
        return length == 4 ? MappedPrefix | BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt128BigEndian(bytes);
    }

    private static string Text(UInt128 number)
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, number);
        return new IPAddress((number >> 32) == 0xffff ? bytes[12..] : bytes).ToString();
    }

    /// <summary>An address in any form that proxies write: <c>1.2.3.4</c>, <c>1.2.3.4:5</c>, <c>::1</c>, <c>[::1]</c>, <c>[::1]:5</c>.</summary>
    private static bool TryParseHop(ReadOnlySpan<char> hop, out UInt128 number)
    {
        number = default;
        if (hop[0] == '[')
        {
            var end = hop.IndexOf(']');
            return end > 0 && IsPort(hop[(end + 1)..]) && TryParseV6(hop[1..end], out number);
        }
        var colon = hop.IndexOf(':');
        if (colon >= 0 && hop[(colon + 1)..].Contains(':'))
        {
            return TryParseV6(hop, out number);
        }
        return (colon < 0 || IsPort(hop[colon..])) && TryParseV4(colon < 0 ? hop : hop[..colon], out number);
    }

    private static bool IsPort(ReadOnlySpan<char> port) =>
        port.IsEmpty || (port[0] == ':' && port.Length is > 1 and <= 6 && !port[1..].ContainsAnyExceptInRange('0', '9'));

    private static bool TryParseV6(ReadOnlySpan<char> text, out UInt128 number)
    {
        number = default;
        if (text.Contains('%') || !IPAddress.TryParse(text, out var address) || address.AddressFamily != AddressFamily.InterNetworkV6)
        {
            return false;
        }
        number = Number(address);
        return true;
    }

    /// <summary>Four decimal numbers. <see cref="IPAddress"/> would also take <c>1</c>, <c>0x7f.1</c> and octal <c>010.0.0.1</c>.</summary>
    private static bool TryParseV4(ReadOnlySpan<char> text, out UInt128 number)
    {
        number = default;
        uint address = 0;
        for (var part = 0; part < 4; part++)
        {
            var dot = text.IndexOf('.');
            var digits = dot < 0 ? text : text[..dot];
            if ((dot < 0) != (part == 3) || digits.Length is 0 or > 3 || digits.ContainsAnyExceptInRange('0', '9') || (digits.Length > 1 && digits[0] == '0'))
            {
                return false;
            }
            var value = uint.Parse(digits);
            if (value > 255)
            {
                return false;
            }
            address = (address << 8) | value;
            text = text[(dot + 1)..];
        }
        number = MappedPrefix | address;
        return true;
    }
}
