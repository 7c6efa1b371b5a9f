using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Shop;

namespace Postern.Tests.Samples;

/// <summary>The shop's dashboards and lists, in the shape of each client: what the web gets, what the phone gets of it, and what is left when a service is gone.</summary>
public sealed class DashboardTests : IAsyncLifetime
{
    private ShopGateway shop = null!;

    public async ValueTask InitializeAsync() => shop = await ShopGateway.StartAsync();

    public ValueTask DisposeAsync() => shop.DisposeAsync();

    [Fact]
    public async Task The_phone_s_dashboard_weighs_less_than_30_percent_of_the_web_s()
    {
        var (web, mobile) = (await shop.Client.GetByteArrayAsync("/web/dashboard"), await shop.Client.GetByteArrayAsync("/mobile/v1/dashboard"));
        var (all, some) = (JsonNode.Parse(web)!, JsonNode.Parse(mobile)!);
        Assert.Equal((5, 50), (all["recentOrders"]!.AsArray().Count, all["notifications"]!.AsArray().Count));
        Assert.Equal((5, 50, 50), (some["recentOrders"]!.AsArray().Count, some["notifications"]!.AsArray().Count, (int)some["unreadCount"]!));
        Assert.InRange(web.Length, 15_000, 20_000);
        Assert.InRange((double)mobile.Length / web.Length, 0.1, 0.3);
    }

    [Fact]
    public async Task The_phone_s_documents_weigh_less_than_40_percent_of_the_web_s()
    {
        var (web, mobile) = (await shop.Client.GetByteArrayAsync("/web/documents"), await shop.Client.GetByteArrayAsync("/mobile/v1/documents"));
        Assert.Equal((10, 10), (JsonNode.Parse(web)!["documents"]!.AsArray().Count, JsonNode.Parse(mobile)!["documents"]!.AsArray().Count));
        Assert.InRange(web.Length, 8200, 9200);
        Assert.InRange((double)mobile.Length / web.Length, 0.1, 0.4);
    }

    [Fact]
    public async Task The_dashboard_is_what_the_services_say_each_under_its_name()
    {
        using var straight = new HttpClient { DefaultRequestHeaders = { { "X-User-Id", "usr_a41c7" } } };
        var user = await straight.GetStringAsync(shop.Shop.Urls["users"][0] + "/api/profile");
        var orders = await straight.GetStringAsync(shop.Shop.Urls["orders"][0] + "/api/orders?limit=5");
        var notifications = await straight.GetStringAsync(shop.Shop.Urls["notifications"][0] + "/api/unread");
        Assert.StartsWith($$"""{"user":{{user}},"recentOrders":{{orders}},"notifications":{{notifications}},"_meta":{"partial":false,"failedSources":[],"responseTimeMs":""",
            await shop.Client.GetStringAsync("/web/dashboard"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_phone_s_dashboard_has_the_shape_of_a_phone()
    {
        var page = (await shop.Client.GetFromJsonAsync<JsonNode>("/mobile/v1/dashboard"))!;
        Assert.Equal("""{"id":"usr_a41c7","name":"Mira Okafor","avatarThumb":"https://cdn.shop.example/avatars/usr_a41c7/thumb_64.jpg"}""", page["user"]!.ToJsonString());
        Assert.Equal("""{"id":"ord_0020","status":"delivered","total":"$118.00"}""", page["recentOrders"]![0]!.ToJsonString());
        Assert.Equal("""{"id":"ntf_900","title":"Order shipped","summary":"Your order ord_0020 is on its way."}""", page["notifications"]![0]!.ToJsonString());
        Assert.Equal(["user", "recentOrders", "unreadCount", "notifications", "_meta"], page.AsObject().Select(p => p.Key));
    }

    [Fact]
    public async Task A_product_s_page_is_made_of_three_services_of_which_one_waits_for_another()
    {
        Assert.StartsWith("""{"id":7,"name":"Standing Desk","price":"$549.00","inStock":true,"reviews":[{"stars":""", await shop.Client.GetStringAsync("/mobile/v1/product-page/7"), StringComparison.Ordinal);
        // The fern is sold out.
        var fern = (await shop.Client.GetFromJsonAsync<JsonNode>("/mobile/v1/product-page/12"))!;
        Assert.False((bool)fern["inStock"]!);
        Assert.Equal(3, fern["reviews"]!.AsArray().Count);
        Assert.Equal(HttpStatusCode.NotFound, (await shop.Client.GetAsync("/mobile/v1/product-page/99")).StatusCode);
    }

    [Fact]
    public async Task What_the_catalogue_keeps_for_itself_does_not_leave_the_gate()
    {
        var product = (await shop.Client.GetFromJsonAsync<JsonNode>("/web/products/7"))!.AsObject();
        Assert.Equal("DESK-STAND", (string?)product["sku"]);
        Assert.DoesNotContain(product, p => p.Key is "_internalScore" or "debugInfo");
    }

    [Fact]
    public async Task Without_the_notifications_the_dashboard_answers_and_says_what_is_missing()
    {
        await shop.Shop.BreakAsync("notifications-1", Fault.Killed);
        foreach (var (path, count) in new[] { ("/web/dashboard", null as int?), ("/mobile/v1/dashboard", 0) })
        {
            using var answer = await shop.Client.GetAsync(path);
            Assert.Equal((HttpStatusCode.OK, "no-store"), (answer.StatusCode, answer.Headers.CacheControl?.ToString()));
            var page = (await answer.Content.ReadFromJsonAsync<JsonNode>())!;
            Assert.Equal("usr_a41c7", (string?)page["user"]!["id"]);
            Assert.Equal(5, page["recentOrders"]!.AsArray().Count);
            Assert.Empty(page["notifications"]!.AsArray());
            Assert.Equal(count, (int?)page["unreadCount"]);
            Assert.Equal("""{"partial":true,"failedSources":["notifications"]""", page["_meta"]!.ToJsonString().Split(",\"responseTimeMs\"")[0]);
        }
    }

    [Fact]
    public async Task Without_the_user_there_is_no_dashboard()
    {
        await shop.Shop.BreakAsync("users-1", Fault.Killed);
        foreach (var path in new[] { "/web/dashboard", "/mobile/v1/dashboard" })
        {
            using var answer = await shop.Client.GetAsync(path);
            Assert.Equal((HttpStatusCode.ServiceUnavailable, "application/problem+json"), (answer.StatusCode, answer.Content.Headers.ContentType?.MediaType));
            Assert.Equal("user", (string?)(await answer.Content.ReadFromJsonAsync<JsonNode>())!["source"]);
        }
    }
}
