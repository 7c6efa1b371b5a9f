using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Shop;

/// <summary>
/// Twenty orders of the first user, three of each other, and those placed since the start. The newest come first. Each caller
/// has its own: whose they are is what the gateway says in <c>X-User-Id</c>, and another's order is not there.
/// </summary>
internal sealed class Orders
{
    /// <summary>How many placed orders are kept; past it the oldest of them are forgotten.</summary>
    private const int Kept = 1000;

    private static readonly string[] States = ["delivered", "shipped", "delivered", "processing", "delivered", "cancelled", "delivered"];

    private static readonly OwnOrder[] Old = [.. Enumerable.Range(1, 32).Reverse().Select(n => new OwnOrder(Users.All[n <= 20 ? 0 : 1 + n % 4].Id, Made(n)))];

    private readonly Lock gate = new();
    private readonly LinkedList<OwnOrder> placed = [];
    private int last = Old.Length;

    public void Map(WebApplication app)
    {
        app.MapMethods("/api/orders", Answers.Read, context => Caller.IdOf(context) is { } caller ? ListAsync(context, caller) : Caller.RefuseAsync(context));
        app.MapMethods("/api/orders/{id}", Answers.Read, context => Caller.IdOf(context) is { } caller
            ? context.Response.SendFoundAsync(Newest(caller).FirstOrDefault(o => o.Id == context.Parameter("id")), ShopJson.Plain.Order, $"order {context.Parameter("id")} of yours")
            : Caller.RefuseAsync(context));
        app.MapPost("/api/orders", context => Caller.IdOf(context) is { } caller ? PlaceAsync(context, caller) : Caller.RefuseAsync(context));
    }

    private Task ListAsync(HttpContext context, string caller)
    {
        var status = context.Asked("status");
        IReadOnlyList<Order> chosen = [.. Newest(caller).Where(o => status is null || o.Status == status).Take(context.Number("limit", 20, 1, 100))];
        return context.Response.SendAsync(200, chosen, ShopJson.Plain.IReadOnlyListOrder);
    }

    private async Task PlaceAsync(HttpContext context, string caller)
    {
        NewOrder? wanted;
        try
        {
            wanted = await JsonSerializer.DeserializeAsync(context.Request.Body, ShopJson.Plain.NewOrder, context.RequestAborted);
        }
        catch (JsonException)
        {
            await context.Response.SendErrorAsync(400, "not_json", """The body is not an order; send {"items":[{"productId":1,"qty":2}]}.""");
            return;
        }
        if (wanted?.Items is not { Count: > 0 and <= 50 } items || items.Any(i => i is not { Qty: >= 1 and <= 99 } || !Products.All.Any(p => p.Id == i.ProductId)))
        {
            await context.Response.SendErrorAsync(422, "bad_items", "An order has 1 to 50 items, each a known productId and a qty from 1 to 99.");
            return;
        }
        var order = Add(caller, items);
        // Relative to the URL that was asked for, so that it leads to the order behind any prefix.
        context.Response.Headers.Location = $"orders/{order.Id}";
        await context.Response.SendAsync(201, order, ShopJson.Plain.Order);
    }

    private Order Add(string caller, IReadOnlyList<NewItem> items)
    {
        lock (gate)
        {
            var order = Priced(++last, "placed", "2025-08-01T12:00:00Z", [.. items.Select(i => (Array.Find(Products.All, p => p.Id == i.ProductId)!, i.Qty))]);
            placed.AddFirst(new OwnOrder(caller, order));
            if (placed.Count > Kept)
            {
                placed.RemoveLast();
            }
            return order;
        }
    }

    private Order[] Newest(string caller)
    {
        lock (gate)
        {
            return [.. placed.Concat(Old).Where(o => o.Owner == caller).Select(o => o.Order)];
        }
    }

    private static Order Made(int number) =>
        Priced(number, States[number % States.Length], $"2025-07-{6 + (number - 1) % 20:d2}T{8 + number % 10:d2}:30:00Z",
            [.. Enumerable.Range(0, 1 + number % 2).Select(n => (Products.All[(number * 5 + n) % Products.All.Length], 1 + (number + n) % 2))]);

    private static Order Priced(int number, string status, string at, (Products.Item Product, int Qty)[] items)
    {
        var id = $"ord_{number:d4}";
        return new Order(id, status, items.Sum(i => i.Product.Price * i.Qty), "USD",
            [.. items.Select(i => new OrderItem(i.Product.Id, i.Product.Name, i.Qty, i.Product.Price))], $"https://tracking.shop.example/{id}", at);
    }
}

internal sealed record OwnOrder(string Owner, Order Order);

internal sealed record Order(string Id, string Status, decimal Total, string Currency, OrderItem[] Items, string TrackingUrl, string CreatedAt);

internal sealed record OrderItem(int ProductId, string Name, int Qty, decimal Price);

internal sealed record NewOrder(IReadOnlyList<NewItem>? Items);

internal sealed record NewItem(int ProductId, int Qty);
