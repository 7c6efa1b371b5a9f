using System.Net.WebSockets;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Shop;

/// <summary>What is news to the user: fifty unread, a stream of server-sent events, and a WebSocket that says everything back.</summary>
internal static class Notifications
{
    private static readonly Notification[] Unread = [.. Enumerable.Range(0, 50).Select(Made)];

    public static void Map(WebApplication app)
    {
        app.MapMethods("/api/unread", Answers.Read, context =>
        {
            IReadOnlyList<Notification> newest = [.. Unread.Take(context.Number("limit", Unread.Length, 1, Unread.Length))];
            return context.Response.SendAsync(200, newest, ShopJson.Plain.IReadOnlyListNotification);
        });
        app.MapGet("/api/stream", StreamAsync);
        app.Map("/ws", EchoAsync);
    }

    /// <summary>One event at once and four more, half a second apart; <c>?count=</c> and <c>?every=</c> (milliseconds) say otherwise.</summary>
    private static async Task StreamAsync(HttpContext context)
    {
        var count = context.Number("count", 5, 1, 1000);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(context.Number("every", 500, 1, 60_000)));
        context.Response.ContentType = "text/event-stream";
        context.Response.Headers.CacheControl = "no-store";
        try
        {
            for (var n = 0; n < count; n++)
            {
                if (n > 0)
                {
                    await timer.WaitForNextTickAsync(context.RequestAborted);
                }
                var data = JsonSerializer.Serialize(Unread[n % Unread.Length], ShopJson.Plain.Notification);
                await context.Response.WriteAsync($"event: notification\nid: {n + 1}\ndata: {data}\n\n", context.RequestAborted);
                await context.Response.Body.FlushAsync(context.RequestAborted);
            }
        }
        catch (OperationCanceledException)
        {
            // The listener left.
        }
    }

    private static async Task EchoAsync(HttpContext context)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            context.Response.Headers.Upgrade = "websocket";
            await context.Response.SendErrorAsync(426, "upgrade_required", "This address speaks WebSocket.");
            return;
        }
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        var buffer = new byte[16 * 1024];
        try
        {
            while (await socket.ReceiveAsync(buffer.AsMemory(), context.RequestAborted) is { MessageType: not WebSocketMessageType.Close } piece)
            {
                await socket.SendAsync(buffer.AsMemory(0, piece.Count), piece.MessageType, piece.EndOfMessage, context.RequestAborted);
            }
            await socket.CloseAsync(socket.CloseStatus ?? WebSocketCloseStatus.NormalClosure, socket.CloseStatusDescription, context.RequestAborted);
        }
        catch (Exception e) when (e is OperationCanceledException or WebSocketException)
        {
            // The other side left without a word.
        }
    }

    private static Notification Made(int n)
    {
        var (order, product) = ($"ord_{20 - n % 20:d4}", Products.All[n % Products.All.Length]);
        var (kind, title, body, action) = (n % 4) switch
        {
            0 => ("order-shipped", "Order shipped", $"<p>Your order <strong>{order}</strong> is on its way.</p>", new NotificationAction("Follow it", $"https://tracking.shop.example/{order}")),
            1 => ("product-back", "Back in stock", $"<p><em>{product.Name}</em> is back.</p>", new NotificationAction("See it", $"https://shop.example/products/{product.Id}")),
            2 => ("order-delivered", "Order delivered", $"<p>Your order <strong>{order}</strong> has arrived.</p>", new NotificationAction("Review it", $"https://shop.example/orders/{order}/review")),
            _ => ("review-answered", "New review", "<p>Someone answered <em>your review</em>.</p>", new NotificationAction("Read it", $"https://shop.example/products/{product.Id}#reviews")),
        };
        return new Notification(
            $"ntf_{900 - n}", title, body, false, $"2025-07-{30 - n / 2:d2}T{20 - n % 2 * 8:d2}:15:00Z", kind, $"https://cdn.shop.example/icons/{kind}.svg", action);
    }
}

/// <summary>A piece of news. The body is HTML, as the service's mails have it.</summary>
internal sealed record Notification(string Id, string Title, string Body, bool Read, string CreatedAt, string Kind, string Icon, NotificationAction Action);

internal sealed record NotificationAction(string Label, string Url);
