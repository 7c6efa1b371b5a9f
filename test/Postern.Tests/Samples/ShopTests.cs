using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using Postern.Tests.Transforms.Grpc;
using Shop;

namespace Postern.Tests.Samples;

public sealed class ShopTests : IAsyncLifetime
{
    /// <summary>The first user, as the gateway would name them.</summary>
    private HttpClient client = null!;
    private ShopServices shop = null!;

    public async ValueTask InitializeAsync()
    {
        shop = await ShopServices.StartAsync();
        client = ShopClient.New(() => shop);
        client.DefaultRequestHeaders.Add("X-User-Id", "usr_a41c7");
    }

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        await shop.DisposeAsync();
    }

    [Fact]
    public async Task Every_destination_has_its_own_port_and_says_it_is_well()
    {
        var urls = shop.Urls.Values.SelectMany(u => u).ToArray();
        Assert.Equal(10, urls.Distinct().Count());
        Assert.DoesNotContain(shop.AuthorizationUrl, urls);
        foreach (var (upstream, destinations) in shop.Urls)
        {
            for (var i = 0; i < destinations.Count; i++)
            {
                using var answer = await client.GetAsync($"{destinations[i]}/healthz");
                Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
                Assert.Equal($"{upstream}-{i + 1}", answer.Headers.GetValues("X-Served-By").Single());
            }
        }
    }

    [Fact]
    public async Task The_files_name_the_ports_that_the_services_prefer()
    {
        var yaml = await File.ReadAllTextAsync(ShopServices.ConfigFile);
        Assert.Equal(shop.Urls.Keys.Order(), ShopServices.PreferredUrls.Keys.Order());
        foreach (var (upstream, urls) in ShopServices.PreferredUrls)
        {
            var written = urls.Count == 1 ? $"  {upstream}: {{ url: {urls[0]}" : $"  {upstream}:\n    urls: [{string.Join(", ", urls)}]";
            Assert.Contains(written, yaml.ReplaceLineEndings("\n"));
        }
        Assert.Contains($"issuer: {ShopServices.PreferredAuthorizationUrl}", yaml, StringComparison.Ordinal);
        Assert.Contains($"endpoint: {ShopServices.PreferredAuthorizationUrl}/introspect", yaml, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(Path.GetDirectoryName(ShopServices.ConfigFile)!, "keys.yaml")), "keys.yaml");
        foreach (var gate in new[] { "web", "mobile", "partner" })
        {
            Assert.True(File.Exists(Path.Combine(Path.GetDirectoryName(ShopServices.ConfigFile)!, "gates", $"{gate}.yaml")), gate);
        }
    }

    [Fact]
    public async Task A_preferred_port_that_is_taken_is_replaced_by_a_free_one()
    {
        // Whoever holds 5001, it is held now.
        using var holder = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            holder.Bind(new IPEndPoint(IPAddress.Loopback, 5001));
            holder.Listen();
        }
        catch (SocketException)
        {
        }
        await using var second = await ShopServices.StartAsync(preferredPorts: true);
        Assert.NotEqual("http://127.0.0.1:5001", second.Urls["products"][0]);
        using var answer = await client.GetAsync($"{second.Urls["products"][0]}/products/1");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task A_stopped_destination_refuses_and_its_neighbour_serves_on()
    {
        await shop.StopAsync("products-1");
        await Assert.ThrowsAsync<HttpRequestException>(() => client.GetAsync($"{shop.Urls["products"][0]}/products/1"));
        using var answer = await client.GetAsync($"{shop.Urls["products"][1]}/products/1");
        Assert.Equal("products-2", answer.Headers.GetValues("X-Served-By").Single());
    }

    [Fact]
    public async Task Both_destinations_of_version_1_answer_the_same_bytes()
    {
        var first = await client.GetByteArrayAsync($"{shop.Urls["products"][0]}/products/4");
        Assert.Equal(first, await client.GetByteArrayAsync($"{shop.Urls["products"][1]}/products/4"));
    }

    [Fact]
    public async Task The_versions_of_a_product_differ_as_versions_do()
    {
        var (v1, v2) = (await GetAsync("products", "/products/4"), await GetAsync("products-v2", "/products/4"));
        Assert.Equal((string?)v1["name"], (string?)v2["title"]);
        Assert.Equal((decimal?)v1["price"], (decimal?)v2["price"]!["amount"]);
        Assert.Equal("USD", (string?)v1["currency"]);
        Assert.Equal("v2", (string?)v2["version"]);
        Assert.NotNull(v1["_internalScore"]);
        Assert.NotNull(v1["debugInfo"]);
        Assert.Null(v2["debugInfo"]);
    }

    [Fact]
    public async Task Every_product_has_a_price_a_stock_and_reviews()
    {
        var all = (JsonArray)(await GetAsync("products", "/products"))["products"]!;
        Assert.Equal(12, all.Count);
        foreach (var product in all)
        {
            var id = (int)product!["id"]!;
            Assert.Equal(id, (int?)(await GetAsync("prices", $"/prices/{id}"))["productId"]);
            Assert.Equal((string?)product["sku"], (string?)(await GetAsync("inventory", $"/stock/{product["sku"]}"))["sku"]);
            Assert.All((JsonArray)await GetAsync("reviews", $"/reviews?product={id}"), r => Assert.InRange((int)r!["stars"]!, 1, 5));
        }
    }

    [Fact]
    public async Task The_stock_by_gRPC_is_the_stock_in_JSON()
    {
        using var upstream = new OneGrpcUpstream(shop.Urls["inventory"][0], descriptors: Path.Combine(Path.GetDirectoryName(ShopServices.ConfigFile)!, "protos", "shop.binpb"));
        foreach (var product in (JsonArray)(await GetAsync("products", "/products"))["products"]!)
        {
            var (called, read) = (JsonNode.Parse(await upstream.CallAsync($$"""{"sku":"{{product!["sku"]}}"}""", "shop.Inventory/GetStock"))!, await GetAsync("inventory", $"/stock/{product["sku"]}"));
            if (read["nextDelivery"] is null)
            {
                // gRPC has no null: what isn't there is left out.
                read.AsObject().Remove("nextDelivery");
            }
            Assert.True(JsonNode.DeepEquals(read, called), $"{read}\n{called}");
        }
        Assert.Equal("404 NOT_FOUND None: NOT_FOUND: There is no stock for NOTHING.", await upstream.CallAsync("""{"sku":"NOTHING"}""", "shop.Inventory/GetStock"));
    }

    [Theory]
    [InlineData("products", "/products/13")]
    [InlineData("products", "/products/one")]
    [InlineData("products-v2", "/products/0")]
    [InlineData("prices", "/prices/99")]
    [InlineData("inventory", "/stock/NOTHING")]
    [InlineData("reviews", "/reviews?product=99")]
    [InlineData("users", "/users/usr_none")]
    [InlineData("orders", "/api/orders/ord_9999")]
    [InlineData("documents", "/documents/doc_1")]
    [InlineData("users", "/no/such/path")]
    public async Task What_is_not_there_is_a_404_in_JSON(string upstream, string path)
    {
        using var answer = await client.GetAsync(shop.Urls[upstream][0] + path);
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Equal("not_found", (string?)(await answer.Content.ReadFromJsonAsync<JsonNode>())!["error"]);
    }

    [Theory]
    [InlineData("users", "/api/profile", 250, 500)]
    [InlineData("orders", "/api/orders?limit=5", 900, 1700)]
    [InlineData("notifications", "/api/unread", 14_000, 17_000)]
    [InlineData("documents", "/documents", 8200, 9200)]
    public async Task What_pages_are_made_of_has_the_size_of_such_things(string upstream, string path, int least, int most) =>
        Assert.InRange((await client.GetByteArrayAsync(shop.Urls[upstream][0] + path)).Length, least, most);

    [Theory]
    [InlineData("users", "/api/profile")]
    [InlineData("orders", "/api/orders")]
    [InlineData("orders", "/api/orders/ord_0001")]
    public async Task What_belongs_to_someone_is_told_to_nobody_else(string upstream, string path)
    {
        using var stranger = new HttpClient { Timeout = TimeSpan.FromSeconds(10) };
        using var refused = await stranger.GetAsync(shop.Urls[upstream][0] + path);
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        Assert.Equal("unknown_caller", (string?)(await refused.Content.ReadFromJsonAsync<JsonNode>())!["error"]);
    }

    [Fact]
    public async Task Every_caller_has_a_profile_and_orders_of_their_own()
    {
        Assert.Equal("usr_c35d9", (string?)(await GetAsync("users", "/api/profile", "usr_c35d9"))["id"]);
        var lists = new List<string>();
        foreach (var user in new[] { "usr_a41c7", "usr_b80e2", "usr_c35d9", "usr_d16f4", "usr_e72b8", "acme" })
        {
            lists.AddRange(((JsonArray)await GetAsync("orders", "/api/orders?limit=100", user)).Select(o => (string)o!["id"]!));
        }
        Assert.Equal(20 + 4 * 3, lists.Distinct().Count());
        Assert.Equal(lists.Count, lists.Distinct().Count());
        Assert.Equal(HttpStatusCode.NotFound, (await AskAsync("orders", "/api/orders/ord_0020", "usr_b80e2")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await AskAsync("users", "/api/profile", "acme")).StatusCode);
    }

    [Fact]
    public async Task Lists_are_as_long_as_asked()
    {
        Assert.Equal(20, ((JsonArray)await GetAsync("orders", "/api/orders")).Count);
        Assert.Equal(5, ((JsonArray)await GetAsync("orders", "/api/orders?limit=5")).Count);
        Assert.Equal(5, ((JsonArray)await GetAsync("orders", "/api/orders?limit=5&limit=9")).Count);
        Assert.All((JsonArray)await GetAsync("orders", "/api/orders?status=shipped"), o => Assert.Equal("shipped", (string?)o!["status"]));
        Assert.Equal(50, ((JsonArray)await GetAsync("notifications", "/api/unread")).Count);
        Assert.Equal(7, ((JsonArray)await GetAsync("notifications", "/api/unread?limit=7")).Count);
        Assert.Equal(10, ((JsonArray)(await GetAsync("documents", "/documents"))["documents"]!).Count);
        var page = await GetAsync("documents", "/documents?limit=3");
        Assert.Equal((3, 3), (((JsonArray)page["documents"]!).Count, (int)page["pagination"]!["pageSize"]!));
    }

    [Fact]
    public async Task A_placed_order_is_created_and_can_be_read_where_it_says()
    {
        var orders = new Uri(shop.Urls["orders"][0] + "/api/orders");
        using var placed = await client.PostAsJsonAsync(orders, new { items = new[] { new { productId = 3, qty = 2 } } });
        Assert.Equal(HttpStatusCode.Created, placed.StatusCode);
        var order = await client.GetFromJsonAsync<JsonNode>(new Uri(orders, placed.Headers.Location!));
        Assert.Equal("ord_0033", (string?)order!["id"]);
        Assert.Equal(29.00m, (decimal?)order["total"]);
        Assert.Equal("ord_0033", (string?)((JsonArray)await GetAsync("orders", "/api/orders?limit=1"))[0]!["id"]);
    }

    [Theory]
    [InlineData("", HttpStatusCode.BadRequest)]
    [InlineData("items", HttpStatusCode.BadRequest)]
    [InlineData("{}", HttpStatusCode.UnprocessableEntity)]
    [InlineData("""{"items":[]}""", HttpStatusCode.UnprocessableEntity)]
    [InlineData("""{"items":[null]}""", HttpStatusCode.UnprocessableEntity)]
    [InlineData("""{"items":[{"productId":3,"qty":0}]}""", HttpStatusCode.UnprocessableEntity)]
    [InlineData("""{"items":[{"productId":77,"qty":1}]}""", HttpStatusCode.UnprocessableEntity)]
    public async Task What_is_no_order_is_refused(string body, HttpStatusCode status)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var answer = await client.PostAsync(shop.Urls["orders"][0] + "/api/orders", content);
        Assert.Equal(status, answer.StatusCode);
        Assert.Equal(20, ((JsonArray)await GetAsync("orders", "/api/orders?limit=100")).Count);
    }

    [Fact]
    public async Task The_stream_sends_its_first_event_at_once_and_ends()
    {
        using var answer = await client.GetAsync(shop.Urls["notifications"][0] + "/api/stream?count=3&every=20", HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType?.MediaType);
        var lines = (await answer.Content.ReadAsStringAsync()).Split('\n');
        Assert.Equal(["id: 1", "id: 2", "id: 3"], lines.Where(l => l.StartsWith("id:", StringComparison.Ordinal)));

        using var slow = await client.GetStreamAsync(shop.Urls["notifications"][0] + "/api/stream?every=60000");
        using var reader = new StreamReader(slow);
        Assert.Equal("event: notification", await reader.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public async Task The_socket_says_everything_back()
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(new Uri(shop.Urls["notifications"][0].Replace("http:", "ws:", StringComparison.Ordinal) + "/ws"), timeout.Token);
        await socket.SendAsync("hello"u8.ToArray(), WebSocketMessageType.Text, true, timeout.Token);
        var buffer = new byte[64];
        var piece = await socket.ReceiveAsync(buffer, timeout.Token);
        Assert.Equal("hello", Encoding.UTF8.GetString(buffer, 0, piece.Count));
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "bye", timeout.Token);
        Assert.Equal(WebSocketCloseStatus.NormalClosure, socket.CloseStatus);

        using var plain = await client.GetAsync(shop.Urls["notifications"][0] + "/ws");
        Assert.Equal(HttpStatusCode.UpgradeRequired, plain.StatusCode);
    }

    [Fact]
    public async Task The_link_to_the_next_page_goes_through_whatever_stands_in_front()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, shop.Urls["documents"][0] + "/documents");
        request.Headers.Host = "api.shop.example";
        request.Headers.Add("X-Forwarded-Prefix", "/partner/v1");
        using var answer = await client.SendAsync(request);
        Assert.Equal("<http://api.shop.example/partner/v1/documents?page=2>; rel=\"next\"", answer.Headers.GetValues("Link").Single());
    }

    [Fact]
    public async Task Stopping_does_not_wait_for_an_open_stream()
    {
        await using var other = await ShopServices.StartAsync();
        using var stream = await client.GetStreamAsync(other.Urls["notifications"][0] + "/api/stream?every=60000");
        await other.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(10));
        await Assert.ThrowsAsync<HttpRequestException>(() => client.GetAsync(other.Urls["users"][0] + "/healthz"));
    }

    [Fact]
    public async Task A_HEAD_is_answered_like_its_GET()
    {
        using var request = new HttpRequestMessage(HttpMethod.Head, shop.Urls["products"][0] + "/products/1");
        using var answer = await client.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal((await client.GetByteArrayAsync(shop.Urls["products"][0] + "/products/1")).Length, answer.Content.Headers.ContentLength);
    }

    private async Task<JsonNode> GetAsync(string upstream, string path, string user) =>
        (await (await AskAsync(upstream, path, user)).Content.ReadFromJsonAsync<JsonNode>())!;

    private async Task<HttpResponseMessage> AskAsync(string upstream, string path, string user)
    {
        using var another = new HttpClient { Timeout = TimeSpan.FromSeconds(10), DefaultRequestHeaders = { { "X-User-Id", user } } };
        return await another.GetAsync(shop.Urls[upstream][0] + path);
    }

    private async Task<JsonNode> GetAsync(string upstream, string path) => (await client.GetFromJsonAsync<JsonNode>(shop.Urls[upstream][0] + path))!;
}
