using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Postern.Backends.Composing;
using Postern.Backends.Composing.Handlers;
using Postern.Pipeline;
using Postern.Transforms;
using Postern.Transforms.Shaping;

namespace Postern.Tests.Backends.Composing.Handlers;

public sealed class ComposerTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private sealed record Thing(int Id, string Name, decimal Price);

    [Fact]
    public async Task Calls_begin_together_and_the_answer_says_that_it_is_whole()
    {
        using var both = new CountdownEvent(2);
        var meeting = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var gateway = await CodeGateway.StartAsync(
            gate => gate.MapGet("/both", async (Composer c) =>
            {
                var a = c.Get<Thing>("http://a/one");
                var b = c.Get<Thing[]>($"http://b/many?limit={2}");
                return new { a = await a, b = await b };
            }).Meta("_meta"),
            async (name, context) =>
            {
                // Neither is answered before both were asked.
                if (both.Signal())
                {
                    meeting.SetResult();
                }
                await meeting.Task.WaitAsync(Patience);
                await CodeGateway.JsonAsync(context, name == "a" ? """{"id":1,"name":"é","price":149.90,"more":true}""" : "[]");
            });
        using var answer = await gateway.Client.GetAsync("/web/both");
        var body = await answer.Content.ReadAsStringAsync();
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("application/json", answer.Content.Headers.ContentType!.ToString());
        Assert.Null(answer.Headers.CacheControl);
        Assert.Matches("""^\{"a":\{"id":1,"name":"é","price":149.90\},"b":\[\],"_meta":\{"partial":false,"failedSources":\[\],"responseTimeMs":\d+\}\}$""", body);
        Assert.Equal(["GET a/one", "GET b/many?limit=2"], gateway.Asked.Order());
    }

    [Fact]
    public async Task What_is_never_awaited_is_never_sent()
    {
        await using var gateway = await CodeGateway.StartAsync(gate =>
        {
            gate.MapGet("/none", (Composer c) =>
            {
                c.Delete<RawJson>("http://a/precious");
                return new { deleted = false };
            });
            gate.MapGet("/later", async (Composer c) =>
            {
                var first = await c.Get<RawJson>("http://a/first");
                _ = c.Get<RawJson>("http://b/unasked");
                return new { first };
            });
        });
        Assert.Equal((200, """{"deleted":false}"""), await gateway.GetAsync("/web/none"));
        Assert.Equal((200, """{"first":{}}"""), await gateway.GetAsync("/web/later"));
        Assert.Equal(["GET a/first"], gateway.Asked);
    }

    [Fact]
    public async Task An_await_that_was_forgotten_is_told()
    {
        await using var gateway = await CodeGateway.StartAsync(gate =>
        {
            gate.MapGet("/itself", object (Composer c) => c.Get<Thing>("http://a/1"));
            gate.MapGet("/within", async (Composer c) => new { first = await c.Get<Thing>("http://a/1"), second = c.Get<Thing>("http://a/2") });
        });
        foreach (var path in new[] { "/web/itself", "/web/within" })
        {
            Assert.Equal(500, (await gateway.GetAsync(path)).Status);
            Assert.Contains("await it", await gateway.LogAsync($"\"{path}\""), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task One_that_needs_another_waits_for_it()
    {
        await using var gateway = await CodeGateway.StartAsync(
            gate => gate.MapGet("/chain/{id:int}", async (int id, Composer c) =>
            {
                var thing = await c.Get<Thing>($"http://a/things/{id}");
                return new { more = await c.Get<RawJson>($"http://b/by-name/{thing!.Name}") };
            }),
            (name, context) => CodeGateway.JsonAsync(context, name == "a" ? """{"id":7,"name":"a/b?c","price":1}""" : "1.50"));
        Assert.Equal((200, """{"more":1.50}"""), await gateway.GetAsync("/web/chain/7"));
        Assert.Equal(["GET a/things/7", "GET b/by-name/a%2Fb%3Fc"], gateway.Asked);
    }

    [Theory]
    [InlineData("status", "503")]
    [InlineData("text", "invalid")]
    [InlineData("twice", "invalid")]
    [InlineData("deep", "invalid")]
    [InlineData("type", "invalid")]
    [InlineData("large", "too-large")]
    [InlineData("slow", "timeout")]
    [InlineData("reset", "reset")]
    [InlineData("encoded", "invalid")]
    public async Task A_source_that_fails_is_null_or_its_fallback_and_is_named(string how, string reason)
    {
        using var held = new CancellationTokenSource();
        await using var gateway = await CodeGateway.StartAsync(
            gate => gate.MapGet("/partial", async (Composer c) =>
            {
                var well = c.Get<Thing>("http://b/well");
                var ill = c.Get<Thing>("http://a/ill").Named("ill").Within(TimeSpan.FromMilliseconds(how == "slow" ? 50 : 5000)).MaxBytes(100);
                var other = c.Get<int[]>("http://down/other").Named("other").Or([1, 2]);
                return new { well = (await well)!.Id, ill = await ill, other = await other };
            }).Meta("_meta").ServerTiming(),
            (name, context) => name == "b" ? CodeGateway.JsonAsync(context, """{"id":1,"name":"n","price":1}""") : IllAsync(context, how, held.Token));
        using var answer = await gateway.Client.GetAsync("/web/partial");
        Assert.Equal(200, (int)answer.StatusCode);
        Assert.Matches("""^\{"well":1,"ill":null,"other":\[1,2\],"_meta":\{"partial":true,"failedSources":\["ill","other"\],"responseTimeMs":\d+\}\}$""", await answer.Content.ReadAsStringAsync());
        Assert.Equal("no-store", answer.Headers.CacheControl!.ToString());
        Assert.Matches($"""^b;dur=[\d.]+, ill;dur=[\d.]+;desc="{reason}", other;dur=[\d.]+;desc="connect"$""", answer.Headers.GetValues("Server-Timing").Single());
        Assert.Contains($$"""{"ill":"{{reason}}","other":"connect"}""", await gateway.LogAsync("/web/partial"), StringComparison.Ordinal);
        Assert.Contains($"""postern_sources_total{JSON("ill", reason)} 1""", gateway.Metrics(), StringComparison.Ordinal);
        await held.CancelAsync();
    }

    private static string JSON(string source, string result) => $$"""{gate="web",route="GET /web/partial",source="{{source}}",result="{{result}}"}""";

    private static async Task IllAsync(HttpContext context, string how, CancellationToken end)
    {
        switch (how)
        {
            case "status":
                await CodeGateway.JsonAsync(context, "{}", 503);
                break;
            case "reset":
                context.Abort();
                break;
            case "slow":
                await HeldAsync(context, end);
                break;
            case "encoded":
                context.Response.Headers.ContentEncoding = "gzip";
                await CodeGateway.JsonAsync(context, "{}");
                break;
            default:
                await CodeGateway.JsonAsync(context, how switch
                {
                    "text" => "<html>",
                    "twice" => """{"id":1,"id":2}""",
                    "deep" => $$"""{"name":{{new string('[', 70)}}{{new string(']', 70)}}}"""[..90],
                    "type" => """{"id":"one","name":"n","price":1}""",
                    _ => $$"""{"name":"{{new string('x', 200)}}"}""",
                });
                break;
        }
    }

    /// <summary>Until the caller leaves, or the test ends.</summary>
    private static async Task HeldAsync(HttpContext context, CancellationToken end)
    {
        var left = new TaskCompletionSource();
        using var gone = context.RequestAborted.Register(() => left.TrySetResult());
        using var ended = end.Register(() => left.TrySetResult());
        await left.Task.WaitAsync(Patience, CancellationToken.None);
    }

    [Theory]
    [InlineData(404, 404, "source-not-found")]
    [InlineData(401, 401, "source-unauthenticated")]
    [InlineData(403, 403, "source-forbidden")]
    [InlineData(500, 502, "source-failed")]
    [InlineData(0, 503, "source-unavailable")]
    public async Task A_required_one_fails_the_answer_whatever_the_code_does(int status, int told, string code)
    {
        var caught = new TaskCompletionSource<Exception>();
        await using var gateway = await CodeGateway.StartAsync(
            gate =>
            {
                gate.MapGet("/required", async (Composer c, HttpContext context) =>
                {
                    var user = (status == 0 ? c.Get<Thing>("http://down/user") : c.Get<Thing>("http://a/user")).Named("user").Required();
                    context.Response.Headers["X-Code"] = "was here";
                    try
                    {
                        return new { name = (await user).Name };
                    }
                    catch (SourceException e)
                    {
                        caught.TrySetResult(e);
                        return new { name = "nobody" };
                    }
                }).Meta();
                gate.MapGet("/unread", async (Composer c) =>
                {
                    _ = (status == 0 ? c.Get<Thing>("http://down/user") : c.Get<Thing>("http://a/user")).Named("user").Required();
                    return await c.Get<RawJson>("http://b/other");
                }).Meta();
            },
            (name, context) => CodeGateway.JsonAsync(context, "{}", name == "b" ? 200 : status));
        foreach (var path in new[] { "/web/required", "/web/unread" })
        {
            using var answer = await gateway.Client.GetAsync(path);
            Assert.Equal((told, "application/problem+json", "no-store"), ((int)answer.StatusCode, answer.Content.Headers.ContentType!.ToString(), answer.Headers.CacheControl!.ToString()));
            var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
            Assert.Equal((code, "user"), (problem.GetProperty("code").GetString(), problem.GetProperty("source").GetString()));
            Assert.False(answer.Headers.Contains("X-Code"));
        }
        Assert.Equal("user", ((SourceException)await caught.Task.WaitAsync(Patience)).SourceName);
    }

    [Fact]
    public async Task A_required_one_that_fails_ends_the_others_at_once()
    {
        var (begun, left) = (new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously), new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        await using var gateway = await CodeGateway.StartAsync(
            gate => gate.MapGet("/ended", async (Composer c) =>
            {
                var slow = c.Get<RawJson>("http://a/slow");
                var user = c.Get<RawJson>("http://b/user").Required();
                return new { slow = await slow, user = await user };
            }),
            async (name, context) =>
            {
                if (name == "a")
                {
                    using var gone = context.RequestAborted.Register(() => left.TrySetResult());
                    begun.SetResult();
                    await left.Task.WaitAsync(Patience);
                    return;
                }
                await begun.Task.WaitAsync(Patience);
                await CodeGateway.JsonAsync(context, "{}", 404);
            });
        Assert.Equal(404, (await gateway.GetAsync("/web/ended")).Status);
        await left.Task.WaitAsync(Patience);
    }

    [Fact]
    public async Task The_client_leaving_cancels_every_call_and_the_code()
    {
        using var begun = new CountdownEvent(2);
        var (both, gone, ended) = (new TaskCompletionSource(), new CountdownEvent(2), new TaskCompletionSource<Exception>());
        await using var gateway = await CodeGateway.StartAsync(
            gate => gate.MapGet("/left", async (Composer c) =>
            {
                try
                {
                    var (a, b) = (c.Get<RawJson>("http://a/slow").Or(default), c.Get<RawJson>("http://b/slow"));
                    return new { a = await a, b = await b };
                }
                catch (Exception e)
                {
                    ended.SetResult(e);
                    throw;
                }
            }),
            async (_, context) =>
            {
                var left = new TaskCompletionSource();
                using var aborted = context.RequestAborted.Register(() => left.TrySetResult());
                if (begun.Signal())
                {
                    both.SetResult();
                }
                await left.Task.WaitAsync(Patience);
                gone.Signal();
            });
        using var leaving = new CancellationTokenSource();
        var asked = gateway.Client.GetAsync("/web/left", leaving.Token);
        await both.Task.WaitAsync(Patience);
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);
        Assert.True(gone.Wait(Patience));
        Assert.IsType<OperationCanceledException>(await ended.Task.WaitAsync(Patience));
        Assert.Contains("client-gone", await gateway.LogAsync("/web/left"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_deadline_holds_for_all()
    {
        await using var gateway = await CodeGateway.StartAsync(
            gate => gate.MapGet("/late", async (Composer c) =>
            {
                var (fast, slow) = (c.Get<int>("http://b/fast"), c.Get<int>("http://a/slow"));
                return new { fast = await fast, slow = await slow, after = await c.Get<int>("http://b/after") };
            }).Meta().Timeout(TimeSpan.FromMilliseconds(150)),
            async (name, context) =>
            {
                if (name == "a")
                {
                    await HeldAsync(context, default);
                    return;
                }
                await CodeGateway.JsonAsync(context, "1");
            });
        var (status, body) = await gateway.GetAsync("/web/late");
        Assert.Equal(200, status);
        Assert.StartsWith("""{"fast":1,"slow":0,"after":0,"_meta":{"partial":true,"failedSources":["b","a"]""", body, StringComparison.Ordinal);
        Assert.Contains("""{"b":"timeout","a":"timeout"}""", await gateway.LogAsync("/web/late"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_sent_is_what_the_gateway_says_and_what_is_forwarded()
    {
        var seen = new Dictionary<string, IHeaderDictionary>();
        var bodies = new Dictionary<string, string>();
        await using var gateway = await CodeGateway.StartAsync(
            gate =>
            {
                gate.Forward("authorization");
                gate.MapPost("/sent", async (Composer c, Thing thing) =>
                {
                    var plain = c.Get<RawJson>("http://a/plain");
                    var own = c.Post<RawJson>($"http://b/own?x={1}", thing).Forward("cookies", "query", "X-Extra").Header("X-Own", "é").Header("X-None", null);
                    return new { plain = await plain, own = await own };
                }).Headers(new HeaderOptions { Request = new HeaderRulesOptions { Set = new Dictionary<string, string> { ["X-Rule"] = "r" } } });
            },
            async (name, context) =>
            {
                var body = await new StreamReader(context.Request.Body).ReadToEndAsync();
                lock (seen)
                {
                    (seen[name], bodies[name]) = (new HeaderDictionary(context.Request.Headers.ToDictionary(StringComparer.OrdinalIgnoreCase)), body);
                }
                await CodeGateway.JsonAsync(context, "1");
            });
        using var request = new HttpRequestMessage(HttpMethod.Post, "/web/sent?y=%2F&z=2") { Content = JsonContent.Create(new Thing(1, "n", 1.50m)) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", "t");
        request.Headers.Add("Cookie", "s=1");
        request.Headers.Add("X-Extra", "e");
        request.Headers.Add("X-Request-Id", "0123456789abcdef");
        request.Headers.AcceptEncoding.ParseAdd("gzip");
        using var answer = await gateway.Client.SendAsync(request);
        Assert.Equal("""{"plain":1,"own":1}""", await answer.Content.ReadAsStringAsync());
        Assert.Equal(["GET a/plain", "POST b/own?x=1&y=%2F&z=2"], gateway.Asked.Order());
        var (plain, own) = (seen["a"], seen["b"]);
        Assert.Equal(("Bearer t", "", "", "application/json", "r", ""), (plain.Authorization.ToString(), plain.Cookie.ToString(), plain["X-Extra"].ToString(), plain.Accept.ToString(), plain["X-Rule"].ToString(), plain.AcceptEncoding.ToString()));
        Assert.Equal(("", "s=1", "e", "é", false), (own.Authorization.ToString(), own.Cookie.ToString(), own["X-Extra"].ToString(), own["X-Own"].ToString(), own.ContainsKey("X-None")));
        Assert.Equal(("""{"id":1,"name":"n","price":1.50}""", "application/json"), (bodies["b"], own.ContentType.ToString()));
        Assert.Equal(("", null as long?), (plain.ContentType.ToString(), plain.ContentLength)); // Without a body there is nothing to say of one.
        foreach (var fields in seen.Values)
        {
            Assert.Equal(("127.0.0.1", "http", "1.1 postern"), (fields["X-Forwarded-For"].ToString(), fields["X-Forwarded-Proto"].ToString(), fields["Via"].ToString()));
            Assert.Equal("0123456789abcdef", fields["X-Request-Id"]);
            Assert.Matches("^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$", fields.TraceParent.ToString());
        }
    }

    [Fact]
    public async Task Hostile_values_are_that_sources_failure()
    {
        await using var gateway = await CodeGateway.StartAsync(gate => gate.MapGet("/hostile", async (Composer c, string id, string field) =>
        {
            var path = c.Get<RawJson>($"http://a/things/{id}").Named("path");
            var header = c.Get<RawJson>("http://b/field").Named("header").Header("X-Field", field);
            return new { path = await path, header = await header };
        }).Meta(), "1");
        foreach (var (query, path, header, failed) in new[]
        {
            ("?id=..&field=a", "null", "1", "\"path\""),
            ("?id=a&field=x%0D%0AX-Evil:%201", "1", "null", "\"header\""),
            ("?id=%00&field=%00", "null", "null", "\"path\",\"header\""),
            ("?id=../admin&field=y", "null", "1", "\"path\""),
            ("?id=a/b%3Fx%23%25&field=y", "1", "1", ""),
        })
        {
            var (status, body) = await gateway.GetAsync("/web/hostile" + query);
            Assert.Equal(200, status);
            Assert.StartsWith($$$"""{"path":{{{path}}},"header":{{{header}}},"_meta":{"partial":{{{(failed.Length > 0 ? "true" : "false")}}},"failedSources":[{{{failed}}}]""", body, StringComparison.Ordinal);
        }
        Assert.Equal(["GET a/things/a", "GET a/things/a%2Fb%3Fx%23%25", "GET b/field", "GET b/field", "GET b/field"], gateway.Asked.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Statuses_can_be_success_and_a_404_can_be_a_value()
    {
        await using var gateway = await CodeGateway.StartAsync(
            gate => gate.MapGet("/accept", async (Composer c) =>
            {
                var missing = c.Get<int[]>("http://a/404").Named("missing").MissingIs([]);
                var accepted = c.Get<RawJson>("http://a/409").Named("accepted").Accept("2xx", "409");
                var none = c.Get<RawJson>("http://a/204").Named("none");
                return new { missing = await missing, accepted = await accepted, none = await none };
            }).Meta(),
            (_, context) => context.Request.Path == "/204" ? Empty(context) : CodeGateway.JsonAsync(context, """{"why":1}""", int.Parse(context.Request.Path.Value![1..])));
        var (_, body) = await gateway.GetAsync("/web/accept");
        Assert.StartsWith("""{"missing":[],"accepted":{"why":1},"none":null,"_meta":{"partial":false""", body, StringComparison.Ordinal);

        static Task Empty(HttpContext context)
        {
            context.Response.StatusCode = 204;
            return Task.CompletedTask;
        }
    }

    [Fact]
    public async Task There_are_no_more_calls_and_bytes_than_the_route_may_have()
    {
        await using var gateway = await CodeGateway.StartAsync(gate =>
        {
            gate.MapGet("/many/{n:int}", async (int n, Composer c) =>
            {
                var all = Enumerable.Range(0, n).Select(i => c.Get<RawJson>($"http://a/{i}").AsTask()).ToList();
                return new { all = await Task.WhenAll(all) };
            }).MaxSources(3);
            gate.MapGet("/bytes", async (Composer c) =>
            {
                var (a, b) = (await c.Get<string>("http://a/1"), await c.Get<string>("http://a/2"));
                return new { a, b };
            }).MaxBytes(new Postern.Config.ByteSize(1500)).Meta();
        }, $"\"{new string('x', 998)}\"");
        Assert.Equal(200, (await gateway.GetAsync("/web/many/3")).Status);
        Assert.Equal(500, (await gateway.GetAsync("/web/many/4")).Status);
        Assert.Matches("""^\{"a":"x{998}","b":null,"_meta":\{"partial":true,"failedSources":\["a"\]""", (await gateway.GetAsync("/web/bytes")).Body);
    }

    [Fact]
    public async Task Sources_of_one_name_are_told_as_one()
    {
        await using var gateway = await CodeGateway.StartAsync(
            gate => gate.MapGet("/each", async (Composer c) =>
            {
                var all = new[] { 1, 2, 3 }.Select(id => c.Get<int>($"http://a/{id}").Named("things").Or(-1).AsTask()).ToList();
                return new { all = await Task.WhenAll(all) };
            }).Meta().ServerTiming(),
            (_, context) => CodeGateway.JsonAsync(context, context.Request.Path.Value![1..], context.Request.Path == "/1" ? 200 : 500));
        using var answer = await gateway.Client.GetAsync("/web/each");
        Assert.StartsWith("""{"all":[1,-1,-1],"_meta":{"partial":true,"failedSources":["things"]""", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Matches("""^things;dur=[\d.]+;desc="500"$""", answer.Headers.GetValues("Server-Timing").Single());
        Assert.Contains("""source="things",result="500"} 2""", gateway.Metrics(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Types_can_be_known_by_a_source_generated_context_alone()
    {
        await using var gateway = await CodeGateway.StartAsync(
            gate =>
            {
                gate.MapGet("/typed", async (Composer c) => await c.Get("http://a/thing", HandlerRouteTests.Known.Default.Asked).Required());
                gate.MapGet("/unknown", async (Composer c) =>
                {
                    await c.Get<Thing>("http://a/thing");
                    return (HandlerRouteTests.Asked?)null;
                });
                gate.MapGet("/raw", async (Composer c) => await c.Get<RawJson>("http://a/thing"));
                gate.MapGet("/sent", async (Composer c) => await c.Post<RawJson>("http://a/thing", RawJson.Parse("1.50")));
            },
            (_, context) => CodeGateway.JsonAsync(context, """{"ids":[1,2],"more":0,"name":"n"}"""),
            builder => builder.Services.ConfigureHttpJsonOptions(o =>
            {
                o.SerializerOptions.TypeInfoResolverChain.Clear();
                o.SerializerOptions.TypeInfoResolverChain.Add(HandlerRouteTests.Known.Default);
            }));
        Assert.Equal((200, """{"name":"n","ids":[1,2]}"""), await gateway.GetAsync("/web/typed"));
        Assert.Equal(500, (await gateway.GetAsync("/web/unknown")).Status);
        Assert.Equal((200, """{"ids":[1,2],"more":0,"name":"n"}"""), await gateway.GetAsync("/web/raw"));
        Assert.Equal(200, (await gateway.GetAsync("/web/sent")).Status);
    }

    [Fact]
    public async Task Any_thread_may_make_and_await_calls()
    {
        await using var gateway = await CodeGateway.StartAsync(gate => gate.MapGet("/threads", async (Composer c) =>
        {
            var all = Enumerable.Range(0, 40).Select(i => Task.Run(async () => await c.Get<int>($"http://a/{i}")));
            return new { sum = (await Task.WhenAll(all)).Sum() };
        }).MaxSources(40).Meta(), "1");
        for (var i = 0; i < 20; i++)
        {
            Assert.StartsWith("""{"sum":40,"_meta":{"partial":false""", (await gateway.GetAsync("/web/threads")).Body, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_source_is_settled_before_it_begins_and_a_composer_ends_with_its_request()
    {
        var errors = new List<string>();
        Composer? kept = null;
        await using var gateway = await CodeGateway.StartAsync(gate => gate.MapGet("/settled", async (Composer c) =>
        {
            kept = c;
            var a = c.Get<RawJson>("http://a/1");
            Expect<InvalidOperationException>(() => c.Get<RawJson>("http://ab/1"));
            Expect<InvalidOperationException>(() => c.Get<RawJson>("http://127.0.0.1:9/1"));
            Expect<ArgumentException>(() => a.Named("two words"));
            Expect<ArgumentException>(() => a.Header("X-Forwarded-For", "1"));
            Expect<ArgumentException>(() => a.Header("Host", "1"));
            Expect<ArgumentException>(() => a.Accept("302"));
            Expect<ArgumentException>(() => a.Forward("X-Forwarded-For"));
            Expect<ArgumentOutOfRangeException>(() => a.Within(TimeSpan.Zero));
            var first = await a;
            Expect<InvalidOperationException>(() => a.Named("late"));
            Expect<InvalidOperationException>(() => a.Required());
            return new { first, again = await a };
        }), "[1]");
        Assert.Equal((200, """{"first":[1],"again":[1]}"""), await gateway.GetAsync("/web/settled"));
        Assert.Empty(errors);
        Assert.Single(gateway.Asked);
        Assert.Throws<InvalidOperationException>(() => kept!.Get<RawJson>("http://a/2"));

        void Expect<T>(Action act) where T : Exception
        {
            if (Record.Exception(act) is not T)
            {
                errors.Add($"{typeof(T).Name}: {act.Method}");
            }
        }
    }
}
