using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Postern.Config;
using Postern.Edge.Admitting;
using Postern.Edge.Observing;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;
using Postern.Tests.Config.Yaml;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.Admitting;

/// <summary>The two stages, compiled and called without a server.</summary>
public sealed class AdmittingStageTests
{
    private readonly OneRoute place = new();
    private readonly SteppedTime time = new();
    private readonly TaskCompletionSource release = new();

    public AdmittingStageTests() => place.Config.Root.Set<TelemetrySection>(_ => new TelemetrySection { Telemetry = new TelemetryOptions { AccessLog = new AccessLogOptions { To = "off" } } });

    [Fact]
    public void A_route_without_a_bound_has_no_such_step()
    {
        RequestDelegate next = _ => Task.CompletedTask;
        Assert.Same(next, place.Compile(new AdmittingStage(time), next));
        Assert.Same(next, place.Compile(new ConsumerAdmittingStage(time), next));
        place.Gate.Sections.Set<ConcurrencySection>(_ => new ConcurrencySection { MaxConcurrent = new MaxConcurrentOptions { Requests = 1 }, MaxConcurrentPerConsumer = 1 });
        place.Route.Sections.Off.Add("maxConcurrent");
        place.Route.Sections.Off.Add("maxConcurrentPerConsumer");
        Assert.Same(next, place.Compile(new AdmittingStage(time), next));
        Assert.Same(next, place.Compile(new ConsumerAdmittingStage(time), next));
    }

    [Fact]
    public async Task One_past_the_bound_is_told_at_once_and_when_to_come_again()
    {
        var route = Bounded(new ConcurrencySection { MaxConcurrent = new MaxConcurrentOptions { Requests = 1 } });
        var first = route(OneRoute.Request());
        var refused = OneRoute.Request();
        var answer = route(refused);
        Assert.True(answer.IsCompletedSuccessfully);
        Assert.Equal((503, "application/problem+json", "1"), (refused.Response.StatusCode, refused.Response.ContentType, refused.Response.Headers.RetryAfter.ToString()));
        var problem = JsonDocument.Parse(OneRoute.Body(refused)).RootElement;
        Assert.Equal(("too-many-at-once", 503), (problem.GetProperty("code").GetString(), problem.GetProperty("status").GetInt32()));
        Assert.Equal("As many requests are in progress here as may be; try again in 1 s.", problem.GetProperty("detail").GetString());
        var exchange = Exchange.Of(refused);
        Assert.Equal((Failure.TooManyAtOnce, "maxConcurrent of the gate: all in use", "maxConcurrent"), (exchange.Failure, exchange.FailureReason, exchange.Limit));
        release.SetResult();
        await first;
        var served = OneRoute.Request();
        await route(served);
        Assert.Equal(200, served.Response.StatusCode);
    }

    [Fact]
    public async Task An_exception_gives_the_place_back()
    {
        var route = Bounded(new ConcurrencySection { MaxConcurrent = new MaxConcurrentOptions { Requests = 1 }, MaxConcurrentPerConsumer = 1 }, async _ =>
        {
            await release.Task;
            throw new InvalidOperationException("a fault");
        });
        var request = OneRoute.Request();
        var first = route(request);
        var refused = OneRoute.Request();
        await route(refused);
        Assert.Equal(503, refused.Response.StatusCode);
        release.SetResult();
        await first;
        Assert.Equal(500, request.Response.StatusCode);
        for (var i = 0; i < 3; i++)
        {
            var again = OneRoute.Request();
            await route(again);
            Assert.Equal(500, again.Response.StatusCode);
        }
    }

    [Fact]
    public async Task Who_is_admitted_from_the_line_goes_on_and_gives_its_place_back()
    {
        var route = Bounded(new ConcurrencySection { MaxConcurrent = new MaxConcurrentOptions { Requests = 1, Queue = 1, QueueTimeout = TimeSpan.FromSeconds(5) } });
        var (first, second, third) = (OneRoute.Request(), OneRoute.Request(), OneRoute.Request());
        Task[] answers = [route(first), route(second), route(third)];
        await answers[2];
        Assert.Equal((503, "maxConcurrent of the gate: all in use"), (third.Response.StatusCode, Exchange.Of(third).FailureReason));
        Assert.False(answers[1].IsCompleted);
        release.SetResult();
        await Task.WhenAll(answers).WaitAsync(TestGateway.Patience);
        Assert.Equal((200, 200), (first.Response.StatusCode, second.Response.StatusCode));
        var fourth = OneRoute.Request();
        Assert.True(route(fourth).IsCompletedSuccessfully);
        Assert.Equal(200, fourth.Response.StatusCode);
    }

