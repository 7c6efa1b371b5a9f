using System.Text;
using Microsoft.AspNetCore.WebUtilities;
using Postern.Edge.Authenticating;
using Postern.Pipeline;

namespace Postern.Tests.Edge.Authenticating;

/// <summary>Which way judges a credential: decided by what it is, never by trying.</summary>
public sealed class WaysTests
{
    private const string Auth = "https://auth.example.com", Staff = "https://staff.example.com";

    [Fact]
    public async Task A_signed_token_is_judged_by_its_exact_issuer()
    {
        await using var entrance = await Entrance.StartAsync();
        var route = entrance.Route("customers", "staff");
        Assert.Equal("customers:alice", (await route.BearerAsync(entrance.Token(Auth))).What);
        Assert.Equal("staff:alice", (await route.BearerAsync(entrance.Token(Staff))).What);
        foreach (var issuer in (string[])["https://auth.example.com/", "HTTPS://auth.example.com", "auth.example.com", "https://auth.example.com ", ""])
        {
            var seen = await route.BearerAsync(entrance.Token(issuer));
            Assert.Equal(("401 invalid-token", "The token's issuer is not accepted here."), (seen.What, seen.Detail));
        }
        var opaque = await route.BearerAsync("opaque");
        Assert.Equal(("401 invalid-token", "The token is not a JWT."), (opaque.What, opaque.Detail));
    }

    [Fact]
    public async Task A_token_that_its_way_refuses_is_not_tried_at_another()
    {
        await using var entrance = await Entrance.StartAsync();
        var route = entrance.Route("customers", "staff", "opaque");
        // What the server says of them counts for nothing, because their issuer's own rules do.
        foreach (var token in (string[])[entrance.Token(Auth)[..^4] + "AAAA", entrance.Token(Auth, new() { ["aud"] = "another" }), entrance.Token(Auth, new() { ["exp"] = 1 }), Unsigned(Auth)])
        {
            Assert.Equal("401 invalid-token", (await route.BearerAsync(entrance.Server.Opaque(token))).What);
        }
        Assert.Equal(0, entrance.Server.Introspection.Requests);
    }

    [Fact]
    public async Task What_no_issuer_listed_has_signed_is_asked_about()
    {
        await using var entrance = await Entrance.StartAsync();
        var route = entrance.Route("customers", "opaque");
        foreach (var token in (string[])["plain", "with.one", "with.two.dots", "a.b.c.d.e", entrance.Token("https://elsewhere.example.com")])
        {
            Assert.Equal("opaque:alice", (await route.BearerAsync(entrance.Server.Opaque(token))).What);
            Assert.Equal("opaque:alice", (await route.BearerAsync(token)).What);
            Assert.Equal(1, entrance.Server.Asked(token));
        }
    }

    [Fact]
    public async Task What_begins_as_a_signed_token_and_is_no_whole_one_is_asked_about_nowhere()
    {
        await using var entrance = await Entrance.StartAsync();
        var route = entrance.Route("customers", "opaque");
        var signed = entrance.Token();
        foreach (var token in (string[])[Unsigned("https://elsewhere.example.com"), signed[..signed.IndexOf('.')] + ".x.y", signed[..(signed.LastIndexOf('.') + 1)], signed + "="])
        {
            var seen = await route.BearerAsync(entrance.Server.Opaque(token));
            Assert.Equal(("401 invalid-token", "The token is not a valid JWT."), (seen.What, seen.Detail));
        }
        Assert.Equal(0, entrance.Server.Introspection.Requests);
    }

    [Fact]
    public async Task Where_one_way_alone_is_listed_it_judges_every_token()
    {
        await using var entrance = await Entrance.StartAsync();
        Assert.Equal("opaque:alice", (await entrance.Route("opaque").BearerAsync(entrance.Server.Opaque(entrance.Token(Auth)))).What);
        Assert.Equal("401 invalid-token", (await entrance.Route("customers").BearerAsync("plain")).What);
    }

    [Fact]
    public async Task What_another_route_found_out_about_a_token_does_not_decide_who_judges_it_here()
    {
        await using var entrance = await Entrance.StartAsync();
        // Not for this audience: customers would refuse it, and opaque doesn't look.
        var token = entrance.Server.Opaque(entrance.Token(Auth, new() { ["aud"] = "another" }));
        var (asking, mixed) = (entrance.Route("opaque"), entrance.Route("customers", "opaque"));
        Assert.Equal("401 invalid-token", (await mixed.BearerAsync(token)).What);
        Assert.Equal("opaque:alice", (await asking.BearerAsync(token)).What);
        Assert.Equal("401 invalid-token", (await mixed.BearerAsync(token)).What);
        Assert.Equal(0, mixed.Passed);
    }

    [Fact]
    public async Task A_key_is_judged_where_it_stands()
    {
        await using var entrance = Entrance.Make();
        var route = entrance.Route("links", "partners", "customers");
        Assert.Equal("partners:acme", (await route.SendAsync(("X-Api-Key", [Entrance.Key]))).What);
        Assert.Equal("links:acme", (await route.SendAsync("?the+key=" + Uri.EscapeDataString(Entrance.Key))).What);
        Assert.Equal("401 invalid-token", (await route.BearerAsync(Entrance.Key)).What);
    }

    [Theory]
    [InlineData("use: the list is empty, so nobody could call; name a way, or write identity: off for anyone")]
    [InlineData("use[0]: no identity named ''; write a name (defined: customers)", "")]
    [InlineData("use[0]: no identity named 'custmers'; did you mean 'customers'? (defined: customers)", "custmers")]
    [InlineData("use[0]: no identity named 'Customers'; did you mean 'customers'? (defined: customers)", "Customers")]
    public void In_code_too_whom_a_route_is_for_must_be_somebody(string problem, params string[] ways)
    {
        var route = new OneRoute();
        route.Config.Root.Set<IdentitySection>(s => s with { Identity = new Dictionary<string, WayOptions> { ["customers"] = new() { Jwt = new() { Issuer = Auth, Audience = ["a"], Secret = new string('x', 32) } } } });
        route.Route.Sections.Set<IdentityOptions>(o => o with { Identity = new CallerOptions { Use = ways } });
        var scope = route.Scope();
        new AuthenticatingStage().Compile(scope, _ => Task.CompletedTask);
        Assert.Equal(problem, Assert.Single(scope.Check.Problems).ToString());
    }

    private static string Unsigned(string issuer)
    {
        static string Part(string json) => WebEncoders.Base64UrlEncode(Encoding.UTF8.GetBytes(json));
        return $"{Part("{\"alg\":\"none\"}")}.{Part($"{{\"iss\":\"{issuer}\",\"sub\":\"root\"}}")}.";
    }
}
