using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Config;
using Postern.Edge.RateLimiting;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;
using Postern.Runtime;
using Postern.Server.Administering;

namespace Postern.Tests.Server;

public sealed class AdminTests : IAsyncLifetime
{
    private readonly HttpClient client = new();
    private readonly MetricRegistry metrics = new();
    private readonly StatePool state = new();
    private IReadOnlyList<ConfigProblem> problems = [];
    private string? notReady;
    private int reloads;
    private AdminServer admin = null!;

    public ValueTask InitializeAsync() => StartAsync(new AdminOptions { Url = "http://127.0.0.1:0" });

    private async ValueTask StartAsync(AdminOptions options)
    {
        admin = new AdminServer(options, new AdminSource
        {
            NotReady = () => notReady,
            Metrics = metrics,
            WriteConfig = json =>
            {
                json.WriteStartObject();
                json.WriteString("gates", "all");
                json.WriteEndObject();
            },
            Limits = new ConsumerLimits(state, TimeProvider.System),
            Upstreams = new LiveUpstreams(state),
            Routes = new LiveRoutes(() => [], TimeProvider.System, NullLogger.Instance),
            Budgets = () => [],
            ReloadAsync = () =>
            {
                reloads++;
                return Task.FromResult(problems);
            },
        }, NullLoggerFactory.Instance, TimeProvider.System);
        await admin.StartAsync();
        client.BaseAddress ??= new Uri(admin.Url.Replace("*", "127.0.0.1", StringComparison.Ordinal));
    }

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        await admin.DisposeAsync();
    }

    private static async Task<JsonElement> JsonAsync(HttpResponseMessage answer) => JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;

    private static async Task IsProblemAsync(HttpResponseMessage answer, int status, string code)
    {
        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType!.MediaType);
        Assert.Equal(code, (await JsonAsync(answer)).GetProperty("code").GetString());
    }

    [Fact]
    public async Task It_is_healthy() => Assert.Equal("ok\n", await client.GetStringAsync("/healthz"));

    [Fact]
    public async Task It_is_ready_until_there_is_a_reason_not_to_be()
    {
        using var ready = await client.GetAsync("/readyz");
        Assert.True((await JsonAsync(ready)).GetProperty("ready").GetBoolean());
        notReady = "the issuer's keys";
        using var answer = await client.GetAsync("/readyz");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Contains("\"the issuer's keys\"", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal("the issuer's keys", (await JsonAsync(answer)).GetProperty("reason").GetString());
    }

    [Fact]
    public async Task It_shows_metrics_as_Prometheus_reads_them()
    {
        metrics.Counter("things_total", "Things.").Add(3);
        using var answer = await client.GetAsync("/metrics");
        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", answer.Content.Headers.ContentType!.ToString());
        Assert.Contains("\nthings_total 3\n", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_shows_what_runs()
    {
        using var answer = await client.GetAsync("/config");
        Assert.Equal("application/json", answer.Content.Headers.ContentType!.MediaType);
        Assert.Equal("no-store", answer.Headers.CacheControl!.ToString());
        Assert.Equal("all", (await JsonAsync(answer)).GetProperty("gates").GetString());
    }

    [Fact]
    public async Task A_reload_without_errors_is_a_200_with_its_warnings()
    {
        problems = [new ConfigProblem("postern.yaml:3:1", "gates.web", "no routes", "web", IsWarning: true)];
        using var answer = await client.PostAsync("/reload", null);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("postern.yaml:3:1: gates.web: warning: no routes", (await JsonAsync(answer)).GetProperty("problems")[0].GetString());
        Assert.Equal(1, reloads);
    }

    [Fact]
    public async Task A_reload_with_errors_is_a_422_that_lists_them()
    {
        problems = [new ConfigProblem("postern.yaml:3:1", "gates", "wrong", null, IsWarning: false)];
        using var answer = await client.PostAsync("/reload", null);
        await IsProblemAsync(answer, 422, "reload-refused");
        Assert.Equal("postern.yaml:3:1: gates: wrong", (await JsonAsync(answer)).GetProperty("problems")[0].GetString());
    }

    [Fact]
    public async Task An_unknown_path_gets_404_and_a_wrong_method_405()
    {
        using var unknown = await client.GetAsync("/nothing");
        await IsProblemAsync(unknown, 404, "route-not-found");
        using var wrong = await client.GetAsync("/reload");
        await IsProblemAsync(wrong, 405, "method-not-allowed");
        Assert.Equal(["POST"], wrong.Content.Headers.Allow);
        using var post = await client.PostAsync("/config", null);
        await IsProblemAsync(post, 405, "method-not-allowed");
        Assert.Equal(0, reloads);
    }

    [Theory]
    [InlineData("localhost")]
    [InlineData("localhost:9901")]
    [InlineData("127.0.0.1:9901")]
    [InlineData("[::1]:9901")]
    public async Task Loopback_names_are_its_own(string host)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/config") { Headers = { Host = host } };
        using var answer = await client.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Theory]
    [InlineData("evil.example")]
    [InlineData("127.0.0.1.evil.example")]
    [InlineData("localhost.evil.example:9901")]
    [InlineData("10.0.0.1")]
    public async Task A_name_that_someone_else_can_point_here_is_refused(string host)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/config") { Headers = { Host = host } };
        using var answer = await client.SendAsync(request);
        await IsProblemAsync(answer, 421, "foreign-host");
    }

    [Fact]
    public async Task A_health_check_of_HTTP_1_0_needs_no_Host()
    {
        using var raw = await RawClient.ConnectAsync(admin.Url);
        await raw.SendAsync("GET /readyz HTTP/1.0\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 200 ", await raw.ReadToEndAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://evil.example")]
    [InlineData("null")]
    [InlineData("http://127.0.0.1:1")]
    public async Task A_page_of_another_origin_cant_reload(string origin)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/reload") { Headers = { { "Origin", origin } } };
        using var answer = await client.SendAsync(request);
        await IsProblemAsync(answer, 403, "foreign-origin");
        Assert.Equal(0, reloads);
        Assert.False(answer.Headers.Contains("Access-Control-Allow-Origin"));
    }

    [Theory]
    [InlineData("http://127.0.0.1:0")]
    [InlineData("http://0.0.0.0:0")]
    public async Task With_a_token_only_health_is_open(string url)
    {
        await admin.DisposeAsync();
        client.BaseAddress = null;
        await StartAsync(new AdminOptions { Url = url, Token = "s3cret" });
        // A fresh client: the other one has a connection to what is gone.
        using var fresh = new HttpClient { BaseAddress = new Uri(admin.Url.Replace("0.0.0.0", "127.0.0.1", StringComparison.Ordinal)) };
        foreach (var open in new[] { "/healthz", "/readyz" })
        {
            using var answer = await fresh.GetAsync(open);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }
        foreach (var closed in new[] { "/metrics", "/config" })
        {
            foreach (var token in new[] { null, "", "S3cret", "s3cre", "s3cret2" })
            {
                fresh.DefaultRequestHeaders.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
                using var refused = await fresh.GetAsync(closed);
                await IsProblemAsync(refused, 401, "unauthenticated");
                Assert.Equal("Bearer", refused.Headers.WwwAuthenticate.Single().Scheme);
            }
            fresh.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "s3cret");
            using var answer = await fresh.GetAsync(closed);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }
        fresh.DefaultRequestHeaders.Authorization = null;
        using var reload = await fresh.PostAsync("/reload", null);
        await IsProblemAsync(reload, 401, "unauthenticated");
        Assert.Equal(0, reloads);
    }
}
