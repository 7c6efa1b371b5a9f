using System.Buffers;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Postern.Config;
using Postern.Config.Yaml;
using Postern.Edge.Authorizing;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;
using Postern.Tests.Config.Yaml;

namespace Postern.Tests.Edge.Authorizing;

/// <summary>Who is let in by <c>require</c>, and what the others are told.</summary>
public sealed class AuthorizingStageTests
{
    private const string Anna = """
        { "sub": "anna", "org_id": "acme", "plan": "pro", "email_verified": true, "phone_verified": "true", "level": 3, "score": 0.5, "nothing": null,
          "groups": ["staff", "buyers", 7, true], "realm_access": { "roles": ["admin"] }, "https://example.com/dept": "sales", "address": { "country": "SE" } }
        """;

    [Theory]
    [InlineData("{ scopes: orders.read }")]
    [InlineData("{ scopes: [orders.read, orders.write] }")]
    [InlineData("{ roles: [clerk], scopes: [orders.read] }")]
    [InlineData("{ claims: { org_id: acme } }")]
    [InlineData("{ claims: { plan: [free, pro] } }")]
    [InlineData("{ claims: { email_verified: true } }")]
    [InlineData("{ claims: { phone_verified: true } }")]
    [InlineData("{ claims: { level: 3, score: 0.5 } }")]
    [InlineData("{ claims: { groups: staff } }")]
    [InlineData("{ claims: { groups: [owners, buyers] } }")]
    [InlineData("{ claims: { groups: 7 } }")]
    [InlineData("{ claims: { groups: true } }")]
    [InlineData("{ claims: { realm_access.roles: admin, address.country: [SE, NO] } }")]
    [InlineData("{ claims: { https://example.com/dept: sales } }")]
    [InlineData("{ claims: { org_id: { exists: true }, suspended: { exists: false }, nothing: { exists: false } } }")]
    [InlineData("{ any: { scopes: [nope, orders.read] } }")]
    [InlineData("{ any: { scopes: [nope], roles: [clerk] } }")]
    [InlineData("{ any: { scopes: [nope], roles: [nope], claims: { plan: free, org_id: acme } } }")]
    [InlineData("{ all: { scopes: [orders.read], roles: [clerk] } }")]
    [InlineData("{ scopes: [orders.read], any: { roles: [nope, clerk] } }")]
    [InlineData("{ any: [{ scopes: [nope] }, { scopes: [orders.read], roles: [clerk] }] }")]
    [InlineData("{ any: { scopes: [nope], of: [{ roles: [clerk] }] } }")]
    [InlineData("{ any: [{ any: { scopes: [nope, orders.read] } }] }")]
    [InlineData("{ all: [{ any: { scopes: [nope, orders.read] } }, { any: { roles: [nope, clerk] } }] }")]
    public void A_caller_that_has_what_is_asked_goes_on(string require)
    {
        var (answer, went) = Ask(require, Caller());
        Assert.True(went, OneRoute.Body(answer));
    }

