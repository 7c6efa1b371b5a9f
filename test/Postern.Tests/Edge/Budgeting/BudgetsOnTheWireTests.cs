using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Backends.Responding;
using Postern.Config;
using Postern.Edge.Authenticating;
using Postern.Edge.Budgeting;
using Postern.Pipeline.Telemetry;
using Postern.Runtime;
using Postern.Server.Administering;
using Postern.Server.Serving;
using Postern.Tests.Harness;
using Postern.Tests.Runtime;

namespace Postern.Tests.Edge.Budgeting;

/// <summary>Budgets seen from outside: whole requests, the log, the metrics, the admin port, reloads.</summary>
public sealed class BudgetsOnTheWireTests
{
    [Fact]
    public async Task An_answer_past_its_budget_comes_whole_and_is_named_in_the_access_log()
    {
        await using var upstream = await KestrelUpstream.StartAsync(http2: false, context =>
        {
            context.Response.ContentType = context.Request.Path == "/events" ? "text/event-stream" : "text/plain";
            return context.Response.WriteAsync(new string('x', context.Request.Path == "/small" ? 100 : 5000));
        });
        await using var gateway = await TestGateway.StartAsync($$"""
            upstreams: { up: { url: {{upstream.Url}} } }
            gates:
              web:
                match: { path: /web }
                identity: off
                budget: { bytes: 4KB }
                routes:
                  - { get: /large, to: http://up/large }
                  - { get: /small, to: http://up/small }
                  - { get: /late, to: http://up/small, budget: { latency: 1ms, bytes: 10B } }
                  - { get: /free, to: http://up/large, budget: off }
                  - { get: /events, to: http://up/events }
                  - { get: /fixed, respond: { body: "{{new string('y', 4097)}}" } }
            """);
        using var client = gateway.Client();
        foreach (var (path, length) in new[] { ("large", 5000), ("small", 100), ("late", 100), ("free", 5000), ("events", 5000), ("fixed", 4097) })
        {
            Assert.Equal(length, (await client.GetStringAsync($"/web/{path}")).Length);
        }
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("/web/nothing")).StatusCode);
        using var head = await client.SendAsync(new HttpRequestMessage(HttpMethod.Head, "/web/large"));
        Assert.Equal(HttpStatusCode.OK, head.StatusCode);
        var log = await gateway.LogAsync(8);
        Assert.Equal(["bytes", null, "bytes", null, null, "bytes", null, null], log.Select(l => l.TryGetProperty("budget", out var past) ? past.GetString()!.Split(',')[0] : null));
        var metrics = gateway.Metrics();
        Assert.Contains("postern_budget_answers_total{gate=\"web\",route=\"GET /web/large\"} 2\n", metrics, StringComparison.Ordinal);
        Assert.Contains("postern_budget_exceeded_total{gate=\"web\",route=\"GET /web/large\",what=\"bytes\"} 1\n", metrics, StringComparison.Ordinal);
        Assert.Contains("postern_budget_exceeded_total{gate=\"web\",route=\"GET /web/late\",what=\"bytes\"} 1\n", metrics, StringComparison.Ordinal);
        Assert.Contains("postern_budget_answers_total{gate=\"web\",route=\"GET /web/events\"} 0\n", metrics, StringComparison.Ordinal);
        Assert.DoesNotContain("route=\"GET /web/free\"", metrics.Split('\n').Where(l => l.StartsWith("postern_budget", StringComparison.Ordinal)).Aggregate("", string.Concat), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reload_keeps_what_was_counted_as_long_as_the_budget_is_the_same()
    {
        using var folder = new TempFolder();
        var file = folder.Write("postern.yaml", Text("bytes: 10B"));
        var (runtime, problems) = GatewayRuntime.Start(() => PosternExtensions.Load(file, null), NullLogger.Instance, TimeProvider.System);
        Assert.Empty(problems);
        using var _ = runtime;
        await InMemory.AskAsync(runtime!, "/web/a");
        Assert.Equal((1, 1, 0), Counts());
        Reload("bytes: 10B", body: "short");
        await InMemory.AskAsync(runtime!, "/web/a");
        Assert.Equal((2, 1, 0), Counts());

        // A gate with a mistake keeps its last good configuration, and what that has counted is what is shown.
        Reload("bytes: 11");
        Assert.Equal((2, 1, 0), Counts());
        Reload("bytes: 20B, latency: 1h", extra: "- { get: /b, to: http://nowhere }");
        Assert.Equal((2, 1, 0), Counts());

        Reload("bytes: 12B");
        Assert.Equal((0, 0, 0), Counts());

        (long, long, long) Counts()
        {
            RouteBudget[] budgets = [.. Exposed(runtime!)];
            Assert.Equal(["GET /web/a", "GET /web/a when "], budgets.Select(b => b.Route.Length > 10 ? b.Route[..^8] : b.Route));
            var (first, second) = (Read(budgets[0]), Read(budgets[1]));
            return (first.GetProperty("requests").GetInt64(), first.GetProperty("exceeded").GetInt64(), second.GetProperty("requests").GetInt64());
        }

        void Reload(string budget, string body = "a body of some length", string extra = "")
        {
            folder.Write("postern.yaml", Text(budget, body, extra));
            runtime!.Reload();
        }
    }

    [Fact]
    public async Task The_admin_port_shows_each_budget_in_the_order_written()
    {
        using var folder = new TempFolder();
        var file = folder.Write("postern.yaml", Text("bytes: 10B, latency: 1h"));
        var (opened, problems) = OpenedGateway.Open(file, NullLoggerFactory.Instance, TimeProvider.System);
        Assert.Empty(problems);
        var gateway = opened!;
        await using var admin = new AdminServer(new AdminOptions { Url = "http://127.0.0.1:0", Token = "secret" }, new AdminSource
        {
            NotReady = () => null,
            Metrics = new MetricRegistry(),
            WriteConfig = _ => { },
            Limits = gateway.Limits,
            Upstreams = gateway.LiveUpstreams,
            Routes = gateway.LiveRoutes,
            Budgets = gateway.Budgets,
            ReloadAsync = () => throw new NotSupportedException(),
        }, NullLoggerFactory.Instance, TimeProvider.System);
        await admin.StartAsync();
        using var client = new HttpClient { BaseAddress = new Uri(admin.Url) };
        Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync("/budgets")).StatusCode);
        client.DefaultRequestHeaders.Authorization = new("Bearer", "secret");
        using var told = JsonDocument.Parse(await client.GetStringAsync("/budgets"));
        var budgets = told.RootElement.GetProperty("budgets").EnumerateArray().ToList();
        Assert.Equal(["GET /web/a", "GET /web/a when "], budgets.Select(b => b.GetProperty("route").GetString()!).Select(r => r.Length > 10 ? r[..^8] : r));
        Assert.Equal((10, "1h"), (budgets[0].GetProperty("bytes").GetProperty("budget").GetInt32(), budgets[0].GetProperty("latency").GetProperty("budget").GetString()));
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await client.DeleteAsync("/budgets")).StatusCode);
        await gateway.StopAsync();
    }

    [Fact]
    public void In_code_it_says_the_same()
    {
        var built = PosternExtensions.Load(null, builder => builder.Gate("web", g =>
        {
            g.IdentityOff().Budget(bytes: 64 << 10, latency: TimeSpan.FromMilliseconds(300));
            g.Get("/a").Respond(204);
            g.Get("/b").Respond(204).Budget(latency: TimeSpan.FromSeconds(1));
            g.Get("/c").Respond(204).BudgetOff();
            g.Get("/d").Respond(204).BudgetOff().Budget(bytes: 1);
        }));
        var gate = built.Config.Gates[0];
        Assert.Equal(
            [new BudgetOptions { Bytes = 64 << 10, Latency = TimeSpan.FromMilliseconds(300) }, new BudgetOptions { Latency = TimeSpan.FromSeconds(1) }, null, new BudgetOptions { Bytes = 1 }],
            gate.Routes.Select(r => Sections.Effective<BudgetSection>(r.Sections, gate.Sections).Budget));
        var (runtime, problems) = GatewayRuntime.Start(() => PosternExtensions.Load(null, Same), NullLogger.Instance, TimeProvider.System);
        Assert.Null(runtime);
        Assert.EndsWith("gates.web.routes[0].budget: a budget says bytes, latency, or both; write { bytes: 64KB, latency: 300ms }, or off for none", Assert.Single(problems).ToString(), StringComparison.Ordinal);

        static void Same(GatewayBuilder builder) => builder.Gate("web", g => g.IdentityOff().Get("/d").Respond(204).Budget());
    }

    private static IEnumerable<RouteBudget> Exposed(GatewayRuntime runtime) =>
        runtime.Snapshot.Gates.SelectMany(g => g.Table.Routes).SelectMany(r => r.Exposed).OfType<RouteBudget>();

    private static JsonElement Read(RouteBudget budget)
    {
        using var text = new MemoryStream();
        using (var json = new Utf8JsonWriter(text))
        {
            budget.Write(json);
        }
        return JsonDocument.Parse(text.ToArray()).RootElement;
    }

    private static string Text(string budget, string body = "a body of some length", string extra = "") => $$"""
        version: 1
        telemetry: { accessLog: off }
        gates:
          web:
            match: { path: /web }
            identity: off
            budget: { {{budget}} }
            routes:
              - { get: /a, respond: { body: "{{body}}" } }
              - { get: /a, when: { query: { full: "1" } }, respond: { body: "{{body}}" } }
              - { get: /c, respond: 204, budget: off }
              {{extra}}
        """;
}
