using System.Net.Http.Json;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Postern.Backends.Composing;
using Postern.Backends.Composing.Handlers;
using Postern.Backends.Proxying;
using Postern.Config;
using Postern.Edge.Guarding;
using Postern.Edge.RateLimiting;
using Postern.Runtime;
using Postern.Transforms;
using Postern.Transforms.FallingBack;
using Postern.Transforms.Shaping;
using Postern.Transforms.Trimming;

namespace Postern.Tests.Backends.Composing.Handlers;

/// <summary>How code is bound to a request, and what becomes of what it returns.</summary>
public sealed partial class HandlerRouteTests
{
    internal interface IShape
    {
        int Sides { get; }
    }

    internal sealed record Square(int Sides, decimal Side) : IShape;

    internal sealed record Asked(string Name, int[] Ids);

    internal sealed class Clock(string says)
    {
        public string Says => says;
    }

    [JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
    [JsonSerializable(typeof(Asked))]
    [JsonSerializable(typeof(IReadOnlyList<Square>))]
    internal sealed partial class Known : JsonSerializerContext;

    [Fact]
    public async Task Parameters_are_bound_as_those_of_a_minimal_API()
    {
        await using var gateway = await CodeGateway.StartAsync(
            gate =>
            {
                gate.MapGet("/things/{id:int}/{**rest}", (int id, string rest, string? q, [FromQuery(Name = "n")] int[] numbers, [FromHeader(Name = "X-A")] string? a, Clock clock, HttpContext context, CancellationToken cancel) =>
                    new { id, rest, q, numbers, a, clock = clock.Says, values = context.Request.RouteValues, cancel.CanBeCanceled });
                gate.MapPost("/asked/{name}", (string name, Asked asked, IServiceProvider services) => new { name, asked.Ids, ok = services.GetService<Clock>() is not null });
                gate.MapPut("/put", ([FromBody] int[] body) => body);
                gate.MapPatch("/patch", (RawJson body) => body);
                gate.MapDelete("/gone/{id}", (string id) => Results.Accepted(value: id));
            },
            (_, context) => CodeGateway.JsonAsync(context, "{}"),
            builder => builder.Services.AddSingleton(new Clock("noon")));
        using var request = new HttpRequestMessage(HttpMethod.Get, "/web/things/7/a%20b/%C3%BC?q=x%26y&n=1&n=2");
        request.Headers.Add("X-A", "1");
        using var answer = await gateway.Client.SendAsync(request);
        Assert.Equal("""{"id":7,"rest":"a b/ü","q":"x&y","numbers":[1,2],"a":"1","clock":"noon","values":{"id":"7","rest":"a b/ü"},"canBeCanceled":true}""", await answer.Content.ReadAsStringAsync());
        using var posted = await gateway.Client.PostAsJsonAsync("/web/asked/x", new { name = "n", ids = new[] { 1 } });
        Assert.Equal("""{"name":"x","ids":[1],"ok":true}""", await posted.Content.ReadAsStringAsync());
        using var put = await gateway.Client.PutAsJsonAsync("/web/put", new[] { 3, 4 });
        Assert.Equal("[3,4]", await put.Content.ReadAsStringAsync());
        using var patched = await gateway.Client.PatchAsync("/web/patch", new StringContent("""{ "a": 1.00 }""", Encoding.UTF8, "application/json"));
        Assert.Equal("""{ "a": 1.00 }""", await patched.Content.ReadAsStringAsync());
        using var deleted = await gateway.Client.DeleteAsync("/web/gone/it");
        Assert.Equal((202, "\"it\""), ((int)deleted.StatusCode, await deleted.Content.ReadAsStringAsync()));
    }

    [Fact]
    public async Task What_a_request_lacks_is_a_problem_of_the_client()
    {
        await using var gateway = await CodeGateway.StartAsync(gate =>
        {
            gate.MapGet("/needed", (int n) => n);
            gate.MapGet("/typed/{n}", (Guid n) => n);
            gate.MapPost("/body", (Asked asked) => asked.Name).MaxBody(100);
        });
        foreach (var (path, body, type, status, code) in new[]
        {
            ("/web/needed", null, null, 400, "bad-input"), ("/web/needed?n=x", null, null, 400, "bad-input"), ("/web/typed/7", null, null, 400, "bad-input"),
            ("/web/body", "{", "application/json", 400, "bad-input"), ("/web/body", "", "application/json", 400, "bad-input"), ("/web/body", "name=n", "text/plain", 415, "unsupported-media"),
            ("/web/body", $$"""{"name":"{{new string('x', 200)}}"}""", "application/json", 413, "body-too-large"),
        })
        {
            using var answer = body is null ? await gateway.Client.GetAsync(path) : await gateway.Client.PostAsync(path, new StringContent(body, Encoding.UTF8, type!));
            Assert.Equal((path, body, status, "application/problem+json"), (path, body, (int)answer.StatusCode, answer.Content.Headers.ContentType?.ToString()));
            var text = await answer.Content.ReadAsStringAsync();
            Assert.Contains($"\"code\":\"{code}\"", text, StringComparison.Ordinal);
            Assert.DoesNotContain("Asked", text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task What_is_returned_is_sent_as_what_it_is()
    {
        await using var gateway = await CodeGateway.StartAsync(
            gate =>
            {
                gate.Meta();
                gate.MapGet("/text", () => "plain");
                gate.MapGet("/null", () => (object?)null);
                gate.MapGet("/list", () => new[] { 1, 2 });
                gate.MapGet("/number", ValueTask<decimal> () => new(1.50m));
                gate.MapGet("/nothing", () => { });
                gate.MapGet("/later", async Task (HttpContext context) => await context.Response.WriteAsync("written"));
                gate.MapGet("/missing", () => Results.NotFound());
                gate.MapGet("/teapot", () => TypedResults.Json(new Asked("n", []), statusCode: 418));
                gate.MapGet("/status", (HttpContext context) =>
                {
                    context.Response.StatusCode = 201;
                    context.Response.Headers.Location = "/x";
                    return new { _meta = 1, made = true };
                });
                gate.MapGet("/empty", () => new { });
                gate.MapGet("/declared", IReadOnlyList<Square> () => new List<Square> { new(4, 1.0m) });
                gate.MapGet("/runtime", IShape () => new Square(4, 1.0m));
                gate.MapGet("/stream", StreamAsync);
            },
            (_, context) => CodeGateway.JsonAsync(context, "{}"),
            builder => builder.Services.ConfigureHttpJsonOptions(o => o.SerializerOptions.TypeInfoResolverChain.Insert(0, Known.Default)));
        const string meta = """{"partial":false,"failedSources":[],"responseTimeMs":0}""";
        foreach (var (path, status, type, body) in new[]
        {
            ("/text", 200, "text/plain; charset=utf-8", "plain"), ("/null", 200, "application/json", "null"), ("/list", 200, "application/json", "[1,2]"),
            ("/number", 200, "application/json", "1.50"), ("/nothing", 200, null, ""), ("/later", 200, null, "written"), ("/missing", 404, null, ""),
            ("/teapot", 418, "application/json; charset=utf-8", """{"name":"n","ids":[]}"""), ("/status", 201, "application/json", $$"""{"made":true,"_meta":{{meta}}}"""),
            ("/empty", 200, "application/json", $$"""{"_meta":{{meta}}}"""), ("/declared", 200, "application/json", """[{"sides":4,"side":1.0}]"""),
            ("/runtime", 200, "application/json", $$"""{"sides":4,"side":1.0,"_meta":{{meta}}}"""), ("/stream", 200, "application/json; charset=utf-8", "[1,2]"),
        })
        {
            using var answer = await gateway.Client.GetAsync("/web" + path);
            var text = await answer.Content.ReadAsStringAsync();
            var milliseconds = text.IndexOf("responseTimeMs\":", StringComparison.Ordinal);
            text = milliseconds < 0 ? text : text[..(milliseconds + 16)] + "0}}";
            Assert.Equal((path, status, type, body), (path, (int)answer.StatusCode, answer.Content.Headers.ContentType?.ToString(), text));
            using var head = await gateway.Client.SendAsync(new HttpRequestMessage(HttpMethod.Head, "/web" + path));
            Assert.Equal((path, status, ""), (path, (int)head.StatusCode, await head.Content.ReadAsStringAsync()));
        }
        Assert.Contains("\"bytes\":21,", await gateway.LogAsync("/web/teapot"), StringComparison.Ordinal);
    }

    private static async IAsyncEnumerable<int> StreamAsync([EnumeratorCancellation] CancellationToken cancel)
    {
        yield return 1;
        await Task.Yield();
        cancel.ThrowIfCancellationRequested();
        yield return 2;
    }

    [Fact]
    public async Task Stages_rules_and_the_fallback_hold_for_code_too()
    {
        await using var gateway = await CodeGateway.StartAsync(
            gate =>
            {
                gate.MapGet("/limited", () => new { ok = true }).RateLimit(Rate.PerHour(1));
                gate.MapGet("/trimmed", () => new { id = 1, secret = new { x = 1 }, list = new[] { new { a = 1, b = 2 } } }).Drop("secret", "list[].b").Meta()
                    .Headers(new HeaderOptions { Response = new HeaderRulesOptions { Set = new Dictionary<string, string> { ["X-Rule"] = "r" } } });
                gate.MapGet("/saved", async (Composer c, HttpContext context) =>
                {
                    context.Response.Headers["X-Code"] = "1";
                    return await c.Get<RawJson>("http://down/x").Required();
                }).Fallback(200, """{"saved":true}""");
                gate.MapGet("/broken", IResult () => throw new InvalidOperationException("secret of the code"));
                gate.MapGet("/partial", async (Composer c) => Results.Json(await c.Get<RawJson>("http://down/x")));
                gate.MapGet("/kept", async (Composer c) => new { x = await c.Get<RawJson>("http://down/x") })
                    .Headers(new HeaderOptions { Response = new HeaderRulesOptions { Set = new Dictionary<string, string> { ["Cache-Control"] = "max-age=1" } } });
            });
        Assert.Equal((200, 429), ((await gateway.GetAsync("/web/limited")).Status, (await gateway.GetAsync("/web/limited")).Status));
        using var trimmed = await gateway.Client.GetAsync("/web/trimmed");
        Assert.StartsWith("""{"id":1,"list":[{"a":1}],"_meta":{""", await trimmed.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal("r", trimmed.Headers.GetValues("X-Rule").Single());
        using var saved = await gateway.Client.GetAsync("/web/saved");
        Assert.Equal(("""{"saved":true}""", "connect", false), (await saved.Content.ReadAsStringAsync(), saved.Headers.GetValues("Postern-Fallback").Single(), saved.Headers.Contains("X-Code")));
        var (status, body) = await gateway.GetAsync("/web/broken");
        Assert.Equal(500, status);
        Assert.DoesNotContain("secret", body, StringComparison.Ordinal);
        using var partial = await gateway.Client.GetAsync("/web/partial");
        Assert.Equal(("null", "no-store"), (await partial.Content.ReadAsStringAsync(), partial.Headers.CacheControl!.ToString()));
        using var kept = await gateway.Client.GetAsync("/web/kept");
        Assert.Equal("max-age=1", kept.Headers.CacheControl!.ToString());
    }

    [Fact]
    public async Task A_composer_is_for_the_gateways_own_routes()
    {
        await using var gateway = await CodeGateway.StartAsync(
            gate => gate.MapGet("/own", (Composer c) => new { ok = c is not null }), (_, context) => CodeGateway.JsonAsync(context, "{}"),
            map: app => app.MapGet("/hosts", (Composer c) => "no"));
        Assert.Equal((200, """{"ok":true}"""), await gateway.GetAsync("/web/own"));
        Assert.Equal(500, (await gateway.GetAsync("/hosts")).Status);
    }

    [Fact]
    public async Task What_can_be_known_of_code_beforehand_is_a_configuration_error()
    {
        var line = 0;
        var thrown = await Assert.ThrowsAsync<GatewayConfigException>(() => CodeGateway.StartAsync(gate =>
        {
            line = Here();
            gate.MapGet("/body", (Clock clock, Asked asked) => clock.Says + asked.Name);
            gate.MapGet("/route/{id}", ([FromRoute(Name = "nr")] int id) => id);
            gate.MapGet("/client", ([FromKeyedServices("aa")] HttpClient client) => client.BaseAddress);
            gate.MapGet("/both", () => 1).To("http://a");
            gate.MapGet("/shaped", () => 1).Shape("id");
            gate.MapGet("no-slash", () => 1);
            gate.MapPost("/fine", (Asked asked, Composer c) => asked);
        }));
        Assert.Equal(
            [
                $"{line + 1} gates.web.routes[0].handler: nothing of a request fills Clock clock, Asked asked of lambda in HandlerRouteTests.What_can_be_known_of_code_beforehand_is_a_configuration_error(Clock clock, Asked asked); register a service of that type, or take the body by [FromBody]",
                $"{line + 2} gates.web.routes[1].handler: lambda in HandlerRouteTests.What_can_be_known_of_code_beforehand_is_a_configuration_error(Int32 id) can't be called for a request: 'nr' is not a route parameter.",
                $"{line + 3} gates.web.routes[2].handler: no upstream named 'aa' for the client 'client'; did you mean 'a'? (defined: a, b, down)",
                $"{line + 4} gates.web.routes[3]: a route has one answer, got 'to' and 'handler'; keep one",
                $"{line + 5} gates.web.routes[4].shape: the code of this route gives its answer the shape; remove it, or write .Compose(…) instead of the code",
                $"{line + 6} gates.web.routes[5].get: a path begins with '/', got 'no-slash'; write '/no-slash'",
            ],
            thrown.Problems.Select(p => $"{p.Position.Split(':')[1]} {p.Path}: {p.Message}"));
    }

    [Fact]
    public async Task What_code_returns_is_a_type_that_can_be_written()
    {
        var thrown = await Assert.ThrowsAsync<GatewayConfigException>(() => CodeGateway.StartAsync(
            gate =>
            {
                gate.MapGet("/unknown", () => new Clock("now"));
                gate.MapGet("/source", (Composer c) => c.Get<Asked>("http://a"));
                gate.MapGet("/later", async (Composer c) => await Task.FromResult(c.Get<Asked>("http://a")));
                gate.MapGet("/known", () => new Asked("n", []));
                gate.MapGet("/text", () => "text");
                gate.MapGet("/nothing", () => ValueTask.CompletedTask);
                gate.MapGet("/any", object () => 1);
                gate.MapGet("/result", () => TypedResults.NotFound());
                gate.MapGet("/raw", () => RawJson.Parse("1"));
            },
            (_, context) => CodeGateway.JsonAsync(context, "{}"),
            builder => builder.Services.ConfigureHttpJsonOptions(o =>
            {
                o.SerializerOptions.TypeInfoResolverChain.Clear();
                o.SerializerOptions.TypeInfoResolverChain.Add(Known.Default);
            })));
        var lambda = $"lambda in HandlerRouteTests.{nameof(What_code_returns_is_a_type_that_can_be_written)}";
        Assert.Equal(
            [
                $"gates.web.routes[0].handler: {lambda}() returns Clock, of which the host's JSON options know nothing; name it in a context of theirs: [JsonSerializable(typeof(Clock))]",
                $"gates.web.routes[1].handler: {lambda}(Composer c) returns a source, not its result; await it",
                $"gates.web.routes[2].handler: {lambda}(Composer c) returns a source, not its result; await it",
            ],
            thrown.Problems.Select(p => $"{p.Path}: {p.Message}"));
    }

    [Fact]
    public async Task No_file_has_a_key_for_code_and_the_admin_shows_its_name()
    {
        Assert.DoesNotContain("handler", new KeyFinder(Features.Grammar).Route);
        await using var gateway = await CodeGateway.StartAsync(gate => gate.MapGet("/named", Named));
        var runtime = (GatewayRuntime)gateway.App.Services.GetService(typeof(GatewayRuntime))!;
        Assert.Equal("HandlerRouteTests.Named(Composer c)", (string?)ConfigText.Json(runtime.Snapshot.Config)["gates"]!["web"]!["routes"]![0]!["handler"]);
        Assert.Contains("handler  HandlerRouteTests.Named(Composer c), at most 10 sources, all within 30s, 16MB together", Explain.Request(runtime.Snapshot, "GET", "x", "/web/named", []).Text, StringComparison.Ordinal);
    }

    private static object Named(Composer c) => new { ok = c is not null };

    private static int Here([CallerLineNumber] int line = 0) => line;
}
