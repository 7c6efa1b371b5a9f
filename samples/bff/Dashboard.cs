using System.Text.Json;
using System.Text.Json.Serialization;
using Postern;
using Postern.Backends.Composing.Handlers;

namespace Bff;

/// <summary>The dashboard in code: what <c>/dashboard</c> says in YAML, with types.</summary>
internal static class Dashboard
{
    public static void Map(GateBuilder gate) => gate.MapGet("/dashboard-in-code", AnswerAsync);

    /// <summary>The three calls begin when the first is awaited; the profile is required, the others may be missing.</summary>
    private static async Task<DashboardPage> AnswerAsync(Composer c)
    {
        var user = c.Get<User>("http://users/api/profile").Named("user").Within(TimeSpan.FromSeconds(2)).Required();
        var orders = c.Get<Order[]>($"http://orders/api/orders?limit={5}").Named("recentOrders").Within(TimeSpan.FromSeconds(3));
        var notifications = c.Get<Notification[]>("http://notifications/api/unread").Named("notifications").Within(TimeSpan.FromMilliseconds(1500)).Or([]);
        return new DashboardPage(await user, await orders, await notifications);
    }
}

internal sealed record DashboardPage(User User, Order[]? RecentOrders, Notification[] Notifications);

internal sealed record User(string Id, string Name, string Email, string Avatar, string Bio, string JoinedAt, SocialLinks SocialLinks);

internal sealed record SocialLinks(string Code, string People);

/// <param name="Id">Its number.</param>
/// <param name="Status">Where it is.</param>
/// <param name="Total">A decimal keeps the digits that came: 149.90 stays 149.90, as a double it would be 149.9.</param>
/// <param name="Currency">Three letters.</param>
/// <param name="Items">What was ordered.</param>
/// <param name="TrackingUrl">For the customer.</param>
/// <param name="CreatedAt">A text here, so that it goes on as it came.</param>
internal sealed record Order(string Id, string Status, decimal Total, string Currency, OrderItem[] Items, string TrackingUrl, string CreatedAt);

internal sealed record OrderItem(int ProductId, string Name, int Qty, decimal Price);

/// <param name="Id">Its number.</param>
/// <param name="Title">What it is about.</param>
/// <param name="Body">HTML.</param>
/// <param name="Read">Whether it was seen.</param>
/// <param name="CreatedAt">A text here, so that it goes on as it came.</param>
/// <param name="Kind">What kind of news.</param>
/// <param name="Icon">A picture.</param>
/// <param name="Action">What this code doesn't look into goes on as the bytes it came as, whatever the service adds to it.</param>
internal sealed record Notification(string Id, string Title, string Body, bool Read, string CreatedAt, string Kind, string Icon, RawJson Action);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(DashboardPage))]
internal sealed partial class DashboardJson : JsonSerializerContext;
