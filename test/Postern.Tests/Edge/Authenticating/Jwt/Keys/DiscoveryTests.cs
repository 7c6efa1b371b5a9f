using System.Text.Json;
using System.Text.Json.Nodes;
using Postern.Edge.Authenticating.Jwt.Keys;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.Authenticating.Jwt.Keys;

public sealed class DiscoveryTests
{
    [Theory]
    [InlineData("true")]
    [InlineData("{url}/.well-known/openid-configuration")]
    public async Task The_configuration_says_where_the_keys_are(string discovery)
    {
        var server = await AuthServer.StartAsync();
        await using var source = new Source(server, discovery: true, url: discovery.Replace("{url}", server.Url));
        await source.StartAsync();
        Assert.NotNull(source.Keys.Find("k1", "RS256"));
        Assert.Equal((1, 1), (server.Discovery.Requests, server.Jwks.Requests));
    }

    [Fact]
    public async Task A_slash_at_the_end_of_the_issuer_is_not_doubled()
    {
        var server = await AuthServer.StartAsync();
        server.Issuer += "/";
        await using var source = new Source(server, discovery: true);
        await source.StartAsync();
        Assert.Null(source.Keys.NotReady);
    }

    [Fact]
    public async Task Keys_may_move()
    {
        await using var elsewhere = await AuthServer.StartAsync();
        await using var source = new Source(await AuthServer.StartAsync(), discovery: true);
        await source.StartAsync();
        elsewhere.Publish("k2", "ES256");
        source.Server.Discovery.Instead = context => AuthEndpoint.WriteAsync(context, new JsonObject { ["issuer"] = source.Server.Issuer, ["jwks_uri"] = elsewhere.JwksUrl });
        source.Time.Advance(TimeSpan.FromMinutes(11));
        await source.Time.UntilWaitingAsync();
        await source.FetchedAsync();
        Assert.NotNull(source.Keys.Find("k2", "ES256"));
    }

    [Theory]
    [InlineData("""{"issuer":"https://evil.example","jwks_uri":"{jwks}"}""", "its issuer is 'https://evil.example', not '{url}'")]
    [InlineData("""{"issuer":"{url}/","jwks_uri":"{jwks}"}""", "its issuer is '{url}/', not '{url}'")]
    [InlineData("""{"issuer":["{url}"],"jwks_uri":"{jwks}"}""", "its issuer is not named, not '{url}'")]
    [InlineData("""{"jwks_uri":"{jwks}"}""", "its issuer is not named, not '{url}'")]
    [InlineData("""{"issuer":"{url}"}""", "its jwks_uri is not an https URL")]
    [InlineData("""{"issuer":"{url}","jwks_uri":"/jwks.json"}""", "its jwks_uri is not an https URL")]
    [InlineData("""{"issuer":"{url}","jwks_uri":"http://auth.invalid/jwks.json"}""", "its jwks_uri is not an https URL")]
    [InlineData("""{"issuer":"{url}","jwks_uri":"file:///etc/passwd"}""", "its jwks_uri is not an https URL")]
    [InlineData("""{"issuer":"{url}","issuer":"{url}","jwks_uri":"{jwks}"}""", "its answer has a name twice")]
    [InlineData("""<html></html>""", "its answer is not JSON, or nested deeper than 32")]
    public async Task A_configuration_that_lies_is_not_followed(string configuration, string reason)
    {
        await using var source = new Source(await AuthServer.StartAsync(), discovery: true);
        source.Server.Discovery.Say(configuration.Replace("{url}", source.Server.Url).Replace("{jwks}", source.Server.JwksUrl));
        await source.StartAsync();
        Assert.Equal($"identity 'customers': no keys yet from {source.Server.DiscoveryUrl}: {reason.Replace("{url}", source.Server.Url)}", source.Keys.NotReady);
        Assert.Equal(0, source.Server.Jwks.Requests);
    }

    [Theory]
    [InlineData("https://auth.example.com", "https://keys.example.net/jwks", null)]
    [InlineData("https://auth.example.com", "http://127.0.0.1:9901/config", "its jwks_uri leads to this machine")]
    [InlineData("https://auth.example.com", "https://localhost/jwks", "its jwks_uri leads to this machine")]
    [InlineData("https://auth.example.com", "https://[::1]/jwks", "its jwks_uri leads to this machine")]
    [InlineData("https://auth.example.com", "https://user:password@keys.example.net/jwks", "its jwks_uri is not an https URL")]
    [InlineData("http://127.0.0.1:8080", "http://127.0.0.1:8081/jwks", null)]
    public void A_server_elsewhere_cannot_send_the_gateway_to_its_own_machine(string issuer, string jwks, string? problem)
    {
        using var configuration = JsonDocument.Parse(new JsonObject { ["issuer"] = issuer, ["jwks_uri"] = jwks }.ToJsonString());
        var next = KeyLocation.OfDiscovery("true", issuer).Follow(configuration.RootElement, out var wrong);
        Assert.Equal((problem is null ? new Uri(jwks) : null, problem), (next, wrong));
    }

    [Fact]
    public async Task The_problem_of_the_set_names_the_set()
    {
        await using var source = new Source(await AuthServer.StartAsync(), discovery: true);
        source.Server.Jwks.Fail(404);
        await source.StartAsync();
        Assert.Equal($"identity 'customers': no keys yet from {source.Server.DiscoveryUrl}: {source.Server.JwksUrl}: answered 404", source.Keys.NotReady);
    }
}
