using System.Net;
using Microsoft.AspNetCore.Http;
using Postern.Tests.Harness;

namespace Postern.Tests.EndToEnd;

/// <summary>Which route answers, and which side of a weighted list.</summary>
public sealed class RoutingTests
{
    private const string Gates = """
        gates:
          web:
            match: { path: /web }
            identity: off
            routes:
              - get: /items/{id}
                to: http://up/any-item
              - get: /items/{id:int}
                to: http://up/number
              - get: /items/new
                to: http://up/new
              - get: /items/{**rest}
                to: http://up/rest
              - post: /items/{id}
                to: http://up/post
              - head: /items/new
                to: http://up/head
              - any: /any
                to: http://up/any
              - get: /when
                to: http://up/plain
              - get: /when
                when: { header: { X-Canary: v2 } }
                to: http://up/canary
              - get: /when
                when: { header: { X-Canary: v2 }, query: { a: { prefix: x } } }
                to: http://up/both
              - get: /when
                when: { query: { debug: { exists: true } } }
                to: http://up/debug
              - get: /when
                when: { host: "*.test.example" }
                to: http://up/host
          api:
            match: { path: /web, host: api.example }
            identity: off
            routes:
              - get: /{**rest}
                to: http://up/api
        """;

    [Theory]
    [InlineData("GET /web/items/7", "", 200, "GET /number")]
    [InlineData("GET /web/items/-7", "", 200, "GET /number")]
    [InlineData("GET /web/items/99999999999", "", 200, "GET /any-item")]
    [InlineData("GET /web/items/seven", "", 200, "GET /any-item")]
    [InlineData("GET /web/items/new", "", 200, "GET /new")]
    [InlineData("GET /web/items/n%65w", "", 200, "GET /new")]
    [InlineData("GET /web/items/New", "", 200, "GET /any-item")]
    [InlineData("GET /web/items/a/b", "", 200, "GET /rest")]
    [InlineData("GET /web/items/", "", 200, "GET /rest")]
    [InlineData("HEAD /web/items/7", "", 200, "HEAD /number")]
    [InlineData("HEAD /web/items/new", "", 200, "HEAD /head")]
    [InlineData("POST /web/items/7", "", 200, "POST /post")]
    [InlineData("DELETE /web/items/7", "", 405, "")]
    [InlineData("PURGE /web/any", "", 200, "PURGE /any")]
    [InlineData("OPTIONS /web/any", "", 200, "OPTIONS /any")]
    [InlineData("GET /web/other", "", 404, "")]
    [InlineData("GET /", "", 404, "")]
    [InlineData("GET /web/when", "", 200, "GET /plain")]
    [InlineData("GET /web/when", "X-Canary: v1", 200, "GET /plain")]
    [InlineData("GET /web/when", "x-canary: v2", 200, "GET /canary")]
    [InlineData("GET /web/when?a=y", "X-Canary: v2", 200, "GET /canary?a=y")]
    [InlineData("GET /web/when?b&a=%78y", "X-Canary: v2", 200, "GET /both?b&a=%78y")]
    [InlineData("GET /web/when?debug", "", 200, "GET /debug?debug")]
    [InlineData("GET /web/when", "Host: a.TEST.example:81", 200, "GET /host")]
    [InlineData("GET /web/when", "Host: test.example", 200, "GET /plain")]
    [InlineData("GET /web/when", "Host: API.example:8080", 200, "GET /api")]
    [InlineData("POST /web/when", "Host: api.example", 405, "")]
    public async Task The_most_specific_route_answers(string request, string field, int status, string sent)
    {
        var seen = "";
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            while (await connection.ReadRequestAsync() is { Length: > 0 } head)
            {
                seen = head[..head.IndexOf(" HTTP/", StringComparison.Ordinal)];
                await connection.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            }
        });
        await using var gateway = await TestGateway.StartAsync($$"""
            upstreams:
              up: { url: {{upstream.Url}} }
            {{Gates}}
            """);
        var host = field.StartsWith("Host:") ? "" : "Host: a\r\n";
        var answer = await gateway.SendRawAsync($"{request} HTTP/1.1\r\n{host}{field}{(field.Length > 0 ? "\r\n" : "")}\r\n");
        Assert.Equal((status, sent), (answer.Status, seen));
    }

    [Theory]
    [InlineData("9, 1", 9000, 1000)]
    [InlineData("50, 50", 5000, 5000)]
    [InlineData("1, 3", 2500, 7500)]
    [InlineData("97, 3", 9700, 300)]
    public async Task Weights_are_exact_over_ten_thousand_requests(string weights, int first, int second)
    {
        var counts = new int[2];
        await using var upstream = await KestrelUpstream.StartAsync(http2: false, context =>
        {
            Interlocked.Increment(ref counts[context.Request.Path == "/a" ? 0 : 1]);
            return Task.CompletedTask;
        });
        await using var gateway = await StartWeightedAsync(upstream, weights);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
        {
            using var client = await gateway.ConnectAsync();
            for (var i = 0; i < 100; i++)
            {
                await client.SendAsync(string.Concat(Enumerable.Repeat("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 25)));
                for (var j = 0; j < 25; j++)
                {
                    Assert.Equal(200, (await client.ReadAnswerAsync()).Status);
                }
            }
        }));
        Assert.InRange(counts[0], first - 150, first + 150);
        Assert.InRange(counts[1], second - 150, second + 150);
    }

    [Fact]
    public async Task A_sticky_caller_stays_on_its_side_and_the_sides_share_the_callers()
    {
        await using var upstream = await KestrelUpstream.StartAsync(http2: false, context => context.Response.WriteAsync(context.Request.Path));
        await using var gateway = await StartWeightedAsync(upstream, "70, 30", "sticky: header:X-User");
        await using var moved = await StartWeightedAsync(upstream, "60, 40", "sticky: header:X-User");
        using var client = gateway.Client();
        using var later = moved.Client();
        var (first, strayed) = (0, 0);
        for (var i = 0; i < 1000; i++)
        {
            var side = await AskAsync(client, i);
            first += side == "/a" ? 1 : 0;
            if (i % 10 == 0)
            {
                Assert.Equal(side, await AskAsync(client, i));
            }
            // Weight went from a to b: nobody goes the other way, and only those go who must.
            var then = await AskAsync(later, i);
            Assert.False(side == "/b" && then == "/a");
            strayed += side != then ? 1 : 0;
        }
        Assert.InRange(first, 640, 760);
        Assert.InRange(strayed, 50, 150);

        static async Task<string> AskAsync(HttpClient client, int user)
        {
            using var request = client.Message("GET", "/");
            request.Headers.Add("X-User", $"user-{user}");
            using var answer = await client.SendAsync(request);
            return await answer.Content.ReadAsStringAsync();
        }
    }

    [Theory, InlineData(1), InlineData(2)]
    public async Task A_fixed_answer_needs_no_upstream(int version)
    {
        await using var gateway = await TestGateway.StartAsync("""
            gates:
              web:
                identity: off
                routes:
                  - get: /old/{**rest}
                    respond: { status: 308, headers: { Location: "/new/{rest}" } }
                  - get: /hello
                    respond: { status: 200, headers: { Content-Type: text/plain }, body: "hällo" }
            """);
        using var client = gateway.Client(version == 2 ? HttpVersion.Version20 : null);
        using var moved = await client.SendAsync("GET", "/old/a%20b/c");
        Assert.Equal((308, "/new/a%20b/c"), ((int)moved.StatusCode, moved.Headers.Location!.OriginalString));
        using var hello = await client.SendAsync("GET", "/hello");
        Assert.Equal("hällo", await hello.Content.ReadAsStringAsync());
        using var head = await client.SendAsync("HEAD", "/hello");
        Assert.Equal(6, head.Content.Headers.ContentLength);
    }

    private static Task<TestGateway> StartWeightedAsync(KestrelUpstream upstream, string weights, string route = "") => TestGateway.StartAsync($$"""
        telemetry: { accessLog: off }
        upstreams:
          up: { url: {{upstream.Url}} }
        gates:
          web:
            identity: off
            routes:
              - get: /
                to:
                  - { url: http://up/a, weight: {{weights.Split(", ")[0]}} }
                  - { url: http://up/b, weight: {{weights.Split(", ")[1]}} }
                {{route}}
        """);
}
