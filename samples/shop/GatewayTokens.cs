using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Shop;

/// <summary>
/// Verifies what the gateway says of a caller as any service can, without asking anyone about the caller: by the keys that the
/// gateway publishes. They are fetched when a token names one that isn't known, at most every five seconds.
/// </summary>
internal sealed class GatewayTokens(TimeProvider time) : IDisposable
{
    /// <summary>The <c>iss</c> that <c>postern.yaml</c> gives the gateway's tokens.</summary>
    public const string Issuer = "https://shop.example";

    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(5);

    private readonly HttpClient client = new(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false }) { Timeout = Rest, MaxResponseContentBufferSize = 64 * 1024 };
    private readonly SemaphoreSlim fetching = new(1);
    private Dictionary<string, ECParameters> keys = [];
    private DateTimeOffset fetched = DateTimeOffset.MinValue;

    /// <summary>The gateway's URL; null where none is known.</summary>
    public string? Gateway { get; set; }

    /// <summary>What the token says; null where it isn't the gateway's, or is past its end.</summary>
    public async Task<JsonObject?> VerifyAsync(string token, CancellationToken cancellation)
    {
        if (token.Split('.') is not [var header, var payload, var signature] || Json(header) is not { } head || (string?)head["alg"] != "ES256" || (string?)head["kid"] is not { } id)
        {
            return null;
        }
        if (await KeyAsync(id, cancellation) is not { } parameters)
        {
            return null;
        }
        using var key = ECDsa.Create(parameters);
        if (!Base64Url.IsValid(signature) || !key.VerifyData(Encoding.ASCII.GetBytes($"{header}.{payload}"), Base64Url.DecodeFromChars(signature), HashAlgorithmName.SHA256))
        {
            return null;
        }
        return Json(payload) is { } claims && (string?)claims["iss"] == Issuer && (long?)claims["exp"] > time.GetUtcNow().ToUnixTimeSeconds() ? claims : null;
    }

    public void Dispose()
    {
        client.Dispose();
        fetching.Dispose();
    }

    private async Task<ECParameters?> KeyAsync(string id, CancellationToken cancellation)
    {
        await fetching.WaitAsync(cancellation);
        try
        {
            if (!keys.ContainsKey(id) && Gateway is not null && time.GetUtcNow() - fetched > Rest)
            {
                fetched = time.GetUtcNow();
                keys = await FetchAsync(Gateway + "/.well-known/jwks.json", cancellation) ?? keys;
            }
            return keys.TryGetValue(id, out var key) ? key : null;
        }
        finally
        {
            fetching.Release();
        }
    }

    private async Task<Dictionary<string, ECParameters>?> FetchAsync(string url, CancellationToken cancellation)
    {
        try
        {
            var set = JsonNode.Parse(await client.GetByteArrayAsync(url, cancellation));
            return set!["keys"]!.AsArray().Where(k => (string?)k!["crv"] == "P-256").ToDictionary(k => (string)k!["kid"]!, k => new ECParameters
            {
                Curve = ECCurve.NamedCurves.nistP256,
                Q = new ECPoint { X = Base64Url.DecodeFromChars((string)k!["x"]!), Y = Base64Url.DecodeFromChars((string)k["y"]!) },
            });
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException or JsonException)
        {
            return null;
        }
    }

    private static JsonObject? Json(string part)
    {
        try
        {
            return Base64Url.IsValid(part) ? JsonNode.Parse(Base64Url.DecodeFromChars(part)) as JsonObject : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
