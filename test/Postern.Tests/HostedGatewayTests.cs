using System.Collections.Concurrent;
using System.Net;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;
using Postern.Backends.Proxying;
using Postern.Backends.Responding;
using Postern.Edge.Authenticating;
using Postern.Tests.Harness;
using Postern.Transforms;

namespace Postern.Tests;

/// <summary>The gateway inside an application of ASP.NET Core: <c>AddPostern</c>, <c>MapPostern</c>.</summary>
public sealed class HostedGatewayTests
{
    private const string Yaml = """
        version: 1
        telemetry: { accessLog: off }
        upstreams:
          orders: { url: "http://127.0.0.1:1" }
        gates:
          web:
            match: { path: /web }
            identity: off
            routes:
              - get: /orders/{id:int}
                to: http://orders/api/{id}?limit=5
                headers: { request: { set: { X-A: a } } }
              - any: /teapot
                respond: { status: 418, body: short and stout }
        """;

    [Fact]
    public async Task The_hosts_own_endpoints_stand_beside_the_gateway_and_its_middleware_before_it()
    {
        await using var upstream = await WebUpstream.StartAsync();
        await using var app = await StartAsync(b => Shop(b, upstream.Url), map: app =>
        {
            app.Use((context, next) =>
            {
                context.Response.Headers["X-Host"] = "was here";
                return next(context);
            });
            app.MapGet("/own", () => "mine");
            app.MapGet("/web/orders/1", () => "mine too");
            app.MapPostern();
        });
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        Assert.Equal("mine", await client.GetStringAsync("/own"));
        Assert.Equal("mine too", await client.GetStringAsync("/web/orders/1"));
        using var answer = await client.GetAsync("/web/orders/7?a=%2F");
        Assert.Equal("upstream /api/7?limit=5&a=%2F", await answer.Content.ReadAsStringAsync());
        Assert.Equal("was here", answer.Headers.GetValues("X-Host").Single());
        using var missing = await client.GetAsync("/web/nothing");
        Assert.Equal((HttpStatusCode.NotFound, "application/problem+json"), (missing.StatusCode, missing.Content.Headers.ContentType!.ToString()));
    }

    [Fact]
    public async Task YAML_and_code_give_the_same_answers()
    {
        await using var upstream = await WebUpstream.StartAsync();
        using var folder = new TempFolder();
        var file = folder.Write("postern.yaml", Yaml.Replace("http://127.0.0.1:1", upstream.Url, StringComparison.Ordinal));
        await using var written = await StartAsync(null, file);
        await using var built = await StartAsync(b => Shop(b, upstream.Url));
        foreach (var (method, path) in new[]
        {
            ("GET", "/web/orders/7"), ("GET", "/web/orders/7?a=%20&b"), ("HEAD", "/web/orders/7"), ("GET", "/web/orders/x"), ("POST", "/web/orders/7"),
            ("DELETE", "/web/teapot"), ("GET", "/webteapot"), ("GET", "/"), ("GET", "/web/%2e%2e/x"),
        })
        {
            Assert.Equal(await AskAsync(written, method, path), await AskAsync(built, method, path));
        }
    }

