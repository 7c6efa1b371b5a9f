using System.Net;
using System.Net.Sockets;
using Postern.Tests.Harness;
using Postern.Upstreams.Resolving;

namespace Postern.Tests.Upstreams.Resolving;

/// <summary>From names to places, with a name server of our own.</summary>
public sealed class LookupTests : IAsyncDisposable
{
    private readonly DnsPeer dns = new();
    private readonly TempFolder folder = new();

    public async ValueTask DisposeAsync()
    {
        await dns.DisposeAsync();
        folder.Dispose();
    }

    [Fact]
    public async Task A_name_has_all_its_addresses_for_as_long_as_the_shortest_of_them()
    {
        dns.Say("orders.test", 60, "10.0.0.2", "10.0.0.1");
        dns.Alias("www.test", 30, "orders.test");
        var places = await FindAsync("www.test");
        Assert.Equal(["10.0.0.1", "10.0.0.2"], Addresses(places));
        Assert.Equal(TimeSpan.FromSeconds(30), places.Ttl);
        Assert.All(places.All, p => Assert.Equal(("www.test:8080", 8080, 1, false), (p.Host, p.Port, p.Weight, p.IsBackup)));
    }

    [Fact]
    public async Task An_answer_too_long_for_a_datagram_comes_over_TCP()
    {
        dns.Cuts = true;
        dns.Say("orders.test", 60, [.. Enumerable.Range(1, 200).Select(i => $"10.0.0.{i}")]);
        Assert.Equal(200, (await FindAsync("orders.test")).All.Count);
        Assert.Contains(("orders.test", DnsType.A, true), dns.Asked);
    }

    [Fact]
    public async Task Of_more_addresses_than_are_taken_it_is_the_same_ones_in_whatever_order_they_come()
    {
        dns.Cuts = true;
        string[] all = [.. Enumerable.Range(0, 400).Select(i => $"10.0.{i / 200}.{i % 200}")];
        dns.Say("orders.test", 60, all);
        var first = Addresses(await FindAsync("orders.test"));
        dns.Say("orders.test", 60, [.. all.Skip(100), .. all.Take(100)]);
        Assert.Equal(256, first.Count());
        Assert.Equal(first, Addresses(await FindAsync("orders.test")));
    }

    [Fact]
    public async Task What_a_stranger_sends_is_passed_over()
    {
        dns.Say("orders.test", 60, "10.0.0.1");
        dns.Before = question =>
        {
            byte[] forged = [.. question[..12], .. question[12..^11], 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 6, 6, 6, 6];
            forged[2] |= 0x80;
            (forged[1], forged[7], forged[11]) = ((byte)(forged[1] + 1), 1, 0);
            return forged;
        };
        Assert.Equal(["10.0.0.1"], Addresses(await FindAsync("orders.test")));
    }

    [Fact]
    public async Task A_server_that_fails_or_says_nothing_is_followed_by_the_next()
    {
        await using var silent = new DnsPeer { IsSilent = true };
        await using var failing = new DnsPeer { Code = 2 };
        dns.Say("orders.test", 60, "10.0.0.1");
        var places = await FindAsync("orders.test", new ResolveOptions { Servers = [silent.Server, failing.Server, dns.Server], Timeout = TimeSpan.FromMilliseconds(200) });
        Assert.Equal(["10.0.0.1"], Addresses(places));
    }

    [Fact]
    public async Task Why_nobody_can_say_is_said()
    {
        dns.Code = 2;
        Assert.Equal($"{dns.Server} answered with error 2", (await Assert.ThrowsAsync<DnsException>(() => FindAsync("orders.test"))).Message);
        dns.Code = 0;
        Assert.Equal("orders.test has no address", (await Assert.ThrowsAsync<DnsException>(() => FindAsync("orders.test"))).Message);
        dns.IsSilent = true;
        Assert.Equal($"{dns.Server} did not answer in time", (await Assert.ThrowsAsync<DnsException>(() => FindAsync("orders.test", Asking() with { Timeout = TimeSpan.FromMilliseconds(100) }))).Message);
    }

    [Fact]
    public async Task Services_have_ports_weights_and_backups()
    {
        dns.Say("a.test", 60, "10.0.0.1", "10.0.0.2");
        dns.Say("b.test", 20, "10.0.0.3");
        dns.Services("_http._tcp.orders.test", 40, (10, 3, 8001, "a.test"), (10, 0, 8002, "b.test"), (20, 5, 8003, "b.test"), (20, 5, 8004, "gone.test"));
        foreach (var options in new[] { Asking(ResolveBy.Srv), Asking(ResolveBy.Srv) with { Service = "http" } })
        {
            var places = await FindAsync(options.Service is null ? "_http._tcp.orders.test" : "orders.test", options, 80);
            Assert.Equal(TimeSpan.FromSeconds(20), places.Ttl);
            Assert.Equal(
                ["10.0.0.1:8001 a.test:8001 3 False", "10.0.0.2:8001 a.test:8001 3 False", "10.0.0.3:8002 b.test:8002 1 False", "10.0.0.3:8003 b.test:8003 5 True"],
                places.All.Select(p => $"{p.Address}:{p.Port} {p.Host} {p.Weight} {p.IsBackup}").Order());
        }
    }