    [Fact]
    public async Task Who_has_waited_too_long_is_refused()
    {
        var route = Bounded(new ConcurrencySection { MaxConcurrent = new MaxConcurrentOptions { Requests = 1, Queue = 1 } });
        _ = route(OneRoute.Request());
        var waiting = OneRoute.Request();
        var answer = route(waiting);
        time.Advance(TimeSpan.FromMilliseconds(999));
        Assert.False(answer.IsCompleted);
        time.Advance(TimeSpan.FromMilliseconds(1));
        await answer.WaitAsync(TestGateway.Patience);
        Assert.Equal((503, "1"), (waiting.Response.StatusCode, waiting.Response.Headers.RetryAfter.ToString()));
        Assert.Equal("maxConcurrent of the gate: waited too long", Exchange.Of(waiting).FailureReason);
    }

    [Fact]
    public async Task Whose_client_has_left_is_not_served()
    {
        var served = 0;
        var route = Bounded(new ConcurrencySection { MaxConcurrent = new MaxConcurrentOptions { Requests = 1, Queue = 1 } }, async _ =>
        {
            served++;
            await release.Task;
        });
        _ = route(OneRoute.Request());
        using var client = new CancellationTokenSource();
        var waiting = OneRoute.Request();
        waiting.RequestAborted = client.Token;
        var answer = route(waiting);
        await client.CancelAsync();
        await answer.WaitAsync(TestGateway.Patience);
        Assert.Equal((Failure.ClientGone, 1), (Exchange.Of(waiting).Failure, served));
    }

    [Fact]
    public void Each_consumer_has_a_bound_of_its_own_and_an_address_where_nobody_is_known()
    {
        var route = Bounded(new ConcurrencySection { MaxConcurrentPerConsumer = 2 });
        var anna = Consumer("anna");
        Assert.Equal("0 0 503 0 0 503", Statuses(route, anna, anna, anna, Consumer("bert"), Consumer("bert"), Consumer("bert")));
        // An address can't be taken for the consumer of that name.
        Assert.Equal("0 0 503", Statuses(route, "anna", "anna", "anna"));
        // The same subject by another way is another caller.
        Assert.Equal("0", Statuses(route, Consumer("anna", way: "partners")));
    }

    [Fact]
    public void An_IPv6_subscriber_is_one_client_whichever_address_of_its_64_it_takes()
    {
        var route = Bounded(new ConcurrencySection { MaxConcurrentPerConsumer = 2 });
        Assert.Equal("0 0 503 0", Statuses(route, "2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:2:a:b:c:d", "2001:db8:1:3::1"));
        Assert.Equal("0 0 503 0", Statuses(route, "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"));
    }

