using Microsoft.AspNetCore.Builder;

namespace Shop;

/// <summary>What a product costs today.</summary>
internal static class Prices
{
    public static void Map(WebApplication app) => app.MapMethods("/prices/{id}", Answers.Read, context =>
        context.Response.SendFoundAsync(Find(context.Parameter("id")), ShopJson.Plain.Price, $"price for product {context.Parameter("id")}"));

    private static Price? Find(string id)
    {
        if (Products.Find(id) is not { } item)
        {
            return null;
        }
        var discount = item.Id % 4 == 0 ? 15 : 0;
        return new Price(item.Id, Math.Round(item.Price * (100 - discount) / 100, 2), item.Price, discount, "USD", "2025-12-31T23:59:59Z");
    }
}

internal sealed record Price(int ProductId, decimal Amount, decimal ListAmount, int DiscountPercent, string Currency, string ValidUntil);
