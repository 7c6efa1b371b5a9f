using System.Net;
using Microsoft.Extensions.Primitives;
using Postern.Wire;

namespace Postern.Tests.Wire;

public sealed class TrustedProxiesTests
{
    private static readonly TrustedProxies Proxies = TrustedProxies.Compile(["10.0.0.0/8", "192.0.2.7", "fd00::/8", "::1", "::ffff:203.0.113.0/120"]);

    [Theory]
    [InlineData("10.0.0.1", true)]
    [InlineData("10.255.255.255", true)]
    [InlineData("11.0.0.0", false)]
    [InlineData("::ffff:10.1.2.3", true)]
    [InlineData("::ffff:11.1.2.3", false)]
    [InlineData("192.0.2.7", true)]
    [InlineData("192.0.2.8", false)]
    [InlineData("::ffff:192.0.2.7", true)]
    [InlineData("fd12::1", true)]
    [InlineData("fe80::1", false)]
    [InlineData("::1", true)]
    [InlineData("::a00:1", false)]
    [InlineData("203.0.113.9", true)]
    [InlineData("203.0.114.9", false)]
    public void A_peer_is_trusted_by_network_in_either_notation(string address, bool trusted) =>
        Assert.Equal(trusted, Proxies.Trusts(IPAddress.Parse(address)));

    [Theory]
    [InlineData("0.0.0.0/0", "198.51.100.1", true)]
    [InlineData("0.0.0.0/0", "2001:db8::1", false)]
    [InlineData("::/0", "198.51.100.1", true)]
    public void A_whole_family_can_be_trusted(string network, string address, bool trusted) =>
        Assert.Equal(trusted, TrustedProxies.Compile([network]).Trusts(IPAddress.Parse(address)));

    [Fact]
    public void Nobody_is_trusted_by_default()
    {
        Assert.False(TrustedProxies.Compile(null).Trusts(IPAddress.Loopback));
        Assert.False(TrustedProxies.None.Trusts(null));
        Assert.Equal("127.0.0.1", TrustedProxies.None.ClientAddress(IPAddress.Loopback, "198.51.100.1"));
    }

    [Theory]
    [InlineData("198.51.100.9", "203.0.114.1", "198.51.100.9")]
    [InlineData("10.0.0.1", "", "10.0.0.1")]
    [InlineData("10.0.0.1", "198.51.100.1", "198.51.100.1")]
    [InlineData("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1")]
    [InlineData("::ffff:198.51.100.9", "", "198.51.100.9")]
    [InlineData("10.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1")]
    [InlineData("10.0.0.1", "6.6.6.6, 198.51.100.1, 10.0.0.2", "198.51.100.1")]
    [InlineData("10.0.0.1", "6.6.6.6,198.51.100.1,10.0.0.2,fd00::2", "198.51.100.1")]
    [InlineData("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3")]
    [InlineData("10.0.0.1", "198.51.100.1, nonsense, 10.0.0.2", "10.0.0.2")]
    [InlineData("10.0.0.1", "198.51.100.1, unknown", "10.0.0.1")]
    [InlineData("10.0.0.1", "198.51.100.1, , 10.0.0.2, ", "198.51.100.1")]
    [InlineData("10.0.0.1", "198.51.100.1:4711", "198.51.100.1")]
    [InlineData("10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1")]
    [InlineData("10.0.0.1", "[2001:DB8::1]", "2001:db8::1")]
    [InlineData("10.0.0.1", "2001:db8:0:0::1", "2001:db8::1")]
    [InlineData("10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1")]
    [InlineData("10.0.0.1", "198.51.100.1, [fd00::1]:80", "198.51.100.1")]
    [InlineData("10.0.0.1", "198.51.100.1, 1", "10.0.0.1")]
    [InlineData("10.0.0.1", "198.51.100.1, 010.0.0.1", "10.0.0.1")]
    [InlineData("10.0.0.1", "198.51.100.1, 0x7f.1", "10.0.0.1")]
    [InlineData("10.0.0.1", "198.51.100.1, 1.2.3.256", "10.0.0.1")]
    [InlineData("10.0.0.1", "198.51.100.1, 1.2.3", "10.0.0.1")]
    [InlineData("10.0.0.1", "198.51.100.1, 1.2.3.4.5", "10.0.0.1")]
    [InlineData("10.0.0.1", "198.51.100.1, 1.2.3.4:", "10.0.0.1")]
    [InlineData("10.0.0.1", "198.51.100.1, 1.2.3.4:port", "10.0.0.1")]
    [InlineData("10.0.0.1", "198.51.100.1, [::1", "10.0.0.1")]
    [InlineData("10.0.0.1", "198.51.100.1, fe80::1%eth0", "10.0.0.1")]
    [InlineData("10.0.0.1", "198.51.100.1, \"1.2.3.4\"", "10.0.0.1")]
    public void The_client_is_the_rightmost_hop_that_nobody_vouches_for(string peer, string chain, string client) =>
        Assert.Equal(client, Proxies.ClientAddress(IPAddress.Parse(peer), chain.Length == 0 ? StringValues.Empty : chain));