    [Fact]
    public async Task Code_adds_to_a_file_and_a_reload_keeps_both()
    {
        await using var upstream = await WebUpstream.StartAsync();
        using var folder = new TempFolder();
        var file = folder.Write("postern.yaml", Yaml.Replace("http://127.0.0.1:1", upstream.Url, StringComparison.Ordinal));
        await using var app = await StartAsync(b => b.Gate("web", g => g.Get("/code").Respond(200, "from code")), file);
        Assert.EndsWith("from code", await AskAsync(app, "GET", "/web/code"), StringComparison.Ordinal);
        Assert.EndsWith("stout", await AskAsync(app, "GET", "/web/teapot"), StringComparison.Ordinal);
        folder.Write("postern.yaml", File.ReadAllText(file).Replace("stout", "round", StringComparison.Ordinal));
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        while (!(await AskAsync(app, "GET", "/web/teapot")).EndsWith("round", StringComparison.Ordinal))
        {
            await timer.WaitForNextTickAsync(patience.Token);
        }
        Assert.EndsWith("from code", await AskAsync(app, "GET", "/web/code"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_error_in_code_names_the_line_that_wrote_it()
    {
        var line = 0;
        var thrown = await Assert.ThrowsAsync<GatewayConfigException>(() => StartAsync(b =>
        {
            b.Upstream("orders", "https://10.0.0.5");
            b.Gate("web", g =>
            {
                g.Match(path: "web").IdentityOff();
                g.Get("/a/{id}").To("http://ordres/{id}");
                line = Here();
            });
        }));
        Assert.Equal(
            [
                (line - 5, "upstreams.orders.url", "upstreams are called over http, got 'https://10.0.0.5'; write http://10.0.0.5:80"),
                (line - 4, "gates.web.match.path", "a path begins with '/', got 'web'; write '/web'"),
                (line - 1, "gates.web.routes[0].to", "no upstream named 'ordres'; did you mean 'orders'? (defined: orders)"),
            ],
            thrown.Problems.Select(p => (int.Parse(p.Position.Split(':')[1], System.Globalization.CultureInfo.InvariantCulture), p.Path, p.Message)));
        Assert.All(thrown.Problems, p => Assert.StartsWith("HostedGatewayTests.cs:", p.Position, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_body_that_nobody_read_is_no_request_when_its_client_has_left()
    {
        var (asked, left) = (new ConcurrentQueue<string>(), new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        await using var app = await StartAsync(b => Shop(b, "http://127.0.0.1:1"), map: a =>
        {
            a.Use(async (context, next) =>
            {
                await next(context);
                asked.Enqueue($"{context.Request.Path} {context.Response.StatusCode}");
                if (context.Request.Path == "/web/teapot")
                {
                    await using var gone = context.RequestAborted.Register(left.SetResult);
                    await left.Task.WaitAsync(TimeSpan.FromSeconds(10));
                }
            });
            a.MapPostern();
        });
        const string hidden = "GET /web/hidden HTTP/1.1\r\nHost: a\r\n\r\n";
        using (var client = await Server.RawClient.ConnectAsync(app.Urls.First()))
        {
            await client.SendAsync($"POST /web/teapot HTTP/1.1\r\nHost: a\r\nContent-Length: {hidden.Length}\r\n\r\n{hidden}");
            await client.ReadHeadAsync();
        }
        await left.Task.WaitAsync(TimeSpan.FromSeconds(10));
        await app.StopAsync();
        Assert.Equal("/web/teapot 418", asked.First());
        Assert.DoesNotContain("/web/hidden 404", asked);
    }

    private static int Here([CallerLineNumber] int line = 0) => line;

    /// <summary>What <see cref="Yaml"/> says, in C#.</summary>
    private static void Shop(GatewayBuilder builder, string upstream)
    {
        builder.Root<Postern.Edge.Observing.TelemetrySection>(t => t with { Telemetry = new() { AccessLog = new() { To = "off" } } });
        builder.Upstream("orders", upstream);
        builder.Gate("web", gate =>
        {
            gate.Match(path: "/web").IdentityOff();
            gate.Get("/orders/{id:int}").To("http://orders/api/{id}?limit=5")
                .Headers(new HeaderOptions { Request = new HeaderRulesOptions { Set = new Dictionary<string, string> { ["X-A"] = "a" } } });
            gate.Any("/teapot").Respond(418, "short and stout");
        });
    }

    private static async Task<WebApplication> StartAsync(Action<GatewayBuilder>? build, string? file = null, Action<WebApplication>? map = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.AddPostern(build, file);
        var app = builder.Build();
        (map ?? (a => a.MapPostern()))(app);
        await app.StartAsync();
        return app;
    }

    private static async Task<string> AskAsync(WebApplication app, string method, string path)
    {
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(app.Urls.First() + path, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }));
        using var answer = await client.SendAsync(request);
        var body = await answer.Content.ReadAsStringAsync();
        var trace = body.IndexOf("\"traceId\"", StringComparison.Ordinal);
        return $"{(int)answer.StatusCode} {answer.Content.Headers.ContentType} {string.Join(',', answer.Content.Headers.Allow)} {(trace < 0 ? body : body[..trace])}";
    }
}
