using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Backends.Responding;
using Postern.Config;
using Postern.Edge.ForwardingIdentity;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;
using Postern.Runtime;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.ForwardingIdentity;

public sealed class ForwardIdentityStageTests
{
    private readonly OneRoute at = new();
    private readonly SteppedTime time = new();
    private readonly HashSet<string> reserved = new(StringComparer.OrdinalIgnoreCase);

    [Fact]
    public async Task A_known_caller_is_told_of_and_nobody_else()
    {
        var chain = Compile(new() { Headers = Map(("X-User-Id", "sub"), ("X-Org", "org.id"), ("X-Missing", "nothing")) });
        Assert.Equal([("X-User-Id", "alice"), ("X-Org", "7")], await ToldAsync(chain, Someone("alice", """{"sub": "alice", "org": {"id": 7}}""")));
        Assert.Empty(await ToldAsync(chain, null));
    }

    [Fact]
    public async Task What_is_told_is_worked_out_once_for_a_consumer()
    {
        var chain = Compile(new() { Headers = Map(("X-User-Id", "sub")), Token = new() { Issuer = "i" } });
        var alice = Someone("alice", """{"sub": "alice"}""");
        var first = await ToldAsync(chain, alice);
        Assert.Same(first, await ToldAsync(chain, alice));
        var equal = await ToldAsync(chain, Someone("alice", """{"sub": "alice", "exp": 1}"""));
        Assert.NotSame(first, equal);
        Assert.Equal(first, equal);
        time.Advance(TimeSpan.FromSeconds(50));
        var next = await ToldAsync(chain, alice);
        Assert.Equal(first[0], next[0]);
        Assert.NotEqual(first[1], next[1]);
    }

    [Fact]
    public async Task Gates_and_configurations_that_share_a_consumer_each_tell_their_own()
    {
        var alice = Someone("alice", """{"sub": "alice", "email": "a@b"}""");
        var one = Compile(new() { Headers = Map(("X-User-Id", "sub")) });
        var other = Compile(new() { Headers = Map(("X-User-Id", "email")) });
        var many = Enumerable.Range(0, 20).Select(i => Compile(new() { Headers = Map(($"X-{i}", "sub")) })).ToArray();
        for (var round = 0; round < 2; round++)
        {
            Assert.Equal([("X-User-Id", "alice")], await ToldAsync(one, alice));
            Assert.Equal([("X-User-Id", "a@b")], await ToldAsync(other, alice));
            for (var i = 0; i < many.Length; i++)
            {
                Assert.Equal([($"X-{i}", "alice")], await ToldAsync(many[i], alice));
            }
        }
    }

