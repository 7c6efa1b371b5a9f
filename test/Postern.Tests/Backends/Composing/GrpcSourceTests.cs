using System.Net;
using System.Text.Json;
using Postern.Tests.Harness;
using Shop;

namespace Postern.Tests.Backends.Composing;

/// <summary>Sources that are gRPC calls, answered by the shop's inventory.</summary>
public sealed class GrpcSourceTests : IAsyncLifetime
{
    private ShopServices shop = null!;
    private TestGateway? gateway;

    public async ValueTask InitializeAsync() => shop = await ShopServices.StartAsync();

    public async ValueTask DisposeAsync()
    {
        if (gateway is not null)
        {
            await gateway.DisposeAsync();
        }
        await shop.DisposeAsync();
    }

    [Fact]
    public async Task A_product_page_waits_for_the_product_and_calls_with_its_sku()
    {
        var page = await AskAsync("""
            - get: /v1/product-page/{id}
              compose:
                product:   { get: "http://products/products/{id}", required: true }
                stock:     { get: grpc://inventory/shop.Inventory/GetStock, with: { sku: product.sku } }
                reviews:   { get: "http://reviews/reviews?product={id}", fallback: [] }
              shape: "{id: product.id, inStock: stock.available > `0`, where: stock.warehouses[].name, next: stock.nextDelivery, reviews: reviews[:1].{stars: stars}}"
            """, "/v1/product-page/12");
        Assert.Equal((12, false, "2025-09-01"), (page.GetProperty("id").GetInt32(), page.GetProperty("inStock").GetBoolean(), page.GetProperty("next").GetString()));
        Assert.Equal(1, page.GetProperty("reviews").GetArrayLength());
        Assert.Contains("""method="shop.Inventory/GetStock",status="OK"} 1""", gateway!.Metrics());
        using var client = gateway.Client();
        using var other = JsonDocument.Parse(await client.GetStringAsync("/v1/product-page/4"));
        Assert.True(other.RootElement.GetProperty("inStock").GetBoolean());
        Assert.Equal(["north", "south"], other.RootElement.GetProperty("where").EnumerateArray().Select(w => w.GetString()));
    }

    [Fact]
    public async Task What_the_service_does_not_have_is_null_and_named()
    {
        var answer = await AskAsync("""
            - get: /stock/{sku}
              compose:
                stock: { get: grpc://inventory/shop.Inventory/GetStock, with: { sku: sku } }
                other: { get: grpc://inventory/shop.Inventory/GetStock, with: { sku: sku }, missing: null }
                third: { get: grpc://inventory/shop.Inventory/GetStock, with: { sku: sku }, fallback: { available: 0 } }
              meta: _meta
            """, "/stock/NOTHING");
        Assert.Equal(JsonValueKind.Null, answer.GetProperty("stock").ValueKind);
        Assert.Equal(["stock", "third"], answer.GetProperty("_meta").GetProperty("failedSources").EnumerateArray().Select(s => s.GetString()));
        Assert.Equal(0, answer.GetProperty("third").GetProperty("available").GetInt32());
        Assert.Contains("\"stock\":\"404\"", (await gateway!.LogAsync(1))[0].GetRawText());
    }

    [Fact]
    public async Task A_required_one_keeps_its_404()
    {
        using var client = await OpenAsync("""
            - get: /stock/{sku}
              compose:
                stock: { get: grpc://inventory/shop.Inventory/GetStock, with: { sku: sku }, required: true }
            """);
        using var answer = await client.GetAsync("/stock/NOTHING");
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Contains("stock", await answer.Content.ReadAsStringAsync());
        Assert.DoesNotContain("NOTHING", (await answer.Content.ReadAsStringAsync()).Replace("/stock/NOTHING", ""));
        Assert.Contains("NOT_FOUND: There is no stock for NOTHING.", (await gateway!.LogAsync(1))[0].GetRawText());
    }

    [Theory]
    [InlineData("{ sku: '[sku]' }")]
    [InlineData("sku")]
    public async Task What_does_not_fit_the_message_is_not_sent(string with)
    {
        var answer = await AskAsync($$"""
            - get: /stock/{sku}
              compose:
                stock: { get: grpc://inventory/shop.Inventory/GetStock, with: {{with}} }
              meta: _meta
            """, "/stock/DESK-STAND");
        Assert.Equal(JsonValueKind.Null, answer.GetProperty("stock").ValueKind);
        Assert.True(answer.GetProperty("_meta").GetProperty("partial").GetBoolean());
        Assert.DoesNotContain("""status="OK"} 1""", gateway!.Metrics());
    }

    [Fact]
    public async Task A_service_that_hangs_takes_as_long_as_its_source_may()
    {
        await shop.BreakAsync("inventory-1", Fault.Hanging);
        var answer = await AskAsync("""
            - get: /stock/{sku}
              compose:
                product: { get: http://products/products/4 }
                stock: { get: grpc://inventory/shop.Inventory/GetStock, with: { sku: sku }, timeout: 200ms }
              meta: _meta
            """, "/stock/DESK-STAND");
        Assert.Equal(4, answer.GetProperty("product").GetProperty("id").GetInt32());
        Assert.Equal(["stock"], answer.GetProperty("_meta").GetProperty("failedSources").EnumerateArray().Select(s => s.GetString()));
        Assert.InRange(answer.GetProperty("_meta").GetProperty("responseTimeMs").GetDouble(), 150, 5000);
    }

    [Fact]
    public async Task One_call_for_each_of_a_list()
    {
        var answer = await AskAsync("""
            - get: /stocks
              compose:
                list:   { get: http://products/products }
                stocks: { get: grpc://inventory/shop.Inventory/GetStock, each: "list.products[:5].sku", with: { sku: each } }
            """, "/stocks");
        Assert.Equal(answer.GetProperty("list").GetProperty("products").EnumerateArray().Take(5).Select(p => p.GetProperty("sku").GetString()),
            answer.GetProperty("stocks").EnumerateArray().Select(s => s.GetProperty("sku").GetString()));
    }

    private async Task<JsonElement> AskAsync(string routes, string path)
    {
        using var client = await OpenAsync(routes);
        using var answer = await client.GetAsync(path);
        var body = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == HttpStatusCode.OK, body);
        return JsonDocument.Parse(body).RootElement;
    }

    private async Task<HttpClient> OpenAsync(string routes)
    {
        gateway = await TestGateway.StartAsync($$"""
            upstreams:
              products: { url: {{shop.Urls["products"][0]}} }
              reviews: { url: {{shop.Urls["reviews"][0]}} }
              inventory: { urls: [{{shop.Urls["inventory"][0]}}], protocol: grpc, descriptors: {{Repository.File("samples", "shop", "protos", "shop.binpb")}} }
            gates:
              web:
                identity: off
                routes:
            {{string.Join('\n', routes.Split('\n').Select(l => "      " + l))}}
            """);
        return gateway.Client();
    }
}
