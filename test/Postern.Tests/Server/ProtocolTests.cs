using System.Net;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Config;
using Postern.Pipeline;
using Postern.Server.Listening;
using Postern.Wire;

namespace Postern.Tests.Server;

public sealed class ProtocolTests
{
    private static Task Tell(HttpContext context) => context.Response.WriteAsync(
        $"{context.Request.Protocol} {context.Request.Scheme} {context.Connection.RemoteIpAddress} {Exchange.Of(context).Peer} {context.Connection.LocalPort}");

    [Fact]
    public async Task Both_protocols_share_one_cleartext_port()
    {
        await using var served = await Served.StartAsync(Tell);
        var port = new Uri(served.Url).Port;
        foreach (var version in new[] { HttpVersion.Version11, HttpVersion.Version20, HttpVersion.Version11, HttpVersion.Version20 })
        {
            using var client = new HttpClient { DefaultRequestVersion = version, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };
            Assert.Equal($"HTTP/{(version.Major == 1 ? "1.1" : "2")} http 127.0.0.1 127.0.0.1 {port}", await client.GetStringAsync(served.Url));
        }
    }

    [Fact]
    public async Task Many_requests_go_through_one_connection_of_either_protocol()
    {
        await using var served = await Served.StartAsync(async context =>
        {
            using var body = new StreamReader(context.Request.Body);
            await context.Response.WriteAsync(context.Connection.Id + await body.ReadToEndAsync());
        });
        foreach (var version in new[] { HttpVersion.Version11, HttpVersion.Version20 })
        {
            using var client = new HttpClient { DefaultRequestVersion = version, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };
            var first = await client.GetStringAsync(served.Url);
            for (var i = 0; i < 20; i++)
            {
                using var answer = await client.PostAsync(served.Url, new StringContent($"-{i}"));
                Assert.Equal($"{first}-{i}", await answer.Content.ReadAsStringAsync());
            }
        }
    }

