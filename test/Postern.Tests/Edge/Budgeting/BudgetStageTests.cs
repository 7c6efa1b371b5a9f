using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Postern.Edge.Budgeting;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.Budgeting;

/// <summary>The stage, compiled and called without a server, by a clock that the test moves.</summary>
public sealed class BudgetStageTests
{
    private static readonly BudgetOptions Both = new() { Bytes = 1000, Latency = TimeSpan.FromMilliseconds(300) };

    private readonly OneRoute place = new();
    private readonly SteppedTime time = new();
    private readonly LogLines log = new();

    [Fact]
    public void A_route_without_a_budget_has_no_such_step()
    {
        RequestDelegate next = _ => Task.CompletedTask;
        Assert.Same(next, place.Compile(new BudgetStage(time), next));
        place.Gate.Sections.Set<BudgetSection>(_ => new BudgetSection { Budget = Both });
        Assert.NotSame(next, place.Compile(new BudgetStage(time), next));
        place.Route.Sections.Off.Add("budget");
        Assert.Same(next, place.Compile(new BudgetStage(time), next));
    }

    [Theory]
    [InlineData(1000, 300, null)]
    [InlineData(1001, 0, "bytes")]
    [InlineData(1000, 301, "latency")]
    [InlineData(9000, 9000, "bytes, latency")]
    public async Task What_is_past_the_budget_is_counted_and_named(int bytes, int milliseconds, string? past)
    {
        var (route, budget) = Budgeted(Both);
        foreach (var later in new[] { false, true })
        {
            var exchange = Exchange.Of(await AnswerAsync(route, bytes, milliseconds, later));
            Assert.Equal(past, exchange.PastBudget);
            exchange.Reset();
            Assert.Null(exchange.PastBudget);
        }
        var told = Shown(budget);
        Assert.Equal((2, past is null ? 0 : 2, past is null ? 0.0 : 1), (Number(told, "requests"), Number(told, "exceeded"), told.GetProperty("share").GetDouble()));
        Assert.Equal(past?.Contains("bytes", StringComparison.Ordinal) is true ? 2 : 0, Counted("postern_budget_exceeded_total", "bytes"));
        Assert.Equal(past?.Contains("latency", StringComparison.Ordinal) is true ? 2 : 0, Counted("postern_budget_exceeded_total", "latency"));
        Assert.Equal(2, Counted("postern_budget_answers_total"));
    }

    [Fact]
    public async Task Of_a_budget_that_says_one_thing_the_other_is_free()
    {
        var (route, budget) = Budgeted(new BudgetOptions { Bytes = 10 });
        Assert.Null(Exchange.Of(await AnswerAsync(route, 10, 60_000)).PastBudget);
        Assert.Equal("bytes", Exchange.Of(await AnswerAsync(route, 11, 60_000)).PastBudget);
        Assert.False(Shown(budget).TryGetProperty("latency", out _));
        (route, budget) = Budgeted(new BudgetOptions { Latency = TimeSpan.FromSeconds(1) });
        Assert.Null(Exchange.Of(await AnswerAsync(route, 1 << 30, 1000)).PastBudget);
        Assert.Equal("latency", Exchange.Of(await AnswerAsync(route, 1 << 30, 1001)).PastBudget);
        Assert.False(Shown(budget).TryGetProperty("bytes", out _));
    }

    public static TheoryData<string> NotAnswers => ["refused", "client gone", "cut", "websocket", "connect", "events", "grpc", "grpc-web", "thrown"];

