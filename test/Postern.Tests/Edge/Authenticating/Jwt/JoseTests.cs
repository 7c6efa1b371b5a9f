using System.Net.Http.Headers;
using System.Text;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.Authenticating.Jwt;

/// <summary>Tokens made by another implementation, <c>jose</c>, sent to a whole gateway.</summary>
public sealed class JoseTests
{
    private const string Issuer = "https://auth.example.com", Audience = "api.example.com", Secret = "a secret of sixty-four bytes, so that it does for HS512 as well..";

    [Fact]
    public async Task Tokens_of_every_algorithm_get_in_by_key_set_by_file_and_by_secret_and_bad_ones_do_not()
    {
        Assert.SkipUnless(NodeScript.Missing("jose") is null, NodeScript.Missing("jose") ?? "");
        var made = await NodeScript.RunAsync("tokens.mjs", Issuer, Audience, Secret);
        var pem = made.GetProperty("pem").EnumerateObject().ToDictionary(p => p.Name, p => p.Value.GetString()!);
        using var folder = new TempFolder();
        await using var server = await AuthServer.StartAsync();
        server.Jwks.Instead = context => AuthEndpoint.WriteAsync(context, Encoding.UTF8.GetBytes(made.GetProperty("jwks").GetRawText()));

        var text = new StringBuilder($$"""
            identity:
              set: { jwt: { issuer: {{Issuer}}, audience: {{Audience}}, jwks: {{server.JwksUrl}}, algorithms: [{{string.Join(", ", pem.Keys)}}] } }
              secret: { jwt: { issuer: {{Issuer}}, audience: {{Audience}}, secret: "{{Secret}}", algorithms: [HS256, HS384, HS512] } }

            """);
        foreach (var (algorithm, key) in pem)
        {
            text.AppendLine($"  {algorithm}: {{ jwt: {{ issuer: {Issuer}, audience: {Audience}, publicKey: {folder.Write($"{algorithm}.pem", key)}, algorithms: {algorithm} }} }}");
        }
        text.AppendLine("gates:");
        foreach (var way in (string[])["set", "secret", .. pem.Keys])
        {
            text.AppendLine($"  {way}: {{ identity: [{way}], match: {{ path: /{way} }}, routes: [ {{ get: /, respond: 204 }} ] }}");
        }

        await using var gateway = await TestGateway.StartAsync(text.ToString());
        using var client = gateway.Client();
        var tried = 0;
        foreach (var token in made.GetProperty("tokens").EnumerateArray())
        {
            var (name, algorithm, good) = (token.GetProperty("name").GetString()!, token.GetProperty("algorithm").GetString()!, token.GetProperty("good").GetBoolean());
            foreach (var way in (string[])["set", "secret", .. pem.Keys])
            {
                var meant = way == algorithm || way == (algorithm.StartsWith("HS", StringComparison.Ordinal) ? "secret" : "set");
                var status = await SendAsync(client, $"/{way}/", token.GetProperty("token").GetString()!);
                Assert.True(status == (good && meant ? 204 : 401), $"{name} at '{way}': {status}");
                tried++;
            }
        }
        Assert.True(tried > 900, $"{tried} tried");
    }

    private static async Task<int> SendAsync(HttpClient client, string path, string token)
    {
        // The key set may be on its way: then the answer is 503, and says when to come back.
        using var patience = new CancellationTokenSource(TestGateway.Patience);
        while (true)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            using var answer = await client.SendAsync(request, patience.Token);
            if ((int)answer.StatusCode != 503)
            {
                return (int)answer.StatusCode;
            }
        }
    }
}