    [Fact]
    public async Task The_preface_of_HTTP_2_may_come_byte_by_byte()
    {
        await using var served = await Served.StartAsync(Tell);
        using var client = await served.ConnectAsync();
        foreach (var b in Http2Wire.Line)
        {
            await client.SendAsync(b.ToString());
        }
        using var wire = new Http2Wire(client);
        await wire.SendAsync(Http2Wire.Settings, 0, 0, []);
        await wire.RequestAsync(1);
        Assert.Contains("HTTP/2 http", Encoding.ASCII.GetString((await wire.UntilAsync(Http2Wire.Data)).Payload), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("P", "OST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("PR", "I * HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("", "GET / HTTP/1.1\r\nHost: a\r\n\r\n")]
    public async Task What_only_begins_like_the_preface_is_HTTP_1(string first, string rest)
    {
        await using var served = await Served.StartAsync(Tell);
        using var client = await served.ConnectAsync();
        await client.SendAsync(first);
        await client.SendAsync(rest);
        Assert.StartsWith("HTTP/1.1 ", (await client.ReadResponseAsync()).Head, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bytes_of_a_header_stay_bytes_both_ways()
    {
        await using var served = await Served.StartAsync(context =>
        {
            Assert.Equal("caf\u00e9\u00ff", context.Request.Headers["X-In"]);
            context.Response.Headers["X-Out"] = context.Request.Headers["X-In"];
            return Task.CompletedTask;
        });
        using var client = await served.ConnectAsync();
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\nX-In: caf\u00e9\u00ff\r\n\r\n");
        var (head, _) = await client.ReadResponseAsync();
        Assert.Equal("caf\u00e9\u00ff", RawClient.Field(head, "X-Out"));
        Assert.Null(RawClient.Field(head, "Server"));
    }

    [Theory]
    [InlineData("http://127.0.0.1:0", "127.0.0.1")]
    [InlineData("http://0.0.0.0:0", "127.0.0.1")]
    [InlineData("http://*:0", "127.0.0.1")]
    [InlineData("http://localhost:0", "localhost")]
    public async Task A_client_of_IPv4_has_an_IPv4_address_on_every_kind_of_listener(string url, string host)
    {
        await using var served = await Served.StartAsync(new ListenOptions { Url = url }, Tell);
        using var client = new HttpClient();
        var port = new Uri(served.Url.Replace("*", "127.0.0.1", StringComparison.Ordinal)).Port;
        Assert.Equal($"HTTP/1.1 http 127.0.0.1 127.0.0.1 {port}", await client.GetStringAsync($"http://{host}:{port}"));
    }

    [Fact]
    public async Task Localhost_listens_on_both_families()
    {
        Assert.SkipUnless(ListenAddress.Parse("http://localhost:1").EndPoints.Count == 2, "This machine has no IPv6 loopback.");
        await using var free = await Served.StartAsync(new ListenOptions { Url = "http://[::1]:0" }, Tell);
        var port = new Uri(free.Url).Port;
        await free.DisposeAsync();
        await using var served = await Served.StartAsync(new ListenOptions { Url = $"http://localhost:{port}" }, Tell);
        using var client = new HttpClient();
        Assert.Contains("127.0.0.1", await client.GetStringAsync($"http://127.0.0.1:{port}"), StringComparison.Ordinal);
        Assert.Contains("::1", await client.GetStringAsync($"http://[::1]:{port}"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_taken_port_is_one_clear_line_and_leaves_no_listener_open()
    {
        await using var first = await Served.StartAsync(Tell);
        var server = new TrafficServer(
            [new ListenOptions { Url = "http://127.0.0.1:0" }, new ListenOptions { Url = first.Url }], Tell, NullLoggerFactory.Instance, TimeProvider.System);
        var error = await Assert.ThrowsAsync<ListenException>(() => server.StartAsync());
        Assert.Equal($"{first.Url}: the port is taken; stop what listens there, or give Postern another one", error.Message);
        Assert.Empty(server.Urls);
    }

    [Theory]
    [InlineData("http://192.0.2.1:0", "no such address")]
    [InlineData("http://example.com:8080", "not an address of this machine")]
    [InlineData("https://127.0.0.1:0", "not an address to listen on")]
    public async Task An_address_that_cant_be_listened_on_is_named(string url, string message)
    {
        var server = new TrafficServer([new ListenOptions { Url = url }], Tell, NullLoggerFactory.Instance, TimeProvider.System);
        var error = await Assert.ThrowsAsync<ListenException>(() => server.StartAsync());
        Assert.StartsWith(url, error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Paths_allowed_by_one_listener_are_not_by_another()
    {
        var paths = new PathRulesOptions { EncodedSlash = Allowance.Allow, DotSegments = Allowance.Allow };
        Task Show(HttpContext context) => context.Response.WriteAsync(Exchange.Of(context).Allowed.ToString());
        var server = new TrafficServer(
            [new ListenOptions { Url = "http://127.0.0.1:0", Paths = paths }, new ListenOptions { Url = "http://127.0.0.1:0" }],
            Show, NullLoggerFactory.Instance, TimeProvider.System);
        await using var _ = server;
        await server.StartAsync();
        using var client = new HttpClient();
        Assert.Equal((PathFaults.EncodedSlash | PathFaults.DotSegments).ToString(), await client.GetStringAsync(server.Urls[0]));
        Assert.Equal(nameof(PathFaults.None), await client.GetStringAsync(server.Urls[1]));
    }

    [Fact]
    public async Task The_next_request_of_a_connection_finds_the_same_objects_with_nothing_of_the_last_one()
    {
        var seen = new List<(HttpContext Context, Exchange Exchange)>();
        await using var served = await Served.StartAsync(context =>
        {
            var exchange = Exchange.Of(context);
            seen.Add((context, exchange));
            Assert.Equal("", exchange.Gate + exchange.Path + exchange.TraceId + exchange.ClientAddress);
            Assert.Null(exchange.FailureReason);
            Assert.Equal(Failure.None, exchange.Failure);
            Assert.Equal(0, exchange.BytesSent);
            Assert.Equal("127.0.0.1", exchange.Peer?.ToString());
            Assert.True(exchange.Started > 0);
            Assert.Empty(context.Items);
            Assert.Equal(200, context.Response.StatusCode);
            Assert.Equal(seen.Count == 1 ? "one" : "two", context.Request.Headers["X"]);
            Assert.False(context.Request.Headers.ContainsKey(seen.Count == 1 ? "Second" : "First"));
            Assert.Null(context.Features.Get<IHttpResetFeature>());
            (exchange.Gate, exchange.Path, exchange.TraceId, exchange.ClientAddress) = ("g", "/p", "t", "c");
            (exchange.Failure, exchange.FailureReason, exchange.BytesSent) = (Failure.NotFound, "why", 5);
            context.Items["left"] = true;
            context.Response.StatusCode = 404;
            context.Response.Headers["X-Left"] = "over";
            return Task.CompletedTask;
        });
        using var client = await served.ConnectAsync();
        await client.SendAsync("GET /1 HTTP/1.1\r\nHost: a\r\nX: one\r\nFirst: 1\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 404", (await client.ReadResponseAsync()).Head, StringComparison.Ordinal);
        await client.SendAsync("GET /2 HTTP/1.1\r\nHost: a\r\nX: two\r\nSecond: 2\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 404", (await client.ReadResponseAsync()).Head, StringComparison.Ordinal);
        Assert.Equal(2, seen.Count);
        Assert.Same(seen[0].Context, seen[1].Context);
        Assert.Same(seen[0].Exchange, seen[1].Exchange);
    }
}