    [Theory]
    [MemberData(nameof(NotAnswers))]
    public async Task What_is_no_payload_does_not_count(string what)
    {
        var request = OneRoute.Request(what == "connect" ? "CONNECT" : "GET");
        var (route, budget) = Budgeted(Both, context =>
        {
            var exchange = Exchange.Of(context);
            exchange.BytesSent = 9000;
            (exchange.Failure, context.Response.StatusCode) = what switch
            {
                "refused" => (Failure.TooManyAtOnce, 503),
                "client gone" => (Failure.ClientGone, 499),
                "cut" => (Failure.UpstreamBroken, 200),
                "websocket" => (Failure.None, 101),
                "thrown" => throw new InvalidOperationException("a fault"),
                _ => (Failure.None, 200),
            };
            context.Response.ContentType = what switch
            {
                "events" => "text/event-stream; charset=utf-8",
                "grpc" => "application/grpc",
                "grpc-web" => "application/grpc-web+proto",
                _ => "application/json",
            };
            return Task.CompletedTask;
        });
        if (what == "thrown")
        {
            await Assert.ThrowsAsync<InvalidOperationException>(() => route(request));
        }
        else
        {
            await route(request);
        }
        Assert.Null(Exchange.Of(request).PastBudget);
        Assert.Equal(0, Number(Shown(budget), "requests"));
        Assert.Equal(0, Counted("postern_budget_answers_total"));
    }

    [Fact]
    public async Task An_error_of_the_service_is_an_answer_like_any_other()
    {
        var (route, _) = Budgeted(Both, context =>
        {
            (Exchange.Of(context).BytesSent, context.Response.StatusCode) = (2000, 500);
            return Task.CompletedTask;
        });
        var request = OneRoute.Request();
        await route(request);
        Assert.Equal("bytes", Exchange.Of(request).PastBudget);
    }

    [Fact]
    public async Task The_log_tells_once_a_minute_even_where_no_request_comes_any_more()
    {
        var (route, _) = Budgeted(Both);
        await AnswerAsync(route, 500, 10, path: "/web/things/1");
        Assert.Equal(0, time.Waiting);
        await AnswerAsync(route, 81_220, 20, path: "/web/things/2", trace: "a2");
        await AnswerAsync(route, 1001, 412, path: "/web/things/3", trace: "a3");
        await AnswerAsync(route, 70_000, 0, path: "/web/things/4", trace: "a4");
        await AnswerAsync(route, 10, 10);
        time.Advance(RouteBudget.Minute - TimeSpan.FromMilliseconds(500));
        Assert.Empty(log.Warnings);
        time.Advance(TimeSpan.FromSeconds(1));
        const string Told = "Gate web, route GET /web/things/{id}: 3 of the last minute's 4 answers were past their budget: "
            + "3 over 1000B, the largest 81220 bytes at /web/things/2, trace a2; 1 over 300ms, the slowest 412 ms at /web/things/3, trace a3";
        Assert.Equal([Told], log.Warnings);

        // A minute in which all is well is not told.
        await AnswerAsync(route, 10, 10);
        time.Advance(RouteBudget.Minute * 3);
        Assert.Single(log.Warnings);
        Assert.Equal(0, time.Waiting);

        await AnswerAsync(route, 10, 301, path: "/web/things/" + new string('9', 5000), trace: "a5");
        time.Advance(RouteBudget.Minute);
        Assert.Equal(2, log.Warnings.Length);
        Assert.Equal($"Gate web, route GET /web/things/{{id}}: 1 of the last minute's 1 answers were past their budget: 1 over 300ms, the slowest 301 ms at /web/things/{new string('9', 188)}…, trace a5", log.Warnings[1]);
    }

    [Fact]
    public async Task A_budget_that_is_retired_tells_what_it_has_gathered_and_no_more()
    {
        var (route, budget) = Budgeted(Both);
        await AnswerAsync(route, 5000, 1, trace: "b1");
        budget.Dispose();
        Assert.Contains("trace b1", Assert.Single(log.Warnings), StringComparison.Ordinal);
        await AnswerAsync(route, 5000, 1);
        time.Advance(RouteBudget.Minute);
        budget.Dispose();
        Assert.Single(log.Warnings);
        Assert.Equal(0, time.Waiting);
    }

