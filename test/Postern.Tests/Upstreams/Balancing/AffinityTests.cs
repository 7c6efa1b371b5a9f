using System.Net;
using Postern.Tests.Harness;

namespace Postern.Tests.Upstreams.Balancing;

/// <summary>Clients that are bound to a destination by a cookie, through the whole gateway.</summary>
public sealed class AffinityTests : IAsyncLifetime
{
    private WebUpstream a = null!, b = null!, c = null!;

    public async ValueTask InitializeAsync() => (a, b, c) = (await WebUpstream.StartAsync("a"), await WebUpstream.StartAsync("b"), await WebUpstream.StartAsync("c"));

    public async ValueTask DisposeAsync()
    {
        await a.DisposeAsync();
        await b.DisposeAsync();
        await c.DisposeAsync();
    }

    [Fact]
    public async Task The_first_answer_binds_a_client_and_every_other_comes_from_there()
    {
        await using var gateway = await StartAsync("affinity: SHOP, balance: roundRobin");
        using var client = gateway.Client();
        for (var clients = 0; clients < 6; clients++)
        {
            var (who, cookie) = await AskAsync(client);
            Assert.NotNull(cookie);
            for (var i = 0; i < 5; i++)
            {
                Assert.Equal((who, null), await AskAsync(client, $"theme=dark; {cookie.Split(';')[0]}; x=y"));
            }
        }
    }

    [Fact]
    public async Task The_cookie_says_nothing_and_no_script_reads_it()
    {
        await using var gateway = await StartAsync("affinity: SHOP");
        using var client = gateway.Client();
        var (_, cookie) = await AskAsync(client);
        Assert.Matches("^SHOP=[0-9a-f]{24}; Path=/; HttpOnly; SameSite=Lax$", cookie);
        await using var other = await StartAsync("affinity: { cookie: SHOP, maxAge: 2h, sameSite: strict, secret: 0123456789abcdef }");
        using var another = other.Client();
        var values = new HashSet<string>();
        for (var i = 0; i < 20; i++)
        {
            values.Add((await AskAsync(another)).Cookie!);
        }
        Assert.Equal(3, values.Count);
        Assert.All(values, v => Assert.Matches("^SHOP=[0-9a-f]{24}; Path=/; HttpOnly; SameSite=Strict; Max-Age=7200$", v));
        Assert.DoesNotContain(values, v => v.StartsWith(cookie!.Split(';')[0], StringComparison.Ordinal));
    }

    [Fact]
    public async Task Over_https_it_is_for_https_alone()
    {
        await using var gateway = await StartAsync("affinity: SHOP", "trustedProxies: [127.0.0.1]");
        using var client = gateway.Client();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/") { Headers = { { "X-Forwarded-Proto", "https" } } };
        using var answer = await client.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.EndsWith("; SameSite=Lax; Secure", answer.Headers.GetValues("Set-Cookie").Single(), StringComparison.Ordinal);
        await using var none = await StartAsync("affinity: { cookie: SHOP, sameSite: none }");
        using var other = none.Client();
        Assert.EndsWith("; SameSite=None; Secure", (await AskAsync(other)).Cookie, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("SHOP=0123456789abcdef01234567")]
    [InlineData("SHOP=")]
    [InlineData("SHOP=127.0.0.1; shop=x")]
    [InlineData("SHOPPING=1")]
    [InlineData(";;; = ;SHOP")]
    public async Task A_cookie_that_names_nobody_is_replaced(string cookie)
    {
        await using var gateway = await StartAsync("affinity: SHOP");
        using var client = gateway.Client();
        Assert.NotNull((await AskAsync(client, cookie)).Cookie);
    }

    [Fact]
    public async Task A_client_whose_destination_is_in_trouble_is_bound_to_another()
    {
        using var up = Balanced.Of(u => Postern.Upstreams.Balancing.BalancingExtensions.Affinity(u.Set<Postern.Upstreams.Forwarding.ForwardingOptions>(
            o => o with { Urls = ["http://a:1", "http://b:1"] }), "SHOP"));
        var reply = await up.SendAsync(Balanced.Call("Cookie", "x=y"));
        var cookie = reply.Fields.Find("Set-Cookie")!.Split(';')[0];
        var call = Balanced.Call("Cookie", cookie);
        var mine = await up.PickAsync(call);
        var (bound, other) = (up.Set.Members.Single(m => m.Destination.Name == mine).Destination, up.Set.Members.Single(m => m.Destination.Name != mine).Destination);
        Assert.Equal(mine, await up.PickAsync(Balanced.Call("Cookie", cookie)));

        bound.Accuse("health", "no answer");
        var elsewhere = Balanced.Call("Cookie", cookie);
        reply = await up.SendAsync(elsewhere);
        Assert.Equal(other.Name, elsewhere.DestinationName);
        Assert.NotEqual(cookie, reply.Fields.Find("Set-Cookie")!.Split(';')[0]);

        bound.Acquit("health");
        Assert.Equal(mine, await up.PickAsync(Balanced.Call("Cookie", cookie)));
        var again = Balanced.Call("Cookie", cookie);
        again.Tried = [bound];
        Assert.Equal(other.Name, await up.PickAsync(again));
    }

    [Fact]
    public async Task Of_weight_0_a_destination_serves_those_that_are_bound_to_it_and_nobody_else()
    {
        using var up = Balanced.Of(u => Postern.Upstreams.Balancing.BalancingExtensions.Affinity(u.Set<Postern.Upstreams.Forwarding.ForwardingOptions>(
            o => o with { Urls = ["http://a:1", "http://b:1"] }), "SHOP"));
        var call = Balanced.Call("Cookie", "x=y");
        var cookie = (await up.SendAsync(call)).Fields.Find("Set-Cookie")!.Split(';')[0];
        var mine = call.DestinationName!;
        Assert.Null(up.Set.SetWeights(new Dictionary<string, int> { [mine] = 0 }));
        Assert.Equal(100, (await up.CountAsync(100, _ => Balanced.Call("Cookie", cookie)))[mine]);
        Assert.DoesNotContain(mine, (await up.CountAsync(100)).Keys);
    }

    [Fact]
    public async Task What_the_service_sets_itself_comes_through_too()
    {
        await using var upstream = ScriptedUpstream.Answering("HTTP/1.1 200 OK\r\nSet-Cookie: own=1\r\nContent-Length: 0\r\n\r\n");
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, "affinity: SHOP");
        using var client = gateway.Client();
        for (var i = 0; i < 3; i++)
        {
            using var answer = await client.GetAsync("/", TestContext.Current.CancellationToken);
            Assert.Equal(["own=1", "SHOP"], answer.Headers.GetValues("Set-Cookie").Select(v => v.StartsWith("SHOP=", StringComparison.Ordinal) ? "SHOP" : v));
        }
    }

    private Task<TestGateway> StartAsync(string keys, string root = "") => TestGateway.StartAsync($$"""
        {{root}}
        upstreams:
          shop: { urls: [{{a.Url}}, {{b.Url}}, {{c.Url}}], {{keys}} }
        gates:
          web:
            identity: off
            routes: [{ any: "/{**rest}", to: http://shop }]
        """);

    private static async Task<(string Who, string? Cookie)> AskAsync(HttpClient client, string? cookie = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/");
        if (cookie is not null)
        {
            request.Headers.TryAddWithoutValidation("Cookie", cookie);
        }
        using var answer = await client.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return ((await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).Split(' ')[0],
            answer.Headers.TryGetValues("Set-Cookie", out var set) ? set.Single() : null);
    }
}
