using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Shop;

/// <summary>How the services read requests and write answers.</summary>
internal static class Answers
{
    /// <summary>The methods of everything that is only read.</summary>
    public static readonly string[] Read = ["GET", "HEAD"];

    public static Task SendAsync<T>(this HttpResponse response, int status, T value, JsonTypeInfo<T> type)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(value, type);
        response.StatusCode = status;
        response.ContentType = "application/json";
        response.ContentLength = body.Length;
        return response.Body.WriteAsync(body).AsTask();
    }

    /// <summary>Sends what no cache may keep.</summary>
    public static Task SendAsync(this HttpResponse response, int status, JsonObject value)
    {
        response.Headers.CacheControl = "no-store";
        return response.SendAsync(status, value, ShopJson.Plain.JsonObject);
    }

    public static Task SendErrorAsync(this HttpResponse response, int status, string error, string message) =>
        response.SendAsync(status, new ErrorBody(error, message), ShopJson.Plain.ErrorBody);

    /// <summary>Sends <paramref name="value"/>, or 404 where there is none.</summary>
    public static Task SendFoundAsync<T>(this HttpResponse response, T? value, JsonTypeInfo<T> type, string what) where T : class =>
        value is null ? response.SendErrorAsync(404, "not_found", $"There is no {what}.") : response.SendAsync(200, value, type);

    public static string Parameter(this HttpContext context, string name) => (string)context.GetRouteValue(name)!;

    /// <summary>A parameter of the query, or null; said twice, the first: a gate's own comes before its client's.</summary>
    public static string? Asked(this HttpContext context, string name) => context.Request.Query[name] is [var first, ..] ? first : null;

    /// <summary>A whole number from the query, kept between the bounds; <paramref name="otherwise"/> where it is missing or isn't one.</summary>
    public static int Number(this HttpContext context, string name, int otherwise, int least, int most) =>
        int.TryParse(context.Asked(name), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? Math.Clamp(number, least, most) : otherwise;
}

internal sealed record ErrorBody(string Error, string Message);

[JsonSerializable(typeof(ErrorBody))]
[JsonSerializable(typeof(Health))]
[JsonSerializable(typeof(JsonObject))]
[JsonSerializable(typeof(Product))]
[JsonSerializable(typeof(ProductPage))]
[JsonSerializable(typeof(ProductV2))]
[JsonSerializable(typeof(ProductPageV2))]
[JsonSerializable(typeof(Price))]
[JsonSerializable(typeof(Stock))]
[JsonSerializable(typeof(IReadOnlyList<Review>))]
[JsonSerializable(typeof(User))]
[JsonSerializable(typeof(Order))]
[JsonSerializable(typeof(IReadOnlyList<Order>))]
[JsonSerializable(typeof(NewOrder))]
[JsonSerializable(typeof(Notification))]
[JsonSerializable(typeof(IReadOnlyList<Notification>))]
[JsonSerializable(typeof(Document))]
[JsonSerializable(typeof(DocumentPage))]
[JsonSerializable(typeof(Attachment))]
internal sealed partial class ShopJson : JsonSerializerContext
{
    /// <summary>Camel case; <c>&lt;</c> and <c>'</c> stay themselves, since no answer is put into a page.</summary>
    public static ShopJson Plain { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