    [Theory]
    [InlineData("{ scopes: users.read }", "missing scope users.read.", "users.read")]
    [InlineData("{ scopes: [orders.read, users.read, users.write] }", "missing scope users.read, scope users.write.", "orders.read users.read users.write")]
    [InlineData("{ scopes: ORDERS.READ }", "missing scope ORDERS.READ.", "ORDERS.READ")]
    [InlineData("{ scopes: orders }", "missing scope orders.", "orders")]
    [InlineData("{ roles: [clerk, admin] }", "missing role admin.", null)]
    [InlineData("{ roles: Clerk }", "missing role Clerk.", null)]
    [InlineData("{ claims: { org_id: Acme } }", "missing claim org_id with a value accepted here.", null)]
    [InlineData("{ claims: { org_id: [ac, me, acm] } }", "missing claim org_id with a value accepted here.", null)]
    [InlineData("{ claims: { email_verified: false } }", "missing claim email_verified with a value accepted here.", null)]
    [InlineData("{ claims: { level: 30 } }", "missing claim level with a value accepted here.", null)]
    [InlineData("{ claims: { address: SE } }", "missing claim address with a value accepted here.", null)]
    [InlineData("{ claims: { address.city: Oslo } }", "missing claim address.city with a value accepted here.", null)]
    [InlineData("{ claims: { nothing: { exists: true } } }", "missing claim nothing.", null)]
    [InlineData("{ claims: { plan: { exists: false } } }", "missing claim plan absent.", null)]
    [InlineData("{ any: { scopes: [users.read, users.write] } }", "missing one of scope users.read, scope users.write.", "users.read users.write")]
    [InlineData("{ any: { scopes: [users.read] } }", "missing scope users.read.", "users.read")]
    [InlineData("{ any: { scopes: [a], roles: [admin], claims: { plan: free } } }", "missing one of scope a, role admin, claim plan with a value accepted here.", "a")]
    [InlineData("{ scopes: [orders.read], any: { roles: [admin, owner] } }", "missing one of role admin, role owner.", null)]
    [InlineData("{ scopes: [a], roles: [admin], any: { roles: [owner, boss] } }", "missing scope a, role admin, one of role owner, role boss.", "a")]
    [InlineData("{ any: [{ scopes: [a] }, { scopes: [orders.read, b], roles: [admin] }] }", "missing one of scope a, (scope b and role admin).", "a orders.read b")]
    [InlineData("{ scopes: [orders.read], all: { scopes: [b] } }", "missing scope b.", "b")]
    [InlineData("{ any: [{ scopes: [orders.read, b] }] }", "missing scope b.", "orders.read b")]
    [InlineData("{ all: [{ any: { scopes: [orders.read, b] } }, { any: { roles: [boss, admin] } }, { scopes: c }] }", "missing one of role boss, role admin, scope c.", "c")]
    public void A_caller_that_lacks_something_gets_403_and_is_told_what(string require, string detail, string? scopes)
    {
        var (answer, went) = Ask(require, Caller(), "Bearer x");
        Assert.False(went);
        Assert.Equal(403, answer.Response.StatusCode);
        Assert.Equal("application/problem+json", answer.Response.ContentType);
        var problem = JsonDocument.Parse(OneRoute.Body(answer)).RootElement;
        Assert.Equal(("forbidden", $"The caller is {detail}"), (problem.GetProperty("code").GetString(), problem.GetProperty("detail").GetString()));
        Assert.Equal(scopes is null ? "" : $"Bearer realm=\"web\", error=\"insufficient_scope\", scope=\"{scopes}\"", answer.Response.Headers.WWWAuthenticate.ToString());
    }

    [Fact]
    public void A_caller_without_a_token_is_not_asked_for_a_better_one()
    {
        var (answer, _) = Ask("{ scopes: users.read }", Caller());
        Assert.Equal((403, 0), (answer.Response.StatusCode, answer.Response.Headers.WWWAuthenticate.Count));
    }

