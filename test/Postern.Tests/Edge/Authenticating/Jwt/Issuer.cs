using System.Text.Json.Nodes;
using Postern.Edge.Authenticating;
using Postern.Edge.Authenticating.Jwt;
using Postern.Pipeline.Telemetry;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.Authenticating.Jwt;

/// <summary>An issuer of tokens, and a way that knows its callers.</summary>
internal sealed class Issuer
{
    public const string Name = "https://auth.example.com", Audience = "api.example.com", Client = "192.0.2.1";

    public Issuer(params SigningKey[] keys) : this(null, null, keys) { }

    public Issuer(string[]? algorithms, ClaimOptions? claims, params SigningKey[] keys)
    {
        foreach (var key in keys)
        {
            Keys.Add(key);
        }
        var options = new JwtOptions { Issuer = Name, Audience = [Audience, "other.example.com"], Algorithms = algorithms ?? [.. keys.Select(k => k.Algorithm).Distinct()] };
        Way = new JwtWay("customers", options, claims ?? new ClaimOptions(), Metrics, Keys);
        Way.Start(Time, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);
    }

    public JwtWay Way { get; }

    public HeldKeys Keys { get; } = new();

    public ManualTime Time { get; } = new();

    public MetricRegistry Metrics { get; } = new();

    public long Now => Time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>The claims of a sound token, with changes; one that is null is left out.</summary>
    public JsonObject Claims(JsonObject? changes = null) => With(new JsonObject { ["iss"] = Name, ["aud"] = Audience, ["sub"] = "alice", ["iat"] = Now, ["exp"] = Now + 300 }, changes);

    /// <summary>A sound token by that key, with changes to claims and header.</summary>
    public string Token(SigningKey key, JsonObject? claims = null, JsonObject? header = null) =>
        key.Sign(With(new JsonObject { ["alg"] = key.Algorithm, ["kid"] = key.Kid, ["typ"] = "JWT" }, header), Claims(claims));

    /// <summary>What the way says of a token, as the stage asks.</summary>
    public async Task<Verdict> JudgeAsync(string token, string client = Client)
    {
        var digest = Digest.Of(token);
        return Way.Find(digest) is { } known ? Verdict.Known(known) : await Way.JudgeAsync(token, digest, client).AsTask().WaitAsync(TimeSpan.FromSeconds(10));
    }

    /// <summary>How many tokens came to that.</summary>
    public long Count(string outcome) => Metrics.Counter("postern_jwt_verifications_total", "", ("identity", "customers"), ("outcome", outcome)).Value;

    private static JsonObject With(JsonObject defaults, JsonObject? changes)
    {
        foreach (var (name, value) in changes ?? [])
        {
            if (value is null)
            {
                defaults.Remove(name);
            }
            else
            {
                defaults[name] = value.DeepClone();
            }
        }
        return defaults;
    }
}
