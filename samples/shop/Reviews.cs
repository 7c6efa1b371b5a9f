using Microsoft.AspNetCore.Builder;

namespace Shop;

/// <summary>What customers say of a product.</summary>
internal static class Reviews
{
    private static readonly (int Stars, string Text)[] Words =
    [
        (5, "Exactly what I was looking for."),
        (4, "Well made; the parcel took a week."),
        (5, "My second one. The first was a present."),
        (3, "Fine, but smaller than it looks in the picture."),
        (4, "Does its work and stays out of the way."),
        (2, "Arrived with a scratch; the exchange was easy."),
    ];

    private static readonly string[] Authors = ["Mira Okafor", "Tomas Lind", "Yuki Arai", "Ines Duarte", "Paul Becker"];

    public static void Map(WebApplication app) => app.MapMethods("/reviews", Answers.Read, context =>
    {
        var product = context.Asked("product");
        return product is null ? context.Response.SendErrorAsync(400, "product_missing", "Say which product: /reviews?product=1.")
            : context.Response.SendFoundAsync(Products.Find(product) is { } item ? Of(item.Id) : null, ShopJson.Plain.IReadOnlyListReview, $"product {product}");
    });

    public static IReadOnlyList<Review> Of(int product) =>
    [
        .. from n in Enumerable.Range(0, 2 + product % 5)
           let words = Words[(product + n) % Words.Length]
           select new Review($"rev_{product:d2}{n:d2}", product, words.Stars, words.Text, Authors[(product * 3 + n) % Authors.Length], $"2025-07-{1 + (product * 5 + n * 3) % 28:d2}T10:00:00Z"),
    ];

    public static double Average(int product) => Math.Round(Of(product).Average(r => r.Stars), 1);
}

internal sealed record Review(string Id, int ProductId, int Stars, string Text, string Author, string CreatedAt);
