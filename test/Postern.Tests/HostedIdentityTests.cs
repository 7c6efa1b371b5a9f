using System.Net;
using System.Net.Http.Headers;
using System.Security.Claims;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Postern.Backends.Responding;
using Postern.Edge.Authenticating;
using Postern.Edge.Authenticating.Jwt;
using Postern.Edge.Authorizing;
using Postern.Runtime;
using Postern.Tests.Harness;

namespace Postern.Tests;

/// <summary>Who calls, in an application of ASP.NET Core: the gateway's ways for gates written in C#, and for the host's own endpoints.</summary>
public sealed class HostedIdentityTests : IAsyncLifetime
{
    private AuthServer auth = null!;

    public async ValueTask InitializeAsync() => auth = await AuthServer.StartAsync();

    public ValueTask DisposeAsync() => auth.DisposeAsync();

    [Fact]
    public async Task An_endpoint_of_the_host_knows_callers_as_the_gates_do()
    {
        await using var app = await StartAsync();
        using var client = Client(app);
        Assert.Equal("alice", await client.GetStringAsync("/me", auth.Token()));
        Assert.Equal("alice from customers", await client.GetStringAsync("/consumer", auth.Token()));
        // The gate's route, by the same way.
        Assert.Equal("in", await client.GetStringAsync("/web/a", auth.Token()));
    }

    [Fact]
    public async Task Nobody_gets_401_and_is_told_how_to_come_in()
    {
        await using var app = await StartAsync();
        using var client = Client(app);
        using var answer = await client.GetAsync("/me");
        await IsProblemAsync(answer, HttpStatusCode.Unauthorized, "unauthenticated");
        Assert.Equal("Bearer realm=\"Postern\"", answer.Headers.WwwAuthenticate.ToString());
        using var head = await client.SendAsync(new HttpRequestMessage(HttpMethod.Head, "/me"));
        Assert.Equal(HttpStatusCode.Unauthorized, head.StatusCode);
    }