    [Fact]
    public async Task A_caller_past_its_bound_is_told_so()
    {
        var route = Bounded(new ConcurrencySection { MaxConcurrentPerConsumer = 1 });
        _ = route(OneRoute.Request());
        var refused = OneRoute.Request();
        await route(refused);
        Assert.Equal("1", refused.Response.Headers.RetryAfter.ToString());
        Assert.Contains("As many of your requests are in progress here as one caller may have; try again in 1 s.", OneRoute.Body(refused), StringComparison.Ordinal);
        Assert.Equal(("maxConcurrentPerConsumer of the gate", "maxConcurrentPerConsumer"), (Exchange.Of(refused).FailureReason, Exchange.Of(refused).Limit));
        Assert.Contains("postern_concurrency_refused_total{gate=\"web\",bound=\"consumer\",reason=\"full\"} 1\n", Metrics(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_flood_of_the_refused_is_slowed_down()
    {
        var route = Bounded(new ConcurrencySection { MaxConcurrent = new MaxConcurrentOptions { Requests = 1 } });
        _ = route(OneRoute.Request());
        var refused = Enumerable.Range(0, 1500).Select(_ => OneRoute.Request()).ToList();
        var answers = refused.ConvertAll(r => route(r));
        Assert.Equal(Pace.PerSecond, answers.Count(a => a.IsCompleted));
        time.Advance(Pace.Longest);
        await Task.WhenAll(answers).WaitAsync(TestGateway.Patience);
        Assert.All(refused, r => Assert.Equal(503, r.Response.StatusCode));
    }

    [Fact]
    public void What_is_explained_says_what_is_counted()
    {
        place.Gate.Sections.Set<ConcurrencySection>(_ => new ConcurrencySection { MaxConcurrent = new MaxConcurrentOptions { Requests = 2000, Queue = 100, QueueTimeout = TimeSpan.FromMilliseconds(100) } });
        place.Route.Sections.Set<ConcurrencySection>(_ => new ConcurrencySection { MaxConcurrentPerConsumer = 20 });
        var scope = place.Scope();
        new AdmittingStage(time).Compile(scope, _ => Task.CompletedTask);
        new ConsumerAdmittingStage(time).Compile(scope, _ => Task.CompletedTask);
        var request = OneRoute.Request();
        Exchange.Of(request).ClientAddress = "192.0.2.1";
        Assert.Equal(
            ["2000 at once, gate web together; 100 more wait up to 100ms; 503 past it", "20 at once for each caller (192.0.2.1), this route alone; 503 past it"],
            scope.Notes.Select(n => n.What(request)));
    }

    [Fact]
    public void Csharp_says_what_YAML_says()
    {
        var built = PosternExtensions.Load(null, p => p.Gate("web", g =>
        {
            g.MaxConcurrent(2000, queue: 100, queueTimeout: TimeSpan.FromMilliseconds(100)).MaxConcurrentPerConsumer(20);
            g.Get("/a").MaxConcurrent(null).MaxConcurrent(10).MaxConcurrentPerConsumer(null);
            g.Get("/b").MaxConcurrent(null);
        })).Config.Gates[0];
        var written = ConfigCase.Load("""
            version: 1
            gates:
              web:
                maxConcurrent: { requests: 2000, queue: 100, queueTimeout: 100ms }
                maxConcurrentPerConsumer: 20
                routes:
                  - { get: /a, maxConcurrent: 10, maxConcurrentPerConsumer: off }
                  - { get: /b, maxConcurrent: off }
            """).Config.Gates[0];
        Assert.Equal(ConfigText.Render(written), ConfigText.Render(built));
    }

    private RequestDelegate Bounded(ConcurrencySection section, RequestDelegate? next = null)
    {
        place.Gate.Sections.Set<ConcurrencySection>(_ => section);
        var scope = place.Scope();
        var consumers = new ConsumerAdmittingStage(time).Compile(scope, next ?? (_ => release.Task));
        return new ObservingStage().Compile(scope, new AdmittingStage(time).Compile(scope, consumers));
    }

    /// <summary>What became of requests of these consumers or from these addresses; 0 for those that go on.</summary>
    private static string Statuses(RequestDelegate route, params object[] callers)
    {
        var statuses = new List<int>();
        foreach (var caller in callers)
        {
            var request = OneRoute.Request();
            request.Connection.RemoteIpAddress = caller is string address && System.Net.IPAddress.TryParse(address, out var ip) ? ip : null;
            Exchange.Of(request).Consumer = caller as Consumer;
            statuses.Add(route(request).IsCompleted ? request.Response.StatusCode : 0);
        }
        return string.Join(' ', statuses);
    }

    private static Consumer Consumer(string id, string way = "customers") => new() { Id = id, Way = way, Claims = JsonDocument.Parse("{}").RootElement };

    private string Metrics()
    {
        var text = new System.Buffers.ArrayBufferWriter<byte>();
        PrometheusText.Write(MetricRegistry.Of(place.State), text);
        return System.Text.Encoding.UTF8.GetString(text.WrittenSpan);
    }
}
