using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Config;
using Postern.Pipeline.Telemetry;
using Postern.Runtime;
using Postern.Server.Administering;
using Postern.Server.Commands;
using Postern.Tests.Harness;
using Postern.Tests.Runtime;

namespace Postern.Tests.Server;

/// <summary>Upstreams and routes at the admin port: what they show, and weights that change live.</summary>
public sealed class WeightsTests : IAsyncLifetime
{
    private readonly TempFolder folder = new();
    private readonly Told told = new();
    private readonly HttpClient client = new();
    private WebUpstream old = null!, canary = null!;
    private GatewayRuntime runtime = null!;
    private AdminServer admin = null!;

    public async ValueTask InitializeAsync()
    {
        (old, canary) = (await WebUpstream.StartAsync("old"), await WebUpstream.StartAsync("new"));
        folder.Write("web.yaml", Web());
        folder.Write("mobile.yaml", "match: { path: /mobile }\nidentity: off\nroutes: [{ get: /hi, respond: { body: one } }]\n");
        Root();
        var (started, problems) = GatewayRuntime.Start(() => ConfigOption.Load(folder["postern.yaml"], null), told, TimeProvider.System);
        Assert.Empty(problems);
        runtime = started!;
        admin = new AdminServer(new AdminOptions { Url = "http://127.0.0.1:0", Token = "secret" }, new AdminSource
        {
            NotReady = () => null,
            Metrics = new MetricRegistry(),
            WriteConfig = _ => { },
            Limits = new(runtime.State, TimeProvider.System),
            Upstreams = new LiveUpstreams(runtime.State),
            Routes = new LiveRoutes(() => runtime.Snapshot.Gates, TimeProvider.System, told),
            Budgets = () => [],
            ReloadAsync = () => Task.FromResult(runtime.Reload()),
        }, NullLoggerFactory.Instance, TimeProvider.System);
        await admin.StartAsync();
        client.BaseAddress = new Uri(admin.Url);
        client.DefaultRequestHeaders.Authorization = new("Bearer", "secret");
    }

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        await admin.DisposeAsync();
        runtime.Dispose();
        await old.DisposeAsync();
        await canary.DisposeAsync();
        folder.Dispose();
    }

    [Fact]
    public void Of_an_upstream_that_a_reload_has_taken_away_meanwhile_nothing_is_weighed() =>
        Assert.Null(new LiveUpstreams(runtime.State).Weigh("gone", new Dictionary<string, int> { ["127.0.0.1:1"] = 1 }));

    [Fact]
    public async Task Routes_are_listed_with_their_targets_and_where_their_weights_change()
    {
        var routes = (await GetAsync("/routes")).GetProperty("routes").EnumerateArray().ToList();
        Assert.Equal(
            ["web GET /web/items/{id} ", "web GET /web/items/{id} query version=v2", "web GET /web/plain ", "mobile GET /mobile/hi "],
            routes.Select(r => $"{r.GetProperty("gate")} {r.GetProperty("route")} {(r.TryGetProperty("when", out var when) ? when : "")}"));
        Assert.Equal(4, routes.Select(r => r.GetProperty("id").GetString()).Distinct().Count());
        Assert.Equal($"/routes/web/{routes[0].GetProperty("id")}/weights", routes[0].GetProperty("weights").GetString());
        Assert.EndsWith("web.yaml:4:5", routes[0].GetProperty("at").GetString(), StringComparison.Ordinal);
        Assert.Equal(["http://old/items/{id} old 100 100", "http://new/items/{id} new 0 0"], Targets(routes[0]));
        Assert.False(routes[2].TryGetProperty("weights", out _));
        Assert.False(routes[3].TryGetProperty("targets", out _));
    }

    [Theory]
    [InlineData("ID")]
    [InlineData("GET%20%2Fweb%2Fplain2")]
    [InlineData("GET/web/plain2")]
    public async Task A_routes_weights_change_at_once(string address)
    {
        folder.Write("web.yaml", Web().Replace("to: http://old/plain", "to: [{ url: \"http://old/x\", weight: 1 }, { url: \"http://new/x\", weight: 0 }]", StringComparison.Ordinal).Replace("/plain", "/plain2", StringComparison.Ordinal));
        Assert.Empty(runtime.Reload());
        var route = (await GetAsync("/routes")).GetProperty("routes").EnumerateArray().Single(r => r.GetProperty("route").GetString()!.Contains("plain", StringComparison.Ordinal));
        var path = $"/routes/web/{address.Replace("ID", route.GetProperty("id").GetString(), StringComparison.Ordinal)}/weights";
        Assert.Equal(10, await SharesAsync("/web/plain2", 10, "old"));
        var (status, body) = await PutAsync(path, """{"new": 1}""");
        Assert.Equal(200, status);
        Assert.Equal(["http://old/x old 1 1", "http://new/x new 1 0"], Targets(body));
        Assert.Equal(Targets(body), Targets(await GetAsync(path)));
        Assert.True(body.TryGetProperty("weightsSince", out _));
        Assert.Equal(5, await SharesAsync("/web/plain2", 10, "new"));
        Assert.Equal(200, (await PutAsync(path, """{"http://old/x": 0}""")).Status);
        Assert.Equal(10, await SharesAsync("/web/plain2", 10, "new"));
        Assert.Contains("Weights of gate web, route GET /web/plain2 set, until a reload changes the gate: http://old/x 0, http://new/x 1", told.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_routes_weights_outlast_reloads_of_other_gates_and_go_with_its_own()
    {
        Assert.Equal(200, (await PutAsync(await AddressAsync(), """{"old": 0, "new": 100}""")).Status);
        Assert.Equal(10, await SharesAsync("/web/items/7", 10, "new"));

        folder.Write("mobile.yaml", "match: { path: /mobile }\nidentity: off\nroutes: [{ get: /hi, respond: { body: two } }]\n");
        Assert.Empty(runtime.Reload());
        Assert.Equal("two", await InMemory.AskAsync(runtime, "/mobile/hi"));
        Assert.Equal(10, await SharesAsync("/web/items/7", 10, "new"));

        // A gate that keeps its last good configuration keeps what was set, too.
        folder.Write("web.yaml", Web().Replace("plain", "{plain", StringComparison.Ordinal));
        Assert.NotEmpty(runtime.Reload());
        Assert.Equal(10, await SharesAsync("/web/items/7", 10, "new"));

        folder.Write("web.yaml", Web().Replace("plain", "simple", StringComparison.Ordinal));
        Assert.Empty(runtime.Reload());
        Assert.Equal(10, await SharesAsync("/web/items/7", 10, "old"));
        var route = (await GetAsync("/routes")).GetProperty("routes")[0];
        Assert.Equal(["http://old/items/{id} old 100 100", "http://new/items/{id} new 0 0"], Targets(route));
        Assert.False(route.TryGetProperty("weightsSince", out _));
    }

    [Fact]
    public async Task An_upstream_that_changes_takes_no_weights_of_routes_away()
    {
        Assert.Equal(200, (await PutAsync(await AddressAsync(), """{"old": 0, "new": 100}""")).Status);
        Root("timeout: 7s");
        Assert.Empty(runtime.Reload());
        Assert.Equal(10, await SharesAsync("/web/items/7", 10, "new"));
    }

    [Theory]
    [InlineData("", "the body isn't JSON, or names something twice; send one JSON object, as in {\"10.0.0.5:5001\": 5}")]
    [InlineData("[1]", "the body isn't a JSON object; send one JSON object, as in {\"10.0.0.5:5001\": 5}")]
    [InlineData("{}", "no weights are named; send one JSON object, as in {\"10.0.0.5:5001\": 5}")]
    [InlineData("{\"new\": 1, \"new\": 2}", "the body isn't JSON, or names something twice")]
    [InlineData("{\"new\": \"1\"}", "a weight is a whole number, got \"1\" for 'new'")]
    [InlineData("{\"new\": 1.5}", "a weight is a whole number, got 1.5 for 'new'")]
    [InlineData("{\"new\": 99999999999}", "a weight is a whole number, got 99999999999 for 'new'")]
    [InlineData("{\"new\": -1}", "a weight is between 0 and 1000000, got -1 for 'new'")]
    [InlineData("{\"old\": 0}", "every weight would be 0, so nothing could be sent")]
    [InlineData("{\"other\": 1}", "no target 'other' (there are: http://old/items/{id}, http://new/items/{id})")]
    public async Task Weights_that_make_no_sense_are_refused_and_nothing_changes(string body, string problem)
    {
        var (status, answer) = await PutAsync(await AddressAsync(), body);
        Assert.Equal((422, "weights-refused"), (status, answer.GetProperty("code").GetString()));
        Assert.Contains(problem, answer.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Equal(10, await SharesAsync("/web/items/7", 10, "old"));
    }

    [Fact]
    public async Task A_body_past_its_bound_is_refused()
    {
        var (status, answer) = await PutAsync(await AddressAsync(), $"{{\"{new string('x', 70_000)}\": 1}}");
        Assert.Equal((422, "weights-refused"), (status, answer.GetProperty("code").GetString()));
    }

    [Theory]
    [InlineData("/routes/web/none/weights", 404, "Gate 'web' has no route 'none'; GET /routes lists them with their ids.")]
    [InlineData("/routes/none/x/weights", 404, "There is no gate 'none'; there are web, mobile.")]
    [InlineData("/routes/web/GET/web/items/%7Bid%7D/weights", 404, "Several routes of gate 'web' are 'GET/web/items/{id}', told apart by 'when'")]
    [InlineData("/routes/web/GET/web/plain/weights", 422, "the route has one target, which gets every request")]
    [InlineData("/routes/mobile/GET/mobile/hi/weights", 422, "the route is answered by the gateway itself and has no targets")]
    [InlineData("/routes/web/weights", 404, "The admin port has ")]
    [InlineData("/upstreams/none/weights", 404, "There is no upstream 'none'; there are new, old.")]
    [InlineData("/upstreams//weights", 404, "The admin port has ")]
    [InlineData("/upstreams/old/weights", 422, "no destination 'x'")]
    public async Task What_is_not_there_is_said(string path, int status, string detail)
    {
        var (got, answer) = await PutAsync(path, """{"x": 1}""");
        Assert.Equal(status, got);
        Assert.Contains(detail, answer.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Upstreams_show_each_destination()
    {
        await SharesAsync("/web/items/7", 3, "old");
        var upstreams = (await GetAsync("/upstreams")).GetProperty("upstreams").EnumerateArray().ToList();
        Assert.Equal(["new", "old"], upstreams.Select(u => u.GetProperty("name").GetString()));
        var destination = Assert.Single(upstreams[1].GetProperty("destinations").EnumerateArray());
        var address = new Uri(old.Url);
        Assert.Equal($"{address.Host}:{address.Port}", destination.GetProperty("name").GetString());
        Assert.Equal(("up", 0, 1, false), (destination.GetProperty("state").GetString(), destination.GetProperty("inFlight").GetInt32(), destination.GetProperty("weight").GetInt32(), destination.GetProperty("backup").GetBoolean()));
        Assert.InRange(destination.GetProperty("latencyMs").GetDouble(), 0.001, 10_000);
        Assert.InRange(TimeProvider.System.GetUtcNow() - destination.GetProperty("since").GetDateTimeOffset(), TimeSpan.Zero, TimeSpan.FromMinutes(1));
        Assert.Equal(JsonValueKind.Null, upstreams[0].GetProperty("destinations")[0].GetProperty("latencyMs").ValueKind);
        Assert.Contains($"postern_upstream_destination_calls{{upstream=\"old\",destination=\"{address.Host}:{address.Port}\"}} 0\n", Metrics(), StringComparison.Ordinal);
        Assert.Matches($"postern_upstream_destination_latency_seconds{{upstream=\"old\",destination=\"{address.Host}:{address.Port}\"}} 0[.]\\d+\n", Metrics());

        Root("timeout: 7s");
        Assert.Empty(runtime.Reload());
        Assert.Contains($"postern_upstream_destination_calls{{upstream=\"old\",destination=\"{address.Host}:{address.Port}\"}} 0\n", Metrics(), StringComparison.Ordinal);
        Root("connectTimeout: 2s");
        Assert.Empty(runtime.Reload());
        Assert.Matches($"postern_upstream_destination_latency_seconds{{upstream=\"old\",destination=\"{address.Host}:{address.Port}\"}} NaN\n", Metrics());
    }

    [Fact]
    public async Task A_destination_in_trouble_says_why_and_since_when()
    {
        var member = runtime.State.Live<Postern.Upstreams.DestinationSet>().Single(s => s.Upstream == "old").Members[0];
        member.Destination.Accuse("health", "2 probes in a row failed");
        var shown = (await GetAsync("/upstreams")).GetProperty("upstreams")[1].GetProperty("destinations")[0];
        Assert.Equal(("down", "2 probes in a row failed"), (shown.GetProperty("state").GetString(), shown.GetProperty("why").GetString()));
        var trouble = Assert.Single(shown.GetProperty("troubles").EnumerateArray());
        Assert.Equal(("health", shown.GetProperty("since").GetDateTimeOffset()), (trouble.GetProperty("by").GetString(), trouble.GetProperty("since").GetDateTimeOffset()), Close);
        member.Destination.Acquit("health");
        shown = (await GetAsync("/upstreams")).GetProperty("upstreams")[1].GetProperty("destinations")[0];
        Assert.Equal(("up", JsonValueKind.Null, 0), (shown.GetProperty("state").GetString(), shown.GetProperty("why").ValueKind, shown.GetProperty("troubles").GetArrayLength()));
    }

    private static bool Close((string? By, DateTimeOffset Since) a, (string? By, DateTimeOffset Since) b) => a.By == b.By && (a.Since - b.Since).Duration() < TimeSpan.FromSeconds(1);

    [Fact]
    public async Task A_destinations_weight_changes_at_once()
    {
        var address = new Uri(old.Url);
        var (status, upstream) = await PutAsync("/upstreams/old/weights", $"{{\"{address.Host}:{address.Port}\": 5}}");
        Assert.Equal((200, "old", 5), (status, upstream.GetProperty("name").GetString(), upstream.GetProperty("destinations")[0].GetProperty("weight").GetInt32()));
        Assert.Equal(5, (await GetAsync("/upstreams")).GetProperty("upstreams")[1].GetProperty("destinations")[0].GetProperty("weight").GetInt32());
    }

    [Fact]
    public async Task While_a_gate_keeps_an_older_upstream_both_have_their_destinations_and_nothing_is_told_twice()
    {
        Root("health: /plain");
        Assert.Empty(runtime.Reload());
        // The gate's file no longer fits, and the upstream has moved.
        folder.Write("web.yaml", Web().Replace("plain", "{plain", StringComparison.Ordinal));
        folder.Write("postern.yaml", File.ReadAllText(folder["postern.yaml"]).Replace(old.Url, "http://127.0.0.1:1", StringComparison.Ordinal));
        Assert.NotEmpty(runtime.Reload());
        using var answer = await client.GetAsync("/upstreams/old");
        var text = await answer.Content.ReadAsStringAsync();
        Assert.Equal(2, text.Split("\"health\"").Length);
        using var upstream = JsonDocument.Parse(text);
        Assert.Equal(2, upstream.RootElement.GetProperty("destinations").GetArrayLength());
        // A weight is taken where there is such a destination.
        var (status, then) = await PutAsync("/upstreams/old/weights", """{"127.0.0.1:1": 5}""");
        Assert.Equal((200, 5), (status, then.GetProperty("destinations")[0].GetProperty("weight").GetInt32()));
        (status, then) = await PutAsync("/upstreams/old/weights", $"{{\"127.0.0.1:{new Uri(old.Url).Port}\": 7}}");
        Assert.Equal((200, 7), (status, then.GetProperty("destinations")[1].GetProperty("weight").GetInt32()));
        Assert.Equal(422, (await PutAsync("/upstreams/old/weights", """{"127.0.0.1:2": 5}""")).Status);
    }

    [Fact]
    public async Task One_upstream_is_shown_alone()
    {
        Assert.Equal("old", (await GetAsync("/upstreams/old")).GetProperty("name").GetString());
        using var none = await client.GetAsync("/upstreams/none");
        Assert.Equal(HttpStatusCode.NotFound, none.StatusCode);
        Assert.Contains("There is no upstream 'none'; there are new, old.", await none.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using var empty = await client.GetAsync("/upstreams/");
        Assert.Equal(HttpStatusCode.NotFound, empty.StatusCode);
    }

    [Theory]
    [InlineData("GET", "/upstreams", 401)]
    [InlineData("GET", "/routes", 401)]
    [InlineData("PUT", "/upstreams/old/weights", 401)]
    [InlineData("PUT", "/routes/web/GET/web/items/x/weights", 401)]
    public async Task Without_the_token_nothing_is_shown_and_nothing_changes(string method, string path, int status)
    {
        using var anyone = new HttpClient { BaseAddress = new Uri(admin.Url) };
        using var request = new HttpRequestMessage(new HttpMethod(method), path) { Content = method == "PUT" ? new StringContent("{}") : null };
        using var answer = await anyone.SendAsync(request);
        Assert.Equal(status, (int)answer.StatusCode);
    }

    [Fact]
    public async Task A_page_of_another_origin_changes_no_weights()
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, await AddressAsync()) { Content = new StringContent("""{"new": 1}"""), Headers = { { "Origin", "http://evil.example" } } };
        using var answer = await client.SendAsync(request);
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Equal(10, await SharesAsync("/web/items/7", 10, "old"));
    }

    [Fact]
    public async Task Other_methods_are_told_which_there_are()
    {
        using var put = await client.PutAsync("/routes", new StringContent("{}"));
        Assert.Equal((405, "GET, HEAD"), ((int)put.StatusCode, string.Join(", ", put.Content.Headers.Allow)));
        using var post = await client.PostAsync("/upstreams/old/weights", new StringContent("{}"));
        Assert.Equal((405, "GET, HEAD, PUT"), ((int)post.StatusCode, string.Join(", ", post.Content.Headers.Allow)));
    }

    private void Root(string upstream = "balance: random") => folder.Write("postern.yaml", string.Create(CultureInfo.InvariantCulture, $$"""
        version: 1
        telemetry: { accessLog: { to: off } }
        upstreams:
          old: { url: "{{old.Url}}", {{upstream}} }
          new: { url: "{{canary.Url}}" }
        gates:
          web: { include: web.yaml }
          mobile: { include: mobile.yaml }
        """));

    private static string Web() => """
        match: { path: /web }
        identity: off
        routes:
          - get: "/items/{id}"
            to:
              - { url: "http://old/items/{id}", weight: 100 }
              - { url: "http://new/items/{id}", weight: 0 }
          - get: "/items/{id}"
            when: { query: { version: v2 } }
            to: "http://new/items/{id}"
          - get: /plain
            to: http://old/plain
        """;

    private string Metrics()
    {
        var text = new System.Buffers.ArrayBufferWriter<byte>();
        PrometheusText.Write(runtime.Metrics, text);
        return Encoding.UTF8.GetString(text.WrittenSpan);
    }

    private async Task<string> AddressAsync() => (await GetAsync("/routes")).GetProperty("routes")[0].GetProperty("weights").GetString()!;

    private async Task<int> SharesAsync(string target, int requests, string upstream)
    {
        var count = 0;
        for (var i = 0; i < requests; i++)
        {
            count += (await InMemory.AskAsync(runtime, target)).StartsWith(upstream + " ", StringComparison.Ordinal) ? 1 : 0;
        }
        return count;
    }

    private async Task<JsonElement> GetAsync(string path) => JsonDocument.Parse(await client.GetStringAsync(path)).RootElement;

    private async Task<(int Status, JsonElement Body)> PutAsync(string path, string body)
    {
        using var answer = await client.PutAsync(path, new StringContent(body, Encoding.UTF8, "application/json"));
        return ((int)answer.StatusCode, JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement);
    }

    private static IEnumerable<string> Targets(JsonElement route) =>
        route.GetProperty("targets").EnumerateArray().Select(t => $"{t.GetProperty("to")} {t.GetProperty("upstream")} {t.GetProperty("weight")} {t.GetProperty("written")}");

    /// <summary>A log that is kept.</summary>
    private sealed class Told : ILogger
    {
        private readonly StringBuilder text = new();

        public string Text
        {
            get
            {
                lock (text)
                {
                    return text.ToString();
                }
            }
        }

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (text)
            {
                text.AppendLine(formatter(state, exception));
            }
        }
    }
}
