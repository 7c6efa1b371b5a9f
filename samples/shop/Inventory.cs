using Microsoft.AspNetCore.Builder;

namespace Shop;

/// <summary>How many of a product are where; as JSON, and by gRPC as <c>protos/shop.proto</c> has it.</summary>
internal static class Inventory
{
    public static void Map(WebApplication app)
    {
        app.MapMethods("/stock/{sku}", Answers.Read, context =>
            context.Response.SendFoundAsync(Find(context.Parameter("sku")), ShopJson.Plain.Stock, $"stock for {context.Parameter("sku")}"));
        app.MapPost("/shop.Inventory/GetStock", async context =>
        {
            var sku = StockMessage.Sku(await GrpcCall.ReadAsync(context.Request));
            await (sku is null ? GrpcCall.FailAsync(context.Response, GrpcCall.InvalidArgument, "not a GetStockRequest")
                : Find(sku) is { } stock ? GrpcCall.AnswerAsync(context.Response, StockMessage.Write(stock))
                : GrpcCall.FailAsync(context.Response, GrpcCall.NotFound, $"There is no stock for {sku}."));
        });
    }

    private static Stock? Find(string sku)
    {
        if (Array.Find(Products.All, p => p.Sku == sku) is not { } item)
        {
            return null;
        }
        // The fern is sold out, so that a client has one product to show so.
        Warehouse[] warehouses = item.Id == 12 ? [] : [new("north", item.Id * 7 % 23), new("south", 3 + item.Id * 5 % 17)];
        var available = warehouses.Sum(w => w.Available);
        return new Stock(sku, available, item.Id % 3, warehouses, available == 0 ? "2025-09-01" : null);
    }
}

internal sealed record Stock(string Sku, int Available, int Reserved, Warehouse[] Warehouses, string? NextDelivery);

internal sealed record Warehouse(string Name, int Available);