    [Fact]
    public void Several_fields_are_one_chain() =>
        Assert.Equal("198.51.100.1", Proxies.ClientAddress(IPAddress.Parse("10.0.0.1"), new StringValues(["6.6.6.6", "198.51.100.1, 10.0.0.3", "10.0.0.2"])));

    [Fact]
    public void Only_the_last_32_hops_are_looked_at()
    {
        var chain = string.Join(',', Enumerable.Range(0, 40).Select(i => i == 7 ? "198.51.100.1" : $"10.0.1.{i}"));
        Assert.Equal("10.0.1.8", Proxies.ClientAddress(IPAddress.Parse("10.0.0.1"), chain));
        chain = string.Join(',', Enumerable.Range(0, 40).Select(i => i == 8 ? "198.51.100.1" : $"10.0.1.{i}"));
        Assert.Equal("198.51.100.1", Proxies.ClientAddress(IPAddress.Parse("10.0.0.1"), chain));
    }

    [Theory]
    [InlineData("198.51.100.9", "6.6.6.6", "https", "evil.example", "198.51.100.9", "http", "api.example")]
    [InlineData("10.0.0.1", "198.51.100.1", "https", "www.example:8443", "198.51.100.1, 10.0.0.1", "https", "www.example:8443")]
    [InlineData("10.0.0.1", "", "", "", "10.0.0.1", "http", "api.example")]
    [InlineData("10.0.0.1", "6.6.6.6, 198.51.100.1", "HTTPS", "[2001:db8::1]:80", "6.6.6.6, 198.51.100.1, 10.0.0.1", "https", "[2001:db8::1]:80")]
    [InlineData("10.0.0.1", " , ", "gopher", "a/b", "10.0.0.1", "http", "api.example")]
    [InlineData("10.0.0.1", "", "http, https", "a.example, b.example", "10.0.0.1", "https", "b.example")]
    [InlineData("10.0.0.1", "", "https ", "user@host", "10.0.0.1", "https", "api.example")]
    [InlineData("::ffff:10.0.0.1", "", "", "a b", "10.0.0.1", "http", "api.example")]
    public void Upstreams_are_told_what_a_trusted_proxy_says_and_else_what_was_seen(
        string peer, string chain, string proto, string host, string sentFor, string sentProto, string sentHost)
    {
        var sent = Proxies.Forward(IPAddress.Parse(peer), "http", "api.example", Field(chain), Field(proto), Field(host));
        Assert.Equal(new ForwardedFields(sentFor, sentProto, sentHost), sent);
        static StringValues Field(string text) => text.Length == 0 ? StringValues.Empty : text;
    }

    [Fact]
    public void Without_a_peer_or_a_host_nothing_is_made_up()
    {
        Assert.Equal(new ForwardedFields("unknown", "http", ""), Proxies.Forward(null, "http", "", "1.2.3.4", "https", "x"));
        Assert.Equal("unknown", Proxies.ClientAddress(null, "1.2.3.4"));
    }
}
