using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Edge.Authenticating;
using Postern.Edge.Authenticating.ApiKeys;
using Postern.Edge.Authenticating.Introspecting;
using Postern.Edge.Authenticating.Jwt;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.Authenticating;

/// <summary>
/// Routes of the gate <c>web</c> in front of an authorization server that may be up or not. Defined are <c>customers</c> and
/// <c>staff</c> (tokens of two issuers, signed with one secret), <c>opaque</c> and <c>scoped</c> (introspection, one of them for read and write), <c>partners</c> (a key in X-Api-Key) and
/// <c>links</c> (a key in the query's <c>the key</c>).
/// </summary>
internal sealed class Entrance : IAsyncDisposable
{
    public const string Key = "key-of-acme-0123456789+/=";

    private static readonly SigningKey Secret = SigningKey.FromSecret("0123456789abcdef0123456789abcdef");

    private readonly OneRoute route = new();

    private Entrance(AuthServer server)
    {
        Server = server;
        JwtOptions Jwt(string issuer) => new() { Issuer = issuer, Audience = [AuthServer.Audience], Secret = "0123456789abcdef0123456789abcdef" };
        var asked = new IntrospectionOptions { Endpoint = server.IntrospectionUrl, ClientId = AuthServer.ClientId, ClientSecret = AuthServer.ClientSecret, Cache = TimeSpan.FromHours(1) };
        var keys = new KeyFileOptions { Keys = [KeyOptions.For("acme", Key)] };
        route.Config.Root.Set<IdentitySection>(s => s with
        {
            Identity = new Dictionary<string, WayOptions>
            {
                ["customers"] = new() { Jwt = Jwt("https://auth.example.com") },
                ["staff"] = new() { Jwt = Jwt("https://staff.example.com") },
                ["opaque"] = new() { Introspection = asked },
                ["scoped"] = new() { Introspection = asked with { Scopes = ["read", "write"] } },
                ["partners"] = new() { ApiKey = new() { Header = "X-Api-Key", Keys = keys } },
                ["links"] = new() { ApiKey = new() { Query = "the key", Keys = keys } },
            },
        });
    }

    public AuthServer Server { get; }

    /// <summary>One whose server is down; a test that wants it says so.</summary>
    public static Entrance Make() => new(AuthServer.Down());

    public static async Task<Entrance> StartAsync() => new(await AuthServer.StartAsync());

    /// <summary>A token that the issuer signed, with these claims instead or beside.</summary>
    public string Token(string issuer = "https://auth.example.com", JsonObject? claims = null)
    {
        claims ??= [];
        claims["iss"] ??= issuer;
        return Server.Token(claims, Secret);
    }

    /// <summary>A route that lists these ways.</summary>
    public Entry Route(params string[] ways) => Route(optional: false, ways);

    public Entry Route(bool optional, params string[] ways)
    {
        route.Route.Sections.Set<IdentityOptions>(o => o with { Identity = new CallerOptions { Use = ways, Optional = optional } });
        var scope = route.Scope();
        var entry = new Entry();
        var chain = new AuthenticatingStage().Compile(scope, entry.PassAsync);
        Assert.Empty(scope.Check.Problems);
        route.State.Start(TimeProvider.System, NullLogger.Instance);
        route.State.Commit();
        return entry.Of(chain, string.Join('\n', scope.Notes.Select(n => $"{n.Stage}: {n.What(OneRoute.Request())}")));
    }

    public long Count(string outcome) => MetricRegistry.Of(route.State).Counter("postern_authentications_total", "", ("gate", "web"), ("outcome", outcome)).Value;

    public ValueTask DisposeAsync() => Server.DisposeAsync();
}

/// <summary>One route's door, and who got through.</summary>
internal sealed class Entry
{
    private RequestDelegate chain = _ => Task.CompletedTask;

    public string Notes { get; private set; } = "";

    /// <summary>Requests that got through.</summary>
    public int Passed { get; private set; }

    public Entry Of(RequestDelegate door, string notes)
    {
        (chain, Notes) = (door, notes);
        return this;
    }

    public Task PassAsync(HttpContext context)
    {
        Passed++;
        return Task.CompletedTask;
    }

    public Task<Seen> BearerAsync(string token) => SendAsync("", ("Authorization", ["Bearer " + token]));

    public Task<Seen> SendAsync(params (string Name, string[] Values)[] headers) => SendAsync("", headers);

    public async Task<Seen> SendAsync(string query, params (string Name, string[] Values)[] headers)
    {
        var context = OneRoute.Request(headers: headers);
        var (exchange, before) = (Exchange.Of(context), Passed);
        exchange.Query = query;
        await chain(context).WaitAsync(TimeSpan.FromSeconds(10));
        var problem = OneRoute.Body(context) is { Length: > 0 } body ? JsonElement.Parse(body) : default;
        var response = context.Response;
        return new Seen(Passed > before, exchange.Consumer, response.StatusCode, problem, [.. response.Headers.WWWAuthenticate.OfType<string>()],
            response.Headers.RetryAfter, response.ContentType, exchange);
    }
}

/// <summary>What became of a request.</summary>
internal sealed record Seen(bool Passed, Consumer? Consumer, int Status, JsonElement Problem, string[] Challenges, string? RetryAfter, string? Type, Exchange Exchange)
{
    /// <summary>The problem's code, or who passed.</summary>
    public string What => Passed ? Consumer is null ? "anyone" : $"{Consumer.Way}:{Consumer.Id}" : $"{Status} {Problem.GetProperty("code").GetString()}";

    public string? Detail => Problem.GetProperty("detail").GetString();
}
