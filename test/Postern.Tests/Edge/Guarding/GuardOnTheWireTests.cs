using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Postern.Edge.Guarding;
using Postern.Pipeline;

namespace Postern.Tests.Edge.Guarding;

/// <summary>What the server makes of requests before the guard sees them, and of connections after it refused one.</summary>
public sealed class GuardOnTheWireTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private readonly WebApplication app;
    private int port;

    public GuardOnTheWireTests()
    {
        var route = new OneRoute();
        route.Route.Sections.Set<GuardOptions>(o => o with { MaxBody = 1000 });
        var guard = route.Compile(new GuardStage(), ReadBodyAsync);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0));
        app = builder.Build();
        app.Run(context =>
        {
            context.Features.Set(new Exchange());
            return guard(context);
        });
    }

    public async ValueTask InitializeAsync()
    {
        await app.StartAsync();
        port = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()).Port;
    }

    public ValueTask DisposeAsync() => app.DisposeAsync();

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nX: a\u0001b\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nX: a\u007fb\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nX Y: a\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\n X: a\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")]
    [InlineData("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n")]
    [InlineData("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n")]
    [InlineData("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n12345")]
    [InlineData("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n12345")]
    [InlineData("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nContent-Type: a/b\r\ncontent-type: a/c\r\n\r\n")]
    public async Task What_is_no_clear_request_gets_400_and_the_connection_ends(string request)
    {
        // The second request must never be taken for one of its own.
        var answer = await SendAsync(request + "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 400 ", answer);
        Assert.Equal(1, Count(answer, "HTTP/1.1 "));
        Assert.Contains("\r\nConnection: close\r\n", answer);
    }

    [Fact]
    public async Task A_header_in_any_other_bytes_passes()
    {
        var answer = await SendAsync("GET / HTTP/1.1\r\nHost: a\r\nX: a\tb ä\r\nX_Y: 1\r\nConnection: close\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 200 ", answer);
        Assert.Contains("read 0", answer);
    }

    [Fact]
    public async Task A_length_over_the_bound_gets_413_before_the_body_is_sent()
    {
        var answer = await SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n", end: "}");
        Assert.StartsWith("HTTP/1.1 413 ", answer);
        Assert.Contains("\r\nConnection: close\r\n", answer);
        Assert.Contains("body-too-large", answer);
    }

    [Theory]
    [InlineData(2_000_000)]
    [InlineData(50_000_000)]
    public async Task A_client_that_sends_on_still_reads_the_413(int length)
    {
        var answer = await SendAsync($"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{new string('x', length)}");
        Assert.StartsWith("HTTP/1.1 413 ", answer);
        Assert.Contains("body-too-large", answer);
    }

    [Fact]
    public async Task Chunks_over_the_bound_end_the_reading()
    {
        var chunk = $"200\r\n{new string('x', 512)}\r\n";
        var answer = await SendAsync($"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{chunk}{chunk}0\r\n\r\n");
        Assert.Contains("refused 413", answer);
        answer = await SendAsync($"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{chunk}0\r\n\r\n");
        Assert.Contains("read 512", answer);
    }

    private static async Task ReadBodyAsync(HttpContext context)
    {
        var body = new MemoryStream();
        try
        {
            await context.Request.Body.CopyToAsync(body);
            await context.Response.WriteAsync($"read {body.Length}");
        }
        catch (BadHttpRequestException e)
        {
            await context.Response.WriteAsync($"refused {e.StatusCode}");
        }
    }

    private async Task<string> SendAsync(string request, string? end = null)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, port);
        var reading = ReadAsync(socket, end);
        await socket.SendAsync(Encoding.UTF8.GetBytes(request));
        return await reading.WaitAsync(Patience);
    }

    private static async Task<string> ReadAsync(Socket socket, string? end)
    {
        var answer = new MemoryStream();
        var buffer = new byte[4096];
        while (await socket.ReceiveAsync(buffer) is > 0 and var count)
        {
            answer.Write(buffer, 0, count);
            if (end is not null && Encoding.UTF8.GetString(answer.ToArray()).EndsWith(end, StringComparison.Ordinal))
            {
                break;
            }
        }
        return Encoding.UTF8.GetString(answer.ToArray());
    }

    private static int Count(string text, string part) => (text.Length - text.Replace(part, "").Length) / part.Length;
}
