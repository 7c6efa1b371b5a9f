using System.Diagnostics;
using System.Net.Http.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Postern.Backends.Composing.Handlers;
using Postern.Edge.Authenticating;
using Postern.Edge.Authenticating.ApiKeys;
using Postern.Edge.ForwardingIdentity;
using Postern.Pipeline;
using Postern.Runtime;
using Postern.Tests.Backends.Composing.Handlers;
using Postern.Tests.Harness;
using Postern.Upstreams.Forwarding;

namespace Postern.Tests;

/// <summary>Plain clients of upstreams, from the host's services.</summary>
public sealed class UpstreamClientsTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task Code_gets_a_client_of_an_upstream_by_its_name()
    {
        await using var gateway = await CodeGateway.StartAsync(
            gate => gate.MapPost("/own", async ([FromKeyedServices("a")] HttpClient a, [FromKeyedServices("b")] HttpClient b) =>
            {
                using var posted = await a.PostAsJsonAsync("/things?x=1", new { id = 1 });
                return new { a = await posted.Content.ReadFromJsonAsync<int>(), status = (int)posted.StatusCode, b = await b.GetStringAsync("plain") };
            }),
            async (name, context) =>
            {
                var body = await new StreamReader(context.Request.Body).ReadToEndAsync();
                Assert.Equal(name == "a" ? """{"id":1}""" : "", body);
                await CodeGateway.JsonAsync(context, "7", name == "a" ? 201 : 200);
            });
        using var answer = await gateway.Client.PostAsync("/web/own", null);
        Assert.Equal("""{"a":7,"status":201,"b":"7"}""", await answer.Content.ReadAsStringAsync());
        Assert.Equal(["GET b/plain", "POST a/things?x=1"], gateway.Asked.Order());
    }

    [Fact]
    public async Task Within_a_request_it_says_what_every_call_says_and_afterwards_nothing()
    {
        var (seen, done, again) = (new List<IHeaderDictionary>(), new TaskCompletionSource(), new TaskCompletionSource());
        IServiceProvider services = null!;
        await using var gateway = await CodeGateway.StartAsync(
            gate => gate.MapGet("/said", async ([FromKeyedServices("a")] HttpClient a) =>
            {
                a.DefaultRequestHeaders.Add("X-Consumer", "somebody else");
                _ = LaterAsync();
                return await a.GetStringAsync("/now");
            }).Identity("keys"),
            (_, context) =>
            {
                lock (seen)
                {
                    seen.Add(new HeaderDictionary(context.Request.Headers.ToDictionary(StringComparer.OrdinalIgnoreCase)));
                }
                return CodeGateway.JsonAsync(context, "1");
            },
            build: gateway =>
            {
                gateway.Identity("keys", apiKey: new() { Header = "X-Api-Key", Keys = new() { Keys = [KeyOptions.For("acme", "the key")] } });
                gateway.ForwardIdentity(headers: new Dictionary<string, string> { ["X-Consumer"] = "sub" });
            });
        services = gateway.App.Services;
        using var request = new HttpRequestMessage(HttpMethod.Get, "/web/said") { Headers = { { "X-Api-Key", "the key" }, { "X-Request-Id", "0123456789abcdef" }, { "Cookie", "a=b" } } };
        using var answer = await gateway.Client.SendAsync(request);
        Assert.Equal("1", await answer.Content.ReadAsStringAsync());
        done.SetResult();
        await again.Task.WaitAsync(Patience);
        Assert.Equal(("acme", "0123456789abcdef", "127.0.0.1", "1.1 postern", ""),
            (seen[0]["X-Consumer"].ToString(), seen[0]["X-Request-Id"].ToString(), seen[0]["X-Forwarded-For"].ToString(), seen[0]["Via"].ToString(), seen[0].Cookie.ToString()));
        // The request is over: what the code says by itself is all that is left.
        Assert.Equal(("somebody else", "", ""), (seen[1]["X-Consumer"].ToString(), seen[1]["X-Request-Id"].ToString(), seen[1]["X-Forwarded-For"].ToString()));

        async Task LaterAsync()
        {
            await done.Task.WaitAsync(Patience);
            using var own = new HttpRequestMessage(HttpMethod.Get, "http://a/later") { Headers = { { "X-Consumer", "somebody else" } } };
            await services.GetRequiredKeyedService<HttpClient>("a").SendAsync(own);
            again.SetResult();
        }
    }

    [Fact]
    public async Task Outside_of_a_request_it_carries_the_trace_that_is_there()
    {
        string? traceparent = null;
        await using var gateway = await CodeGateway.StartAsync(gate => gate.MapGet("/none", () => 1), (_, context) =>
        {
            traceparent = context.Request.Headers.TraceParent;
            return CodeGateway.JsonAsync(context, "1");
        });
        var client = gateway.App.Services.GetRequiredKeyedService<HttpClient>("a");
        using var activity = new Activity("job").SetIdFormat(ActivityIdFormat.W3C).Start();
        await client.GetStringAsync("/");
        Assert.StartsWith($"00-{activity.TraceId}-", traceparent, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_it_cannot_call_is_said_clearly()
    {
        await using var gateway = await CodeGateway.StartAsync(gate => gate.MapGet("/none", () => 1));
        var unknown = Assert.Throws<InvalidOperationException>(() => gateway.App.Services.GetRequiredKeyedService<HttpClient>("aa"));
        Assert.Equal("The gateway has no upstream named 'aa'; did you mean 'a'? (defined: a, b, down)", unknown.Message);
        var client = gateway.App.Services.GetRequiredKeyedService<HttpClient>("a");
        foreach (var elsewhere in new[] { "http://b/x", "https://a/x", "http://a:8080/x", "//evil.example/x" })
        {
            await Assert.ThrowsAsync<InvalidOperationException>(() => client.GetAsync(elsewhere));
        }
        var down = gateway.App.Services.GetRequiredKeyedService<HttpClient>("down");
        Assert.Equal(Failure.UpstreamUnreachable, (await Assert.ThrowsAsync<UpstreamException>(() => down.GetAsync("/"))).Failure);
        Assert.Empty(gateway.Asked);
    }

    [Fact]
    public async Task It_follows_a_reload_and_a_hosts_own_client_comes_first()
    {
        await using var second = await WebUpstream.StartAsync("second");
        string? moved = null;
        using var own = new HttpClient();
        await using var gateway = await CodeGateway.StartAsync(
            gate => gate.MapGet("/none", () => 1), (_, context) => CodeGateway.JsonAsync(context, "first"),
            builder => builder.Services.AddKeyedSingleton("b", own),
            build: gateway =>
            {
                foreach (var upstream in gateway.Config.Upstreams.Where(u => u.Name == "a" && moved is not null))
                {
                    upstream.Sections.Set<ForwardingOptions>(o => o with { Url = moved });
                }
            });
        var client = gateway.App.Services.GetRequiredKeyedService<HttpClient>("a");
        Assert.Same(own, gateway.App.Services.GetRequiredKeyedService<HttpClient>("b"));
        Assert.Equal("first", await client.GetStringAsync("/x"));
        moved = second.Url;
        Assert.DoesNotContain(((GatewayRuntime)gateway.App.Services.GetService(typeof(GatewayRuntime))!).Reload(), p => !p.IsWarning);
        Assert.Equal("second /x", await client.GetStringAsync("/x"));
    }

    [Theory]
    [InlineData("Orders_v2")]
    [InlineData("orders..v2-")]
    [InlineData("7")]
    public async Task Any_name_of_an_upstream_will_do(string name)
    {
        await using var gateway = await CodeGateway.StartAsync(
            gate => gate.MapGet("/none", () => 1), (_, context) => CodeGateway.JsonAsync(context, "1"),
            build: gateway => gateway.Upstream(name, gateway.Config.Upstreams[0].Sections.Written<ForwardingOptions>().Url!));
        Assert.Equal("1", await gateway.App.Services.GetRequiredKeyedService<HttpClient>(name).GetStringAsync("/x"));
        Assert.Equal(["GET a/x"], gateway.Asked);
    }

    [Fact]
    public async Task An_upstream_that_fails_is_told_as_the_proxy_tells_it()
    {
        await using var gateway = await CodeGateway.StartAsync(gate => gate.MapGet("/down", async ([FromKeyedServices("down")] HttpClient down) => await down.GetStringAsync("/")));
        var (status, body) = await gateway.GetAsync("/web/down");
        Assert.Equal(502, status);
        Assert.Contains("upstream-unreachable", body, StringComparison.Ordinal);
    }
}
