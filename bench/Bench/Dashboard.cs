using System.Text.Json;
using System.Text.Json.Nodes;

namespace Bench;

/// <summary>The answer that everybody who composes must give: equal as JSON, whatever the order of its keys.</summary>
internal static class Dashboard
{
    /// <summary>Asks once; throws where the answer is another.</summary>
    /// <param name="server">Whom.</param>
    /// <param name="path">For what.</param>
    /// <param name="partial">Whether notifications are down.</param>
    public static async Task ExpectAsync(RunningServer server, string path, bool partial)
    {
        using var client = new HttpClient();
        using var answer = await client.GetAsync($"http://127.0.0.1:{server.Port}{path}");
        var text = await answer.Content.ReadAsStringAsync();
        if ((int)answer.StatusCode != 200 || answer.Content.Headers.ContentType?.MediaType != "application/json" || !Right(text, partial))
        {
            throw new BenchException($"{server.Name} gives another answer for {path}{(partial ? " while notifications are down" : "")}: {(int)answer.StatusCode} {answer.Content.Headers.ContentType}\n{text}\nexpected, but for responseTimeMs\n{Expected(partial).ToJsonString()}");
        }
    }

    private static bool Right(string text, bool partial)
    {
        try
        {
            return JsonNode.Parse(text) is JsonObject answer
                && answer["_meta"] is JsonObject meta
                && meta["responseTimeMs"] is JsonValue time && time.GetValueKind() == JsonValueKind.Number && time.GetValue<double>() is >= 0 and < 5000
                && meta.Remove("responseTimeMs")
                && JsonNode.DeepEquals(answer, Expected(partial));
        }
        catch (JsonException)
        {
            return false;
        }
    }

    /// <summary>All of it but the time.</summary>
    private static JsonObject Expected(bool partial) => new()
    {
        ["user"] = JsonNode.Parse(ShopBodies.Profile),
        ["recentOrders"] = JsonNode.Parse(ShopBodies.Orders),
        ["notifications"] = JsonNode.Parse(partial ? "[]" : ShopBodies.Unread),
        ["_meta"] = new JsonObject { ["partial"] = partial, ["failedSources"] = partial ? new JsonArray("notifications") : [] },
    };
}