    [Fact]
    public void Nobody_on_a_route_where_callers_may_be_known_gets_401()
    {
        var (answer, went) = Ask("{ claims: { suspended: { exists: false } } }", null, identity: "{ use: customers, optional: true }");
        Assert.False(went);
        Assert.Equal(401, answer.Response.StatusCode);
        Assert.Equal("Bearer realm=\"web\"", answer.Response.Headers.WWWAuthenticate.ToString());
        Assert.Contains("\"code\":\"unauthenticated\"", OneRoute.Body(answer), StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_claim_must_be_is_for_the_log_and_what_came_from_a_secret_for_nobody()
    {
        var (answer, _) = Ask("{ claims: { plan: [free, trial] } }", Caller());
        Assert.Equal("missing claim plan = free or trial", Exchange.Of(answer).FailureReason);
        Assert.DoesNotContain("trial", OneRoute.Body(answer), StringComparison.Ordinal);
        Assert.Equal("claim plan = free or trial", Note("{ claims: { plan: [free, trial] } }"));

        (answer, _) = Ask("{ claims: { plan: [free, \"${env:PLAN}\"] } }", Caller());
        Assert.Equal("missing claim plan with a value accepted here", Exchange.Of(answer).FailureReason);
        Assert.Equal("scope a, claim plan with a value accepted here", Note("{ scopes: a, claims: { plan: \"${env:PLAN}\" } }"));
    }

    [Fact]
    public void What_is_asked_is_explained() => Assert.Equal(
        "scope a, scope b, role r, claim org_id, one of role x, (scope c and role d)",
        Note("{ scopes: [a, b], roles: r, claims: { org_id: { exists: true } }, any: [{ roles: [x] }, { scopes: c, roles: d }] }"));

    [Fact]
    public void A_routes_own_replaces_the_gates_whole_and_off_removes_it()
    {
        Assert.True(Ask("{ scopes: orders.read }", Caller(), gate: "{ roles: [admin] }").Went);
        Assert.False(Ask(null, Caller(), gate: "{ roles: [admin] }").Went);
        Assert.True(Ask("off", Caller(), gate: "{ roles: [admin] }").Went);
    }

    [Fact]
    public void Refused_requests_are_counted_by_gate()
    {
        var state = new StatePool();
        Ask("{ scopes: users.read }", Caller(), state: state);
        Ask("{ scopes: users.read }", Caller(), state: state);
        Ask("{ scopes: orders.read }", Caller(), state: state);
        var text = new ArrayBufferWriter<byte>();
        PrometheusText.Write(MetricRegistry.Of(state), text);
        Assert.Contains("postern_authorizations_refused_total{gate=\"web\"} 2\n", Encoding.UTF8.GetString(text.WrittenSpan), StringComparison.Ordinal);
    }

    [Fact]
    public void A_route_that_asks_nothing_has_no_such_step()
    {
        RequestDelegate next = static _ => Task.CompletedTask;
        Assert.Same(next, new AuthorizingStage().Compile(Scope(null, "[customers]", null, new StatePool()), next));
    }

    [Fact]
    public void Letting_a_caller_in_allocates_nothing()
    {
        const string Require = "{ scopes: [orders.read], roles: [clerk], claims: { org_id: acme, groups: [owners, 7], realm_access.roles: admin }, any: { roles: [admin, clerk] } }";
        var chain = new AuthorizingStage().Compile(Scope(Require, "[customers]", null, new StatePool()), static _ => Task.CompletedTask);
        var context = OneRoute.Request();
        Exchange.Of(context).Consumer = Caller();
        Send(1_000);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Send(1_000);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(200, context.Response.StatusCode);

        void Send(int times)
        {
            for (var i = 0; i < times; i++)
            {
                chain(context);
            }
        }
    }

    [Fact]
    public void Code_says_the_same_as_YAML()
    {
        var route = new RouteConfig { Method = "GET", Template = "/a" };
        new RouteBuilder(route).Require(scopes: ["a"], roles: ["r"], claims: new() { ["org_id"] = "acme", ["plan"] = new[] { "pro", "free" }, ["email_verified"] = true });
        var written = route.Sections.Written<RequireSection>().Require!;
        var read = Load("{ scopes: a, roles: [r], claims: { org_id: acme, plan: [pro, free], email_verified: true } }", "[customers]", null).Config.Gates[0].Routes[0].Sections.Written<RequireSection>().Require!;
        Assert.Equal(ConfigText.Fingerprint(read), ConfigText.Fingerprint(written));

        new RouteBuilder(route).Require(new RequireOptions { Any = new() { Scopes = ["x y"], Of = [new()] } });
        var config = new GatewayConfig();
        config.Gates.Add(new GateConfig("web"));
        config.Gates[0].Routes.Add(route);
        var check = new Check();
        Validation.Run(config, check);
        Assert.Equal(
            ["require.any.scopes[0]: a scope has no spaces, got 'x y'; write [x, y]", "require.any.of[0]: asks nothing of the caller; write scopes, roles, claims, all or any under it"],
            check.Problems.Select(p => p.ToString()).Order(StringComparer.Ordinal).Reverse());
        new RouteBuilder(route).RequireOff();
        Assert.Contains("require", route.Sections.Off);
        Assert.Null(route.Sections.Written<RequireSection>().Require);
    }

    private static Consumer Caller() => new()
    {
        Id = "anna",
        Way = "customers",
        Scopes = ["orders.read", "orders.write"],
        Roles = ["clerk"],
        Claims = JsonDocument.Parse(Anna).RootElement,
    };

    private static (HttpContext Answer, bool Went) Ask(string? require, Consumer? caller, string? authorization = null, string identity = "[customers]", string? gate = null, StatePool? state = null)
    {
        var went = false;
        var chain = new AuthorizingStage().Compile(Scope(require, identity, gate, state ?? new StatePool()), _ =>
        {
            went = true;
            return Task.CompletedTask;
        });
        var context = OneRoute.Request();
        (Exchange.Of(context).Consumer, Exchange.Of(context).Challenge) = (caller, "Bearer realm=\"web\"");
        context.Request.Headers.Authorization = authorization;
        chain(context).GetAwaiter().GetResult();
        return (context, went);
    }

    private static string Note(string require)
    {
        var scope = Scope(require, "[customers]", null, new StatePool());
        new AuthorizingStage().Compile(scope, static _ => Task.CompletedTask);
        return scope.Notes.Single(n => n.Stage == "require").What(new DefaultHttpContext());
    }

    private static RouteScope Scope(string? require, string identity, string? gate, StatePool state)
    {
        var loaded = Load(require, identity, gate);
        Assert.Empty(loaded.Check.Problems);
        return new RouteScope(loaded.Config, loaded.Config.Gates[0], loaded.Config.Gates[0].Routes[0], state, loaded.Check, static _ => null);
    }

    private static LoadedConfig Load(string? require, string identity, string? gate) => ConfigCase.Parse($$"""
        version: 1
        gates:
          web:
            identity: {{identity}}
            {{(gate is null ? "" : $"require: {gate}")}}
            routes:
              - get: /a
                respond: 204
                {{(require is null ? "" : $"require: {require}")}}
        --- ${env:PLAN}
        gold
        ===
        """).Load();
}
