using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Shop;

/// <summary>The keys of the authorization server, made when it starts. The newest signs; the two before it stay in the set, for tokens that live on.</summary>
internal sealed class SigningKeys
{
    public const string Algorithm = "ES256";

    private const int Kept = 3;

    private readonly Lock gate = new();
    private readonly List<(string Id, ECDsa Key)> keys = [];

    public SigningKeys() => Rotate();

    /// <summary>Signs with a new key from here on.</summary>
    /// <returns>Its <c>kid</c>.</returns>
    public string Rotate()
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var id = AuthorizationServer.Base64Url(RandomNumberGenerator.GetBytes(6));
        lock (gate)
        {
            keys.Insert(0, (id, key));
            if (keys.Count > Kept)
            {
                keys[^1].Key.Dispose();
                keys.RemoveAt(keys.Count - 1);
            }
        }
        return id;
    }

    /// <summary>The public halves (RFC 7517 §5).</summary>
    public JsonObject PublicSet()
    {
        lock (gate)
        {
            return new JsonObject { ["keys"] = new JsonArray([.. keys.Select(k => Public(k.Id, k.Key.ExportParameters(false)))]) };
        }
    }

    /// <summary>The claims as a signed token (RFC 7519, RFC 9068).</summary>
    public string Sign(JsonObject claims)
    {
        lock (gate)
        {
            var (id, key) = keys[0];
            var header = new JsonObject { ["alg"] = Algorithm, ["typ"] = "at+jwt", ["kid"] = id };
            var signed = $"{Part(header)}.{Part(claims)}";
            return $"{signed}.{AuthorizationServer.Base64Url(key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256))}";
        }
    }

    private static string Part(JsonObject json) => AuthorizationServer.Base64Url(Encoding.UTF8.GetBytes(json.ToJsonString()));

    private static JsonObject Public(string id, ECParameters key) => new()
    {
        ["kty"] = "EC",
        ["use"] = "sig",
        ["alg"] = Algorithm,
        ["kid"] = id,
        ["crv"] = "P-256",
        ["x"] = AuthorizationServer.Base64Url(key.Q.X),
        ["y"] = AuthorizationServer.Base64Url(key.Q.Y),
    };
}
