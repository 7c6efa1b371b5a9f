using System.Buffers.Text;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Shop;

namespace Postern.Tests.Samples;

public sealed class AuthorizationServerTests : IAsyncLifetime
{
    private readonly HttpClient client = new() { Timeout = TimeSpan.FromSeconds(10) };
    private ShopServices shop = null!;

    public async ValueTask InitializeAsync() => shop = await ShopServices.StartAsync();

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        await shop.DisposeAsync();
    }

    [Fact]
    public async Task Its_configuration_names_itself_and_the_keys_that_sign_its_tokens()
    {
        var configuration = (await client.GetFromJsonAsync<JsonNode>(shop.AuthorizationUrl + "/.well-known/openid-configuration"))!;
        Assert.Equal(shop.AuthorizationUrl, (string?)configuration["issuer"]);
        var keys = (JsonArray)(await client.GetFromJsonAsync<JsonNode>((string)configuration["jwks_uri"]!))!["keys"]!;
        var (token, _) = await TokenAsync(("sub", "usr_b80e2"), ("scope", "a b"), ("roles", "x y"), ("plan", "pro"), ("expires_in", "60"));
        var (header, claims) = Verified(token, keys);
        Assert.Equal("at+jwt", (string?)header["typ"]);
        Assert.Equal((shop.AuthorizationUrl, "usr_b80e2", "shop", "a b", "pro", "Tomas Lind"),
            ((string?)claims["iss"], (string?)claims["sub"], (string?)claims["aud"], (string?)claims["scope"], (string?)claims["plan"], (string?)claims["name"]));
        Assert.Equal(["x", "y"], ((JsonArray)claims["roles"]!).Select(r => (string?)r));
        Assert.Equal(60, (long)claims["exp"]! - (long)claims["iat"]!);
    }

    [Fact]
    public async Task A_new_key_signs_at_once_and_the_old_ones_tokens_stay_good()
    {
        var (before, _) = await TokenAsync();
        using (await client.PostAsync(shop.AuthorizationUrl + "/rotate", null))
        {
        }
        var (after, _) = await TokenAsync();
        var keys = (JsonArray)(await client.GetFromJsonAsync<JsonNode>(shop.AuthorizationUrl + "/.well-known/jwks.json"))!["keys"]!;
        Assert.NotEqual((string?)Verified(before, keys).Header["kid"], (string?)Verified(after, keys).Header["kid"]);
    }

    [Fact]
    public async Task Introspection_is_for_who_knows_the_secret_and_knows_what_was_given_out()
    {
        var (opaque, answer) = await TokenAsync(("format", "opaque"), ("scope", "orders.read"), ("expires_in", "600"));
        Assert.DoesNotContain('.', opaque);
        Assert.Equal(600, (int?)answer["expires_in"]);

        Assert.Equal(HttpStatusCode.Unauthorized, (await IntrospectAsync(opaque, "postern:guessed")).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await IntrospectAsync(opaque, null)).Status);

        var known = await IntrospectAsync(opaque, "postern:for-the-desk-only");
        Assert.Equal(HttpStatusCode.OK, known.Status);
        Assert.Equal((true, "usr_a41c7", "orders.read", shop.AuthorizationUrl, "shop"),
            ((bool?)known.Said["active"], (string?)known.Said["sub"], (string?)known.Said["scope"], (string?)known.Said["iss"], (string?)known.Said["aud"]));

        var unknown = await IntrospectAsync(opaque + "x", "postern:for-the-desk-only");
        Assert.Equal("""{"active":false}""", unknown.Said.ToJsonString());
    }

    [Theory]
    [InlineData("expires_in", "0")]
    [InlineData("expires_in", "-5")]
    [InlineData("expires_in", "86401")]
    [InlineData("format", "saml")]
    public async Task What_makes_no_token_is_a_400_that_says_why(string field, string value)
    {
        using var content = new FormUrlEncodedContent([new(field, value)]);
        using var answer = await client.PostAsync(shop.AuthorizationUrl + "/token", content);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains(field, (string?)(await answer.Content.ReadFromJsonAsync<JsonNode>())!["error_description"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_list_that_is_empty_is_none_and_not_the_default()
    {
        var (token, _) = await TokenAsync(("scope", ""), ("roles", ""));
        var claims = Json(token.Split('.')[1]);
        Assert.Equal("", (string?)claims["scope"]);
        Assert.Empty((JsonArray)claims["roles"]!);
    }

    private async Task<(string Token, JsonNode Answer)> TokenAsync(params (string Name, string Value)[] form)
    {
        using var content = new FormUrlEncodedContent(form.Select(f => KeyValuePair.Create(f.Name, f.Value)));
        using var answer = await client.PostAsync(shop.AuthorizationUrl + "/token", content);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.True(answer.Headers.CacheControl!.NoStore);
        var said = (await answer.Content.ReadFromJsonAsync<JsonNode>())!;
        return ((string)said["access_token"]!, said);
    }

    private async Task<(HttpStatusCode Status, JsonNode Said)> IntrospectAsync(string token, string? credentials)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, shop.AuthorizationUrl + "/introspect") { Content = new FormUrlEncodedContent([new("token", token)]) };
        request.Headers.Authorization = credentials is null ? null : new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(credentials)));
        using var answer = await client.SendAsync(request);
        return (answer.StatusCode, (await answer.Content.ReadFromJsonAsync<JsonNode>())!);
    }

    private static (JsonNode Header, JsonNode Claims) Verified(string token, JsonArray keys)
    {
        var parts = token.Split('.');
        var header = Json(parts[0]);
        var jwk = keys.Single(k => (string?)k!["kid"] == (string?)header["kid"])!;
        Assert.Equal(("EC", "sig", "ES256"), ((string?)jwk["kty"], (string?)jwk["use"], (string?)jwk["alg"]));
        using var key = ECDsa.Create(new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new ECPoint { X = Base64Url.DecodeFromChars((string)jwk["x"]!), Y = Base64Url.DecodeFromChars((string)jwk["y"]!) },
        });
        Assert.True(key.VerifyData(Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}"), Base64Url.DecodeFromChars(parts[2]), HashAlgorithmName.SHA256));
        return (header, Json(parts[1]));
    }

    private static JsonNode Json(string part) => JsonNode.Parse(Base64Url.DecodeFromChars(part))!;
}
