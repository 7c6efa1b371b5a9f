using System.Text.Json.Nodes;

namespace Shop;

/// <summary>The tokens that were given out, and what each stands for. Past ten thousand the oldest are forgotten.</summary>
internal sealed class IssuedTokens
{
    private const int Kept = 10_000;

    private readonly Lock gate = new();
    private readonly Dictionary<string, JsonObject> claims = [];
    private readonly Queue<(string Token, long Expires)> order = [];

    public void Add(string token, JsonObject said, long now)
    {
        lock (gate)
        {
            while (order.TryPeek(out var oldest) && (order.Count >= Kept || oldest.Expires <= now))
            {
                claims.Remove(order.Dequeue().Token);
            }
            claims[token] = said;
            order.Enqueue((token, Expiry(said)));
        }
    }

    /// <summary>A copy of what the token stands for; null where it isn't known, or is no longer good.</summary>
    public JsonObject? Find(string token, long now)
    {
        lock (gate)
        {
            return claims.TryGetValue(token, out var found) && Expiry(found) > now ? (JsonObject)found.DeepClone() : null;
        }
    }

    private static long Expiry(JsonObject said) => (long)said["exp"]!;
}
