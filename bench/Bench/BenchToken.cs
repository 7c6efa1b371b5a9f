using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Bench;

/// <summary>A key of the bench's own, a good token by it, and any number of bad ones.</summary>
internal sealed class BenchToken
{
    private readonly string signed;
    private readonly string signature;

    public BenchToken()
    {
        using var key = RSA.Create(2048);
        PublicKey = key.ExportSubjectPublicKeyInfoPem();
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        signed = $"{Part(new { alg = "RS256", typ = "JWT", kid = "bench" })}.{Part(new
        {
            iss = "https://auth.bench.example",
            sub = "usr_a41c7",
            aud = "bench",
            iat = now,
            exp = now + 24 * 3600,
            scope = "orders.read orders.write documents.read",
            roles = new[] { "customer" },
            plan = "pro",
        })}";
        signature = Base64Url.EncodeToString(key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1));
    }

    /// <summary>PEM.</summary>
    public string PublicKey { get; }

    public string Good => $"{signed}.{signature}";

    /// <summary>Right in everything but its signature.</summary>
    public string Bad => $"{signed}.{new string('0', 12)}{signature[12..]}";

    /// <summary>A script for wrk: each request has a signature of its own. Digits are base64url, so only verifying finds it bad.</summary>
    public string Flood => $$"""
        local threads = 0
        function setup(thread)
          threads = threads + 1
          thread:set("id", threads)
        end
        local n = 0
        local start = os.time() % 1000000
        function request()
          n = n + 1
          wrk.headers["Authorization"] = string.format("Bearer {{signed}}.%02d%06d%09d{{signature[17..]}}", id, start, n)
          return wrk.format("GET", wrk.path)
        end
        """;

    private static string Part<T>(T json) => Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(json));
}
