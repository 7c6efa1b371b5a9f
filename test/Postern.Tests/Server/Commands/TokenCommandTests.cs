using System.Buffers.Text;
using System.Text.Json.Nodes;
using Postern.Tests.Harness;
using Shop;

namespace Postern.Tests.Server.Commands;

/// <summary><c>postern token</c>, as the command is built, against the shop's authorization server.</summary>
[Collection("tool")]
public sealed class TokenCommandTests : IAsyncLifetime
{
    private ShopServices shop = null!;

    public async ValueTask InitializeAsync() => shop = await ShopServices.StartAsync();

    public ValueTask DisposeAsync() => shop.DisposeAsync();

    [Fact]
    public async Task It_prints_the_token_and_nothing_else()
    {
        var (code, output, error) = await RunAsync("--sub", "usr_c35d9", "--scopes", "a,b", "c", "--roles", "staff auditor", "--plan", "pro", "--expires", "90s");
        Assert.Equal((0, ""), (code, error));
        var claims = Claims(output);
        Assert.Equal(("usr_c35d9", "a b c", "pro", 90), ((string?)claims["sub"], (string?)claims["scope"], (string?)claims["plan"], (long)claims["exp"]! - (long)claims["iat"]!));
        Assert.Equal(["staff", "auditor"], ((JsonArray)claims["roles"]!).Select(r => (string?)r));
    }

    [Fact]
    public async Task Without_options_it_is_for_the_first_user_and_an_hour()
    {
        var claims = Claims((await RunAsync()).Output);
        Assert.Equal(("usr_a41c7", 3600), ((string?)claims["sub"], (long)claims["exp"]! - (long)claims["iat"]!));
        Assert.Equal("orders.read orders.write documents.read", (string?)claims["scope"]);
    }

    [Fact]
    public async Task An_opaque_one_has_no_parts() => Assert.Matches("^[A-Za-z0-9_-]{20,}$", (await RunAsync("--opaque")).Output);

    [Fact]
    public async Task Where_no_demo_runs_it_says_so_in_one_line()
    {
        var url = shop.AuthorizationUrl;
        await shop.StopAsync("auth-1");
        Assert.Equal((1, "", $"{url}: no demo answers there; start one with 'postern demo', or say --url as it printed it"), await RunningTool.RunAsync(null, "token", "--url", url));
    }

    [Fact]
    public async Task Something_else_that_answers_there_is_not_taken_for_it()
    {
        var other = shop.Urls["users"][0];
        var (code, output, error) = await RunningTool.RunAsync(null, "token", "--url", other);
        Assert.Equal((1, "", $"{other}: what answers there is not the demo's authorization server; say --url as 'postern demo' printed it"), (code, output, error));
    }

    private Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments) =>
        RunningTool.RunAsync(null, ["token", "--url", shop.AuthorizationUrl, .. arguments]);

    private static JsonNode Claims(string token) => JsonNode.Parse(Base64Url.DecodeFromChars(token.Split('.')[1]))!;
}