    [Fact]
    public async Task A_bad_token_is_refused_in_the_gateways_words()
    {
        await using var app = await StartAsync();
        using var client = Client(app);
        var expired = auth.Token(new JsonObject { ["exp"] = auth.Time.GetUtcNow().AddHours(-1).ToUnixTimeSeconds() });
        using var own = await client.GetAsync("/me", expired);
        using var gate = await client.GetAsync("/web/a", expired);
        var problem = await IsProblemAsync(own, HttpStatusCode.Unauthorized, "invalid-token");
        Assert.Equal((await IsProblemAsync(gate, HttpStatusCode.Unauthorized, "invalid-token"))["detail"]!.ToString(), problem["detail"]!.ToString());
        Assert.Equal(gate.Headers.WwwAuthenticate.ToString().Replace("\"web\"", "\"Postern\"", StringComparison.Ordinal), own.Headers.WwwAuthenticate.ToString());
        Assert.Contains("error=\"invalid_token\"", own.Headers.WwwAuthenticate.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_credentials_are_two_opinions_on_who_is_calling()
    {
        await using var app = await StartAsync();
        using var client = await RawClient.ConnectAsync(new Uri(app.Urls.First()).Port);
        await client.SendAsync($"GET /me HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {auth.Token()}\r\nAuthorization: Bearer x\r\n\r\n");
        var answer = await client.ReadAnswerAsync();
        Assert.Equal(400, answer.Status);
        Assert.Contains("\"code\":\"several-credentials\"", answer.Body, StringComparison.Ordinal);
        Assert.Equal("Bearer realm=\"Postern\", error=\"invalid_request\"", answer["WWW-Authenticate"]);
    }

    [Fact]
    public async Task An_endpoint_for_anyone_goes_on_without_a_user()
    {
        await using var app = await StartAsync();
        using var client = Client(app);
        Assert.Equal("nobody", await client.GetStringAsync("/open"));
        Assert.Equal("nobody", await client.GetStringAsync("/open", "rubbish"));
        Assert.Equal("alice", await client.GetStringAsync("/open", auth.Token()));
    }

    [Fact]
    public async Task Policies_see_claims_and_roles_and_403_is_a_problem()
    {
        await using var app = await StartAsync();
        using var client = Client(app);
        using var refused = await client.GetAsync("/admin", auth.Token());
        await IsProblemAsync(refused, HttpStatusCode.Forbidden, "forbidden");
        Assert.Equal("hello", await client.GetStringAsync("/admin", auth.Token(new JsonObject { ["roles"] = new JsonArray("admin"), ["org_id"] = "acme" })));
        using var other = await client.GetAsync("/admin", auth.Token(new JsonObject { ["roles"] = new JsonArray("admin"), ["org_id"] = "other" }));
        Assert.Equal(HttpStatusCode.Forbidden, other.StatusCode);
    }

    [Fact]
    public async Task Without_keys_yet_an_endpoint_that_needs_them_answers_503()
    {
        await auth.DownAsync();
        await using var app = await StartAsync(withKeys: false);
        using var client = Client(app);
        using var answer = await client.GetAsync("/me", auth.Token());
        await IsProblemAsync(answer, HttpStatusCode.ServiceUnavailable, "identity-unavailable");
        Assert.NotNull(answer.Headers.RetryAfter);
        Assert.Equal("nobody", await client.GetStringAsync("/open", auth.Token()));
    }

    [Fact]
    public async Task What_code_of_the_host_adds_to_a_user_is_gone_with_the_request()
    {
        await using var app = await StartAsync(services: s => s.AddSingleton<IClaimsTransformation, AddsAClaim>());
        using var client = Client(app);
        var token = auth.Token();
        var first = await client.GetStringAsync("/added", token);
        Assert.NotEqual("0", first);
        Assert.Equal(first, await client.GetStringAsync("/added", token));
    }

    [Fact]
    public async Task A_gates_route_shows_its_caller_to_the_hosts_middleware()
    {
        // The client has its answer before the middleware goes on.
        var seen = Channel.CreateUnbounded<(string?, string?)>();
        await using var app = await StartAsync(first: app => app.Use(async (context, next) =>
        {
            await next(context);
            seen.Writer.TryWrite((context.User.Identity?.Name, context.GetConsumer()?.Id));
        }));
        using var client = Client(app);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        await client.GetStringAsync("/web/a", auth.Token());
        Assert.Equal(("alice", "alice"), await seen.Reader.ReadAsync(patience.Token));
        await client.GetStringAsync("/web/open", auth.Token());
        Assert.Equal((null, null), await seen.Reader.ReadAsync(patience.Token));
    }

    [Fact]
    public async Task A_way_that_only_the_host_lists_lives_on_over_a_reload()
    {
        using var folder = new TempFolder();
        var yaml = $$"""
            version: 1
            telemetry: { accessLog: off }
            identity:
              customers: { jwt: { issuer: "{{auth.Issuer}}", audience: {{AuthServer.Audience}}, jwks: "{{auth.JwksUrl}}" } }
            gates:
              web: { identity: off, routes: [{ get: /version, respond: { status: 200, body: "1" } }] }
            """;
        var file = folder.Write("postern.yaml", yaml);
        await using var app = await StartAsync(build: null, file: file);
        using var client = Client(app);
        Assert.Equal("alice", await client.GetStringAsync("/me", auth.Token()));
        var fetched = auth.Jwks.Requests;
        var runtime = app.Services.GetRequiredService<GatewayRuntime>();
        folder.Write("postern.yaml", yaml.Replace("\"1\"", "\"2\"", StringComparison.Ordinal));
        runtime.Reload();
        Assert.Equal("2", await client.GetStringAsync("/version"));
        Assert.Equal("alice", await client.GetStringAsync("/me", auth.Token()));
        Assert.Equal(fetched, auth.Jwks.Requests);
        // A file in which the way is gone is not taken.
        folder.Write("postern.yaml", yaml.Replace("customers", "clients", StringComparison.Ordinal).Replace("\"1\"", "\"3\"", StringComparison.Ordinal));
        Assert.Contains("no identity named 'customers'", Assert.Single(runtime.Reload()).Message, StringComparison.Ordinal);
        Assert.Equal("2", await client.GetStringAsync("/version"));
        Assert.Equal("alice", await client.GetStringAsync("/me", auth.Token()));
    }

    [Fact]
    public async Task A_scheme_with_a_way_that_nobody_defined_is_an_error_of_the_configuration()
    {
        var thrown = await Assert.ThrowsAsync<GatewayConfigException>(() => StartAsync(services: s => s.AddAuthentication()
            .AddPostern("Partners", o => o.Ways = ["custmers"]).AddPostern("None", _ => { })));
        Assert.Equal(
            ["AddAuthentication.None: names no way to know a caller; write AddPostern(\"customers\")", "AddAuthentication.Partners.use[0]: no identity named 'custmers'; did you mean 'customers'? (defined: customers)"],
            thrown.Problems.Select(p => p.ToString()).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_token_that_lacks_what_its_way_asks_of_all_gets_403_and_is_told_the_scopes()
    {
        await using var app = await StartAsync(gateway =>
        {
            gateway.Identity("customers", introspection: new() { Endpoint = auth.IntrospectionUrl, ClientId = AuthServer.ClientId, ClientSecret = AuthServer.ClientSecret, Scopes = ["api"] });
            gateway.Gate("web", g => g.Identity("customers").Get("/a").Respond(200, "in"));
        });
        using var client = Client(app);
        auth.Opaque("good", new JsonObject { ["scope"] = "api" });
        auth.Opaque("poor", new JsonObject { ["scope"] = "other" });
        Assert.Equal("alice", await client.GetStringAsync("/me", "good"));
        using var own = await client.GetAsync("/me", "poor");
        using var gate = await client.GetAsync("/a", "poor");
        await IsProblemAsync(own, HttpStatusCode.Forbidden, "forbidden");
        Assert.Contains("scope=\"api\"", own.Headers.WwwAuthenticate.ToString(), StringComparison.Ordinal);
        Assert.Equal(gate.Headers.WwwAuthenticate.ToString().Replace("\"web\"", "\"Postern\"", StringComparison.Ordinal), own.Headers.WwwAuthenticate.ToString());
    }

    [Fact]
    public async Task What_code_requires_holds()
    {
        await using var app = await StartAsync();
        using var client = Client(app);
        using var refused = await client.GetAsync("/web/orders", auth.Token(new JsonObject { ["scope"] = "openid" }));
        var problem = await IsProblemAsync(refused, HttpStatusCode.Forbidden, "forbidden");
        Assert.Equal("The caller is missing scope orders.read.", problem["detail"]!.ToString());
        Assert.Equal("Bearer realm=\"web\", error=\"insufficient_scope\", scope=\"orders.read\"", refused.Headers.WwwAuthenticate.ToString());
        Assert.Equal("orders", await client.GetStringAsync("/web/orders", auth.Token(new JsonObject { ["scope"] = "openid orders.read" })));
        // Known or not, and what is asked of those who are not.
        Assert.Equal("either", await client.GetStringAsync("/web/either"));
        using var bad = await client.GetAsync("/web/either", "rubbish");
        Assert.Equal(HttpStatusCode.Unauthorized, bad.StatusCode);
        using var nobody = await client.GetAsync("/web/either/scoped");
        await IsProblemAsync(nobody, HttpStatusCode.Unauthorized, "unauthenticated");
        Assert.Equal("Bearer realm=\"web\"", nobody.Headers.WwwAuthenticate.ToString());
    }

    [Fact]
    public async Task A_file_that_code_names_is_watched()
    {
        using var folder = new TempFolder();
        var (one, two) = (SigningKey.Make("one", "ES256"), SigningKey.Make("two", "ES256"));
        var pem = folder.Write("issuer.pem", one.Pem);
        await using var app = await StartAsync(build: gateway =>
        {
            gateway.Identity("customers", jwt: new() { Issuer = auth.Issuer, Audience = [AuthServer.Audience], PublicKey = gateway.TextFile(pem) });
            gateway.Gate("web", g => g.Identity("customers").Get("/a").Respond(200, "in"));
        });
        using var client = Client(app);
        Assert.Equal("alice", await client.GetStringAsync("/me", auth.Token(key: one)));
        folder.Write("issuer.pem", two.Pem);
        await UntilAsync(async () =>
        {
            using var answer = await client.GetAsync("/me", auth.Token(key: two));
            return answer.IsSuccessStatusCode;
        });
        using var old = await client.GetAsync("/me", auth.Token(key: one));
        Assert.Equal(HttpStatusCode.Unauthorized, old.StatusCode);
    }

    [Fact]
    public async Task A_file_that_code_names_and_nobody_has_is_an_error_at_that_line()
    {
        var thrown = await Assert.ThrowsAsync<GatewayConfigException>(() => StartAsync(build: gateway =>
        {
            gateway.Identity("customers", jwt: new() { Issuer = "https://auth.example.com", Audience = ["api"], PublicKey = gateway.TextFile("/nowhere/issuer.pem") });
            gateway.Gate("web", g => g.Identity("customers").Get("/a").Respond(200, "in"));
        }));
        Assert.Contains(thrown.Problems, p => p.ToString().StartsWith("HostedIdentityTests.cs:", StringComparison.Ordinal) && p.Message.StartsWith("can't read '/nowhere/issuer.pem': no such file", StringComparison.Ordinal));
    }

    private void Shop(GatewayBuilder gateway)
    {
        gateway.Root<Postern.Edge.Observing.TelemetrySection>(t => t with { Telemetry = new() { AccessLog = new() { To = "off" } } });
        gateway.Identity("customers", jwt: new JwtOptions { Issuer = auth.Issuer, Audience = [AuthServer.Audience], Jwks = auth.JwksUrl });
        gateway.Gate("web", gate =>
        {
            gate.Match(path: "/web").Identity("customers");
            gate.Get("/a").Respond(200, "in");
            gate.Get("/open").IdentityOff().Respond(200, "open");
            gate.Get("/orders").Require(scopes: ["orders.read"]).Respond(200, "orders");
            gate.Get("/either").Identity(optional: true, "customers").Respond(200, "either");
            gate.Get("/either/scoped").Identity(optional: true, "customers").Require(scopes: ["a"]).Respond(200, "either");
        });
    }

    private Task<WebApplication> StartAsync(Action<IServiceCollection>? services = null, Action<WebApplication>? first = null, bool withKeys = true) =>
        StartAsync(Shop, services: services, first: first, withKeys: withKeys);

    private static async Task<WebApplication> StartAsync(Action<GatewayBuilder>? build, string? file = null, Action<IServiceCollection>? services = null, Action<WebApplication>? first = null, bool withKeys = true)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.AddPostern(build, file);
        builder.Services.AddAuthentication().AddPostern("customers");
        builder.Services.AddAuthorizationBuilder().AddPolicy("admins", p => p.RequireRole("admin").RequireClaim("org_id", "acme"));
        services?.Invoke(builder.Services);
        var app = builder.Build();
        first?.Invoke(app);
        app.UseAuthentication().UseAuthorization();
        app.MapMethods("/me", ["GET", "HEAD"], (ClaimsPrincipal user) => user.FindFirstValue(ClaimTypes.NameIdentifier)).RequireAuthorization();
        app.MapGet("/consumer", [Authorize] (HttpContext context) => context.GetConsumer() is { } c ? $"{c.Id} from {c.Way}" : "nobody");
        app.MapGet("/open", (ClaimsPrincipal user) => user.Identity?.Name ?? "nobody");
        app.MapGet("/admin", () => "hello").RequireAuthorization("admins");
        app.MapGet("/added", (ClaimsPrincipal user) => user.FindAll("added").Count().ToString(System.Globalization.CultureInfo.InvariantCulture)).RequireAuthorization();
        app.MapPostern();
        await app.StartAsync();
        if (withKeys)
        {
            await UntilAsync(() => Task.FromResult(app.Services.GetRequiredService<GatewayRuntime>().State.NotReady is null));
        }
        return app;
    }

    private static Caller Client(WebApplication app) => new() { BaseAddress = new Uri(app.Urls.First()) };

    private static async Task<JsonNode> IsProblemAsync(HttpResponseMessage answer, HttpStatusCode status, string code)
    {
        Assert.Equal((status, "application/problem+json"), (answer.StatusCode, answer.Content.Headers.ContentType?.ToString()));
        var problem = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;
        Assert.Equal((code, (int)status), (problem["code"]!.ToString(), (int)problem["status"]!));
        return problem;
    }

    private static async Task UntilAsync(Func<Task<bool>> holds)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        while (!await holds())
        {
            await timer.WaitForNextTickAsync(patience.Token);
        }
    }

    /// <summary>A client that says who it is.</summary>
    private sealed class Caller : HttpClient
    {
        public async Task<string> GetStringAsync(string path, string token)
        {
            using var answer = await GetAsync(path, token);
            return await answer.EnsureSuccessStatusCode().Content.ReadAsStringAsync();
        }

        public async Task<HttpResponseMessage> GetAsync(string path, string token)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            return await SendAsync(request);
        }
    }

    /// <summary>What the documentation of ASP.NET Core shows: it changes the user it is given.</summary>
    private sealed class AddsAClaim : IClaimsTransformation
    {
        public Task<ClaimsPrincipal> TransformAsync(ClaimsPrincipal principal)
        {
            ((ClaimsIdentity)principal.Identity!).AddClaim(new Claim("added", "x"));
            return Task.FromResult(principal);
        }
    }
}