    [Fact]
    public async Task Addresses_that_come_with_the_services_are_not_asked_for()
    {
        dns.Services("orders.test", 60, (1, 0, 8001, "a.test"), (1, 0, 8002, "."));
        dns.Add("a.test", 50, "10.0.0.7");
        var places = await FindAsync("orders.test", Asking(ResolveBy.Srv));
        Assert.Equal(["10.0.0.7"], Addresses(places));
        Assert.Single(dns.Asked);
    }

    [Theory]
    [InlineData(AddressFamilies.Ipv4, "127.0.0.9")]
    [InlineData(AddressFamilies.Ipv6, "::1")]
    [InlineData(AddressFamilies.Both, "127.0.0.9,::1")]
    public async Task Families_of_addresses_can_be_left_out(AddressFamilies family, string expected)
    {
        Assert.SkipUnless(Socket.OSSupportsIPv6, "This machine has no IPv6.");
        dns.Say("orders.test", 60, "127.0.0.9", "::1");
        Assert.Equal(expected.Split(','), Addresses(await FindAsync("orders.test", Asking() with { Family = family })));
    }

    [Fact]
    public async Task The_machine_s_own_file_comes_first()
    {
        var hosts = folder.Write("hosts", "127.0.0.1 localhost # us\n::1 localhost\n\n10.9.9.9\tdb Orders.Test\n10.9.9.8 orders.test\nbroken orders.test\n");
        Assert.Equal(["10.9.9.8", "10.9.9.9"], Addresses(await FindAsync("orders.test", hosts: hosts)));
        Assert.Equal(["127.0.0.1"], Addresses(await FindAsync("localhost", hosts: hosts)));
        Assert.Equal(["127.0.0.1"], Addresses(await FindAsync("shop.localhost", hosts: hosts)));
        Assert.Empty(dns.Asked);
    }

    [Theory]
    [InlineData("ndots:1", "orders", "orders.a.test orders.b.test orders")]
    [InlineData("ndots:1", "orders.x", "orders.x orders.x.a.test orders.x.b.test")]
    [InlineData("ndots:5", "orders.x", "orders.x.a.test orders.x.b.test orders.x")]
    [InlineData("ndots:5", "orders.x.", "orders.x")]
    public void Names_are_looked_for_along_the_search_list(string option, string name, string expected)
    {
        var resolver = folder.Write("resolv.conf", $"# ours\nnameserver 127.0.0.1\nsearch a.test b.test.\noptions timeout:1 {option}\n");
        var (servers, search, dots) = new HostFiles("/nowhere", resolver).Resolving();
        Assert.Equal(new IPEndPoint(IPAddress.Loopback, 53), Assert.Single(servers));
        Assert.Equal(["a.test", "b.test"], search);
        Assert.Equal(expected.Split(' '), Lookup.Names(name, search, dots));
    }

    [Fact]
    public async Task Of_a_family_that_fails_it_says_so()
    {
        Assert.SkipUnless(Socket.OSSupportsIPv6, "This machine has no IPv6.");
        await using var half = new DnsPeer();
        half.Say("orders.test", 60, "10.0.0.1");
        half.SilentFor = DnsType.Aaaa;
        var places = await FindAsync("orders.test", new ResolveOptions { Servers = [half.Server], Timeout = TimeSpan.FromMilliseconds(100) });
        Assert.Equal(["10.0.0.1"], Addresses(places));
        Assert.Equal([("orders.test:8080", AddressFamily.InterNetworkV6)], places.Missed);
    }

    private ResolveOptions Asking(ResolveBy by = ResolveBy.Dns) => new() { By = by, Servers = [dns.Server] };

    private Task<Places> FindAsync(string host, ResolveOptions? options = null, int port = 8080, string hosts = "/nowhere") =>
        new Lookup(options ?? Asking(), new HostFiles(hosts), TimeProvider.System).FindAsync(host, port, TestContext.Current.CancellationToken);

    private static IEnumerable<string> Addresses(Places places) => places.All.Select(p => p.Address.ToString()).Order(StringComparer.Ordinal);
}