    [Fact]
    public async Task Two_consumers_at_once_never_get_what_is_the_others()
    {
        var chain = Compile(new() { Headers = Map(("X-User-Id", "sub"), ("X-User-Roles", "roles")), Token = new() { Issuer = "i" } });
        await Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Run(async () =>
        {
            for (var i = 0; i < 200; i++)
            {
                var id = $"user-{(worker + i) % 5}";
                var told = await ToldAsync(chain, Someone(id, $$"""{"sub": "{{id}}", "roles": ["of-{{id}}"]}"""));
                Assert.Equal([("X-User-Id", id), ("X-User-Roles", $"of-{id}")], told[..2]);
                Assert.Equal(id, new Microsoft.IdentityModel.JsonWebTokens.JsonWebToken(told[2].Value).Subject);
            }
        })));
    }

    [Fact]
    public async Task A_claim_that_can_not_be_sent_is_counted_once_for_a_consumer()
    {
        var chain = Compile(new() { Headers = Map(("X-User-Id", "sub"), ("X-User-Name", "name")) });
        var mallory = Someone("mallory", """{"sub": "mallory", "name": "m\r\nX-User-Id: root"}""");
        Assert.Equal([("X-User-Id", "mallory")], await ToldAsync(chain, mallory));
        await ToldAsync(chain, mallory);
        Assert.Equal((0, 1), (Unfit("X-User-Id"), Unfit("X-User-Name")));
    }

    [Fact]
    public async Task A_token_too_long_to_send_is_counted_and_the_rest_is_told()
    {
        var chain = Compile(new() { Headers = Map(("X-User-Id", "sub")), Token = new() { Issuer = "i" } });
        var roles = Enumerable.Range(0, 300).Select(i => $"role-{i:D10}").ToArray();
        Assert.Equal([("X-User-Id", "a")], await ToldAsync(chain, Someone("a", """{"sub": "a"}""", roles)));
        Assert.Equal(1, Unfit("X-Postern-Identity"));
    }

    [Theory]
    [InlineData(ForwardedCredential.Keep, "Bearer t", "k", "?a=1&key=k")]
    [InlineData(ForwardedCredential.Remove, null, null, "?a=1")]
    public async Task A_known_callers_credential_goes_on_or_ends_here(ForwardedCredential authorization, string? bearer, string? key, string query)
    {
        var chain = Compile(new() { Authorization = authorization, Headers = Map(("X-User-Id", "sub")) });
        var context = OneRoute.Request(headers: [("Authorization", ["Bearer t"]), ("X-Api-Key", ["k"]), ("X-Other", ["o"])]);
        var exchange = Exchange.Of(context);
        (exchange.Query, exchange.CredentialField, exchange.CredentialParameter) = ("?a=1&key=k", "X-Api-Key", "key");
        exchange.Consumer = Someone("alice", """{"sub": "alice"}""");
        await chain(context);
        Assert.Equal((bearer, key, "o"), ((string?)context.Request.Headers.Authorization, (string?)context.Request.Headers["X-Api-Key"], (string?)context.Request.Headers["X-Other"]));
        Assert.Equal(query, exchange.Query);
    }

    [Fact]
    public async Task The_credential_of_someone_unknown_is_left_alone()
    {
        var chain = Compile(new() { Authorization = ForwardedCredential.Remove });
        var context = OneRoute.Request(headers: [("Authorization", ["Basic x"])]);
        await chain(context);
        Assert.Equal("Basic x", context.Request.Headers.Authorization);
    }

    [Fact]
    public async Task A_token_in_Authorization_stands_in_the_place_of_the_callers()
    {
        var chain = Compile(new() { Authorization = ForwardedCredential.Remove, Token = new() { Issuer = "i", Header = "authorization" } });
        var context = OneRoute.Request(headers: [("Authorization", ["Bearer theirs"])]);
        Exchange.Of(context).Consumer = Someone("alice", "{}");
        await chain(context);
        Assert.False(context.Request.Headers.ContainsKey("Authorization"));
        var (name, value) = Assert.Single(Exchange.Of(context).Told);
        Assert.Equal("authorization", name);
        Assert.StartsWith("Bearer ey", value);
        // Clients must be able to send theirs.
        Assert.Equal(["X-Postern-Identity"], reserved);
    }

    [Theory]
    [InlineData("?key=x", "key", "")]
    [InlineData("?a=1&key=x&b=%2f%2F&c", "key", "?a=1&b=%2f%2F&c")]
    [InlineData("?key=x&a", "key", "?a")]
    [InlineData("?a&key=x", "key", "?a")]
    [InlineData("?a&&key=x&&b=", "key", "?a&&&b=")]
    [InlineData("?KEY=x&%6bey=y&k%65y&keys=1&akey=2", "key", "?keys=1&akey=2")]
    [InlineData("?api+key=x&api%20key=y&z", "api key", "?z")]
    [InlineData("?a=key&b=key=x", "key", "?a=key&b=key=x")]
    [InlineData("?&key=x", "key", "?")]
    [InlineData("?", "key", "?")]
    [InlineData("", "key", "")]
    public void A_parameter_is_cut_and_every_other_byte_stays(string query, string name, string expected) =>
        Assert.Equal(expected, ForwardIdentityStage.Without(query, name));

    [Fact]
    public void The_names_are_the_gateways_own_on_routes_for_anyone_too()
    {
        Compile(new() { Headers = Map(("X-User-Id", "sub"), ("X-Org-Id", "org")), Token = new() { Issuer = "i", Header = "X-Token" } }, Callers.Anyone);
        Assert.Equal(["X-Org-Id", "X-Postern-Identity", "X-Token", "X-User-Id"], reserved.Order());
    }

    [Fact]
    public void Without_the_section_the_usual_name_is_still_the_gateways_own()
    {
        RequestDelegate next = _ => Task.CompletedTask;
        var scope = Scope(Callers.Known);
        Assert.Same(next, new ForwardIdentityStage().Compile(scope, next));
        Assert.Equal(["X-Postern-Identity"], reserved);
        Assert.Empty(scope.Notes);
    }

    [Fact]
    public void A_route_for_anyone_pays_nothing()
    {
        at.Config.Root.Set<ForwardIdentitySection>(o => o with { ForwardIdentity = new() { Headers = Map(("X-User-Id", "sub")) } });
        RequestDelegate next = _ => Task.CompletedTask;
        Assert.Same(next, new ForwardIdentityStage().Compile(Scope(Callers.Anyone), next));
    }

    [Fact]
    public void What_is_said_in_code_is_held_to_the_same()
    {
        var (sound, none) = Start(token: new() { Issuer = "https://api.example.com" });
        Assert.Empty(none);
        sound!.Dispose();
        var (runtime, problems) = Start(new() { ["Cookie"] = "sub" }, new() { Header = "X-A", Key = [new FileText("a.key", "x")], Lifetime = TimeSpan.FromSeconds(1) });
        Assert.Null(runtime);
        Assert.Equal(
            ["forwardIdentity.headers.Cookie", "forwardIdentity.token.issuer", "forwardIdentity.token.key[0]", "forwardIdentity.token.lifetime"],
            problems.Select(p => p.Path).Order(StringComparer.Ordinal));

        static (GatewayRuntime?, IReadOnlyList<ConfigProblem>) Start(Dictionary<string, string>? headers = null, IdentityTokenOptions? token = null) =>
            GatewayRuntime.Start(() => PosternExtensions.Load(null, gateway => gateway.ForwardIdentity(headers, token: token).Gate("web", gate =>
            {
                gate.Sections.Off.Add("identity");
                gate.Get("/a").Respond(200);
            })), NullLogger.Instance, TimeProvider.System);
    }

    private long Unfit(string header) => MetricRegistry.Of(at.State).Counter("postern_identity_headers_unfit_total", "", ("header", header)).Value;

    private RouteScope Scope(Callers callers)
    {
        if (callers == Callers.Known)
        {
            at.Route.Sections.Set<IdentityOptions>(o => o with { Identity = new() { Use = ["customers"] } });
        }
        return new(at.Config, at.Gate, at.Route, at.State, new Check(), _ => null) { Reserved = reserved };
    }

    private RequestDelegate Compile(ForwardIdentityOptions options, Callers callers = Callers.Known)
    {
        at.Config.Root.Set<ForwardIdentitySection>(o => o with { ForwardIdentity = options });
        var chain = new ForwardIdentityStage().Compile(Scope(callers), _ => Task.CompletedTask);
        _ = MetricRegistry.Of(at.State);
        at.State.Start(time, NullLogger.Instance);
        at.State.Commit();
        return chain;
    }

    private static async Task<(string Name, string Value)[]> ToldAsync(RequestDelegate chain, Consumer? consumer)
    {
        var context = OneRoute.Request();
        Exchange.Of(context).Consumer = consumer;
        await chain(context);
        return Exchange.Of(context).Told;
    }

    private static Dictionary<string, string> Map(params (string Header, string Claim)[] headers) => headers.ToDictionary(h => h.Header, h => h.Claim);

    private static Consumer Someone(string id, string claims, string[]? roles = null) =>
        new() { Id = id, Way = "customers", Roles = roles ?? [], Claims = JsonDocument.Parse(claims).RootElement };
}
