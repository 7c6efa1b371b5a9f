using System.Globalization;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Shop;

/// <summary>The catalogue, in two versions of one service. Each product has a price, a stock and reviews in the services of those names.</summary>
internal static class Products
{
    /// <summary>What both versions know of a product.</summary>
    internal sealed record Item(int Id, string Sku, string Name, string Text, string Category, decimal Price, string[] Tags);

    public static readonly Item[] All =
    [
        new(1, "LAMP-WALNUT", "Walnut Desk Lamp", "A dimmable lamp on a turned walnut foot.", "lighting", 89.00m, ["wood", "led", "desk"]),
        new(2, "CHAIR-MESH", "Mesh Office Chair", "Adjustable in five ways; the mesh breathes.", "seating", 329.00m, ["office", "adjustable"]),
        new(3, "MUG-STONE", "Stoneware Mug", "Holds 350 ml; safe in the dishwasher.", "kitchen", 14.50m, ["ceramic", "gift"]),
        new(4, "PEN-BRASS", "Brass Fountain Pen", "A fine steel nib in a body that ages well.", "writing", 64.00m, ["brass", "gift", "desk"]),
        new(5, "BAG-CANVAS", "Canvas Day Bag", "Eighteen litres, waxed, with a padded sleeve.", "bags", 118.00m, ["travel", "laptop"]),
        new(6, "CLOCK-OAK", "Oak Wall Clock", "Silent movement behind a pale oak face.", "home", 72.90m, ["wood", "quiet"]),
        new(7, "DESK-STAND", "Standing Desk", "Rises from 68 to 120 cm in nine seconds.", "furniture", 549.00m, ["office", "adjustable", "motor"]),
        new(8, "NOTE-DOT", "Dotted Notebook", "Two hundred numbered pages that lie flat.", "writing", 18.00m, ["paper", "desk"]),
        new(9, "KETTLE-GOOSE", "Gooseneck Kettle", "Pours slowly and holds a temperature.", "kitchen", 94.00m, ["coffee", "steel"]),
        new(10, "RUG-WOOL", "Woven Wool Rug", "170 by 240 cm, undyed wool, both sides usable.", "home", 289.00m, ["wool"]),
        new(11, "SPEAKER-SHELF", "Shelf Speaker", "Small, warm, and loud enough for a kitchen.", "audio", 159.00m, ["bluetooth"]),
        new(12, "PLANT-FERN", "Potted Fern", "Likes shade and to be left alone.", "home", 24.00m, ["plant", "gift"]),
    ];

    public static Item? Find(string id) =>
        int.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? Array.Find(All, p => p.Id == number) : null;

    public static void MapV1(WebApplication app)
    {
        app.MapMethods("/products", Answers.Read, context =>
            context.Response.SendAsync(200, new ProductPage([.. Chosen(context).Select(V1)], All.Length), ShopJson.Plain.ProductPage));
        app.MapMethods("/products/{id}", Answers.Read, context =>
            context.Response.SendFoundAsync(Find(context.Parameter("id")) is { } item ? V1(item) : null, ShopJson.Plain.Product, $"product {context.Parameter("id")}"));
    }

    public static void MapV2(WebApplication app)
    {
        app.MapMethods("/products", Answers.Read, context =>
            context.Response.SendAsync(200, new ProductPageV2("v2", [.. Chosen(context).Select(V2)], All.Length), ShopJson.Plain.ProductPageV2));
        app.MapMethods("/products/{id}", Answers.Read, context =>
            context.Response.SendFoundAsync(Find(context.Parameter("id")) is { } item ? V2(item) : null, ShopJson.Plain.ProductV2, $"product {context.Parameter("id")}"));
    }

    private static IEnumerable<Item> Chosen(HttpContext context)
    {
        var (category, words) = (context.Asked("category"), context.Asked("q"));
        return All.Where(p => (category is null || p.Category == category) && (words is null || p.Name.Contains(words, StringComparison.OrdinalIgnoreCase))).Take(context.Number("limit", All.Length, 1, All.Length));
    }

    private static Product V1(Item item) => new(
        item.Id, item.Sku, item.Name, item.Text, item.Category, item.Price, "USD", Image(item), item.Tags, $"2025-0{1 + item.Id % 6}-1{item.Id % 10}T08:00:00Z",
        Math.Round(0.5 + item.Id * 0.037, 3), new DebugInfo(item.Id % 4, $"product:{item.Id}", $"select * from products where id = {item.Id}"));

    private static ProductV2 V2(Item item) => new(
        "v2", item.Id, item.Sku, item.Name, item.Text, item.Category, new Money(item.Price, "USD"), [Image(item), Image(item).Replace(".jpg", "-side.jpg", StringComparison.Ordinal)],
        item.Tags, new Rating(Reviews.Average(item.Id), Reviews.Of(item.Id).Count), $"2025-0{1 + item.Id % 6}-1{item.Id % 10}T08:00:00Z", item.Id % 3 == 0 ? 5 : 2);

    private static string Image(Item item) => $"https://cdn.shop.example/products/{item.Sku.ToLowerInvariant()}.jpg";
}

/// <summary>A product as version 1 tells it. The last two are for the service's own people; a gate should keep them to itself.</summary>
internal sealed record Product(
    int Id, string Sku, string Name, string Description, string Category, decimal Price, string Currency, string Image, string[] Tags, string CreatedAt,
    [property: JsonPropertyName("_internalScore")] double InternalScore, DebugInfo DebugInfo);

internal sealed record DebugInfo(int Shard, string CacheKey, string Query);

internal sealed record ProductPage(IReadOnlyList<Product> Products, int Total);

/// <summary>A product as version 2 tells it: the name is a title, the price an object.</summary>
internal sealed record ProductV2(
    string Version, int Id, string Sku, string Title, string Summary, string Category, Money Price, string[] Images, string[] Tags,
    Rating Rating, string CreatedAt, int DeliveryDays);

internal sealed record Money(decimal Amount, string Currency);

internal sealed record Rating(double Average, int Count);

internal sealed record ProductPageV2(string Version, IReadOnlyList<ProductV2> Items, int Total);