    [Fact]
    public async Task The_worst_of_each_kind_is_shown_with_when_and_where()
    {
        var (route, budget) = Budgeted(Both);
        Assert.Equal("""{"gate":"web","route":"GET /web/things/{id}","since":"1970-01-01T00:00:00+00:00","requests":0,"exceeded":0,"share":0,"bytes":{"budget":1000,"exceeded":0},"latency":{"budget":"300ms","exceeded":0}}""",
            Shown(budget).GetRawText());
        await AnswerAsync(route, 5000, 400, path: "/web/things/1", trace: "c1");
        await AnswerAsync(route, 6000, 250, path: "/web/things/2", trace: "c2");
        await AnswerAsync(route, 4000, 350.5, path: "/web/things/3", trace: "c3");
        for (var i = 0; i < 6; i++)
        {
            await AnswerAsync(route, 10, 0);
        }
        var told = Shown(budget);
        Assert.Equal((9, 3, 0.3333), (Number(told, "requests"), Number(told, "exceeded"), told.GetProperty("share").GetDouble()));
        Assert.Equal("""{"budget":1000,"exceeded":3,"worst":{"bytes":6000,"milliseconds":250,"at":"1970-01-01T00:00:00.65+00:00","path":"/web/things/2","traceId":"c2"}}""", told.GetProperty("bytes").GetRawText());
        Assert.Equal("""{"budget":"300ms","exceeded":2,"worst":{"bytes":5000,"milliseconds":400,"at":"1970-01-01T00:00:00.4+00:00","path":"/web/things/1","traceId":"c1"}}""", told.GetProperty("latency").GetRawText());
    }

    [Fact]
    public void Explain_says_what_holds()
    {
        place.Gate.Sections.Set<BudgetSection>(_ => new BudgetSection { Budget = new BudgetOptions { Bytes = 64 << 10, Latency = TimeSpan.FromMilliseconds(1500) } });
        var scope = place.Scope();
        new BudgetStage(time).Compile(scope, _ => Task.CompletedTask);
        var note = Assert.Single(scope.Notes);
        Assert.Equal(("budget", "an answer past 64KB or 1500ms is counted and logged, not cut"), (note.Stage, note.What(OneRoute.Request())));
    }

    private (RequestDelegate Route, RouteBudget Budget) Budgeted(BudgetOptions budget, RequestDelegate? next = null)
    {
        place.Route.Sections.Set<BudgetSection>(_ => new BudgetSection { Budget = budget });
        var scope = place.Scope();
        var route = new BudgetStage(time).Compile(scope, next ?? Answer);
        place.State.Start(time, log);
        place.State.Commit();
        return (route, Assert.IsType<RouteBudget>(Assert.Single(scope.Exposed)));
    }

    /// <summary>Answers as a request asks to be answered: that many bytes after that long, at once or later.</summary>
    private async Task Answer(HttpContext context)
    {
        var (bytes, took, later) = ((int, TimeSpan, TaskCompletionSource?))context.Items["answer"]!;
        if (later is not null)
        {
            await later.Task;
        }
        time.Advance(took);
        Exchange.Of(context).BytesSent = bytes;
    }

    private async Task<HttpContext> AnswerAsync(RequestDelegate route, int bytes, double milliseconds, bool later = false, string path = "/web/things/7", string trace = "t")
    {
        var context = OneRoute.Request(path: path);
        var signal = later ? new TaskCompletionSource() : null;
        context.Items["answer"] = (bytes, TimeSpan.FromMilliseconds(milliseconds), signal);
        var exchange = Exchange.Of(context);
        (exchange.Started, exchange.TraceId) = (time.GetTimestamp(), trace);
        var answer = route(context);
        Assert.Equal(!later, answer.IsCompleted);
        signal?.SetResult();
        await answer;
        return context;
    }

    private static JsonElement Shown(RouteBudget budget)
    {
        using var text = new MemoryStream();
        using (var json = new Utf8JsonWriter(text))
        {
            budget.Write(json);
        }
        return JsonDocument.Parse(Encoding.UTF8.GetString(text.ToArray()).Replace("\\u002B", "+", StringComparison.Ordinal)).RootElement;
    }

    private static int Number(JsonElement told, string name) => told.GetProperty(name).GetInt32();

    private long Counted(string name, string? what = null)
    {
        var metrics = MetricRegistry.Of(place.State);
        (string, string)[] labels = [("gate", "web"), ("route", "GET /web/things/{id}"), .. what is null ? Array.Empty<(string, string)>() : [("what", what)]];
        return metrics.Counter(name, "", labels).Value;
    }
}
