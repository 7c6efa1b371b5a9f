using System.Net;
using System.Net.WebSockets;
using System.Text;
using Microsoft.AspNetCore.Http;
using Postern.Tests.Harness;

namespace Postern.Tests.EndToEnd;

public sealed class WebSocketTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    public static TheoryData<int> Versions => [1, 2];

    [Theory, MemberData(nameof(Versions))]
    public async Task Messages_go_both_ways_until_either_side_closes(int version)
    {
        await using var upstream = await StartEchoAsync();
        await using var gateway = await StartAsync(upstream);
        using var socket = await ConnectAsync(gateway, version, s =>
        {
            s.AddSubProtocol("chat.v2");
            s.AddSubProtocol("chat.v1");
            s.SetRequestHeader("X-Caller", "me");
        });
        Assert.Equal("chat.v1", socket.SubProtocol);
        var large = new byte[1_500_000];
        new Random(1).NextBytes(large);
        foreach (var (type, message) in new[]
        {
            (WebSocketMessageType.Text, "hé"u8.ToArray()), (WebSocketMessageType.Binary, [0, 255, 1]), (WebSocketMessageType.Text, []), (WebSocketMessageType.Binary, large),
        })
        {
            var sending = socket.SendAsync(message, type, true, None);
            var (echoedType, echo) = await ReceiveAsync(socket);
            await sending;
            Assert.Equal(type, echoedType);
            Assert.Equal(message, echo);
        }
        await socket.CloseAsync((WebSocketCloseStatus)4321, "good bye", None).WaitAsync(TestGateway.Patience);
        Assert.Equal((WebSocketCloseStatus)4321, socket.CloseStatus);
        Assert.Equal("good bye", socket.CloseStatusDescription);
        var line = Assert.Single(await gateway.LogAsync(1));
        Assert.Equal(version == 1 ? 101 : 200, line.GetProperty("status").GetInt32());
        Assert.False(line.TryGetProperty("failure", out _), line.ToString());
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task The_upstream_may_speak_first_and_close_first(int version)
    {
        await using var upstream = await KestrelUpstream.StartAsync(http2: false, async context =>
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync();
            await socket.SendAsync("hello"u8.ToArray(), WebSocketMessageType.Text, true, None);
            await socket.CloseAsync(WebSocketCloseStatus.EndpointUnavailable, "restarting", None);
        });
        await using var gateway = await StartAsync(upstream);
        using var socket = await ConnectAsync(gateway, version);
        Assert.Equal("hello", Encoding.UTF8.GetString((await ReceiveAsync(socket)).Message));
        var (type, _) = await ReceiveAsync(socket);
        Assert.Equal(WebSocketMessageType.Close, type);
        Assert.Equal(WebSocketCloseStatus.EndpointUnavailable, socket.CloseStatus);
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "", None).WaitAsync(TestGateway.Patience);
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task A_client_that_vanishes_ends_the_upstreams_socket(int version)
    {
        var ended = new TaskCompletionSource<Exception?>();
        await using var upstream = await KestrelUpstream.StartAsync(http2: false, async context =>
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync();
            try
            {
                await socket.SendAsync("hello"u8.ToArray(), WebSocketMessageType.Text, true, None);
                await socket.ReceiveAsync(new byte[10], None);
                ended.TrySetResult(null);
            }
            catch (Exception e)
            {
                ended.TrySetResult(e);
            }
        });
        await using var gateway = await StartAsync(upstream);
        var socket = await ConnectAsync(gateway, version);
        await ReceiveAsync(socket);
        socket.Abort();
        Assert.IsType<WebSocketException>(await ended.Task.WaitAsync(TestGateway.Patience));
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task An_upstream_that_vanishes_ends_the_clients_socket(int version)
    {
        await using var upstream = await KestrelUpstream.StartAsync(http2: false, async context =>
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync();
            await socket.SendAsync("hello"u8.ToArray(), WebSocketMessageType.Text, true, None);
            await ReceiveAsync(socket);
            context.Abort();
        });
        await using var gateway = await StartAsync(upstream);
        using var socket = await ConnectAsync(gateway, version);
        await ReceiveAsync(socket);
        await socket.SendAsync("seen"u8.ToArray(), WebSocketMessageType.Text, true, None);
        await Assert.ThrowsAsync<WebSocketException>(() => ReceiveAsync(socket));
    }

    [Theory, InlineData(1, 403), InlineData(2, 403), InlineData(1, 200), InlineData(1, 302)]
    public async Task A_refusal_to_switch_reaches_the_client_as_it_is(int version, int status)
    {
        await using var upstream = await KestrelUpstream.StartAsync(http2: false, context =>
        {
            context.Response.StatusCode = status;
            return context.Response.WriteAsync("no");
        });
        await using var gateway = await StartAsync(upstream);
        using var socket = new ClientWebSocket();
        var refused = await Assert.ThrowsAsync<WebSocketException>(() => OpenAsync(socket, gateway, version));
        Assert.Equal(WebSocketError.NotAWebSocket, refused.WebSocketErrorCode);
        Assert.Equal(status, (int)socket.HttpStatusCode);
    }

    [Fact]
    public async Task A_200_to_a_WebSocket_over_HTTP_2_is_no_open_WebSocket()
    {
        await using var upstream = await KestrelUpstream.StartAsync(http2: false, context => context.Response.WriteAsync("no switch"));
        await using var gateway = await StartAsync(upstream);
        using var socket = new ClientWebSocket();
        await Assert.ThrowsAsync<WebSocketException>(() => OpenAsync(socket, gateway, 2));
        Assert.Equal(502, (int)socket.HttpStatusCode);
    }

    [Theory]
    [InlineData("h2c"), InlineData("h2c, HTTP/2.0"), InlineData("TLS/1.3"), InlineData("foo"), InlineData("")]
    public async Task Another_protocol_is_not_asked_for(string protocol)
    {
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            while (await connection.ReadRequestAsync() is { Length: > 0 } head)
            {
                var upgrade = head.Contains("pgrade") || head.Contains("Settings");
                await connection.WriteAsync($"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{(upgrade ? "asked" : "plain")}");
            }
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url);
        using var client = await gateway.ConnectAsync();
        for (var i = 0; i < 2; i++)
        {
            await client.SendAsync($"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: {protocol}\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n");
            Assert.Equal("plain", (await client.ReadAnswerAsync()).Body);
        }
    }

    [Fact]
    public async Task A_switch_that_nobody_asked_for_is_a_bad_gateway()
    {
        await using var upstream = ScriptedUpstream.Answering("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nrubbish");
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url);
        foreach (var head in new[] { "", "Upgrade: websocket\r\n", "Connection: Upgrade\r\nUpgrade: h2c\r\n" })
        {
            var answer = await gateway.SendRawAsync($"GET / HTTP/1.1\r\nHost: a\r\n{head}\r\n");
            Assert.Equal(502, answer.Status);
            Assert.Contains("upstream-protocol", answer.Body);
        }
    }

    [Fact]
    public async Task Bytes_that_come_right_behind_the_heads_are_not_lost()
    {
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.WriteAsync("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Accept: x\r\n\r\nearly");
            var said = await connection.ReadUntilAsync("!");
            await connection.WriteAsync($"[{said}]");
            connection.Close();
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url);
        using var client = await gateway.ConnectAsync();
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: y\r\n\r\neager!");
        var answer = await client.ReadAnswerAsync();
        Assert.Equal(101, answer.Status);
        Assert.Equal("x", answer["Sec-WebSocket-Accept"]);
        Assert.Equal("WebSocket", answer["Upgrade"]);
        Assert.Equal("Upgrade", answer["Connection"]);
        Assert.Null(answer["Content-Length"]);
        Assert.Null(answer["Transfer-Encoding"]);
        Assert.Equal("early[eager!]", await client.ReadToEndAsync());
    }

    [Fact]
    public async Task An_upstream_that_takes_nothing_more_and_ends_holds_nobody()
    {
        var full = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var over = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.WriteAsync("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Accept: x\r\n\r\n");
            await full.Task.WaitAsync(TestGateway.Patience);
            connection.EndSending();
            await over.Task.WaitAsync(TestGateway.Patience);
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url);
        using var client = await gateway.ConnectAsync();
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: y\r\n\r\n");
        Assert.Equal(101, (await client.ReadAnswerAsync()).Status);
        var flood = Flood();
        full.SetResult();
        var line = Assert.Single(await gateway.LogAsync(1));
        Assert.False(line.TryGetProperty("failure", out _), line.ToString());
        over.SetResult();
        await flood;

        // More than all buffers on the way hold.
        async Task Flood()
        {
            try
            {
                for (var i = 0; i < 64; i++)
                {
                    await client.SendAsync(new string('x', 1 << 20));
                }
            }
            catch (System.Net.Sockets.SocketException)
            {
            }
        }
    }

    private static Task<TestGateway> StartAsync(KestrelUpstream upstream) => TestGateway.StartAsync($$"""
        upstreams:
          up: { url: {{upstream.Url}} }
        gates:
          web:
            match: { path: /web }
            identity: off
            routes:
              - get: /ws
                to: http://up/socket
        """);

    private static Task<KestrelUpstream> StartEchoAsync() => KestrelUpstream.StartAsync(http2: false, async context =>
    {
        Assert.Equal("/socket", context.Request.Path);
        Assert.Equal("me", context.Request.Headers["X-Caller"]);
        using var socket = await context.WebSockets.AcceptWebSocketAsync("chat.v1");
        while (true)
        {
            var (type, message) = await ReceiveAsync(socket);
            if (type == WebSocketMessageType.Close)
            {
                await socket.CloseAsync(socket.CloseStatus!.Value, socket.CloseStatusDescription, None);
                return;
            }
            await socket.SendAsync(message, type, true, None);
        }
    });

    private static async Task<ClientWebSocket> ConnectAsync(TestGateway gateway, int version, Action<ClientWebSocketOptions>? options = null)
    {
        var socket = new ClientWebSocket();
        options?.Invoke(socket.Options);
        await OpenAsync(socket, gateway, version);
        return socket;
    }

    private static Task OpenAsync(ClientWebSocket socket, TestGateway gateway, int version)
    {
        socket.Options.HttpVersion = version == 2 ? HttpVersion.Version20 : HttpVersion.Version11;
        socket.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        socket.Options.CollectHttpResponseDetails = true;
        return socket.ConnectAsync(new Uri($"ws://127.0.0.1:{gateway.Port}/web/ws"), new HttpMessageInvoker(new SocketsHttpHandler()), None).WaitAsync(TestGateway.Patience);
    }

    private static async Task<(WebSocketMessageType Type, byte[] Message)> ReceiveAsync(WebSocket socket)
    {
        var message = new MemoryStream();
        var buffer = new byte[16 * 1024];
        while (true)
        {
            var received = await socket.ReceiveAsync(buffer, None).WaitAsync(TestGateway.Patience);
            message.Write(buffer, 0, received.Count);
            if (received.EndOfMessage)
            {
                return (received.MessageType, message.ToArray());
            }
        }
    }
}
