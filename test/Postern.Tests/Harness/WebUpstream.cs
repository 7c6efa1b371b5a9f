using System.Net.WebSockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace Postern.Tests.Harness;

/// <summary>A service that answers with its name and the target it was asked for, and echoes WebSockets at <c>/ws</c>.</summary>
internal sealed class WebUpstream : IAsyncDisposable
{
    private readonly WebApplication app;

    private WebUpstream(WebApplication app) => this.app = app;

    public string Url => app.Urls.First();

    public static async Task<WebUpstream> StartAsync(string name = "upstream")
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        app.UseWebSockets();
        app.Run(context => context.WebSockets.IsWebSocketRequest ? EchoAsync(context)
            : context.Response.WriteAsync($"{name} {context.Features.Get<IHttpRequestFeature>()!.RawTarget}"));
        await app.StartAsync();
        return new WebUpstream(app);
    }

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await app.StopAsync(now.Token);
        await app.DisposeAsync();
    }

    private static async Task EchoAsync(HttpContext context)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        var buffer = new byte[1024];
        while (await socket.ReceiveAsync(buffer, context.RequestAborted) is { MessageType: not WebSocketMessageType.Close } got)
        {
            await socket.SendAsync(buffer.AsMemory(0, got.Count), got.MessageType, got.EndOfMessage, context.RequestAborted);
        }
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, context.RequestAborted);
    }
}
