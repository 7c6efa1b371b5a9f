using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Http;
using Postern.Tests.Harness;

namespace Postern.Tests.Backends.Composing;

/// <summary>What stands behind a composed route in a test: one server, whose paths answer what the test says.</summary>
internal sealed class Services : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, RequestDelegate> answers = new();
    private readonly KestrelUpstream upstream;

    private Services(Func<RequestDelegate, Task<KestrelUpstream>> start) => upstream = start(AnswerAsync).GetAwaiter().GetResult();

    /// <summary>Every request that came, as <c>GET /path?query</c>, in order.</summary>
    public ConcurrentQueue<string> Asked { get; } = [];

    public string Url => upstream.Url;

    public static Services Start(bool http2 = false) => new(answer => KestrelUpstream.StartAsync(http2, answer));

    /// <summary>A path answers.</summary>
    public Services On(string path, RequestDelegate answer)
    {
        answers[path] = answer;
        return this;
    }

    /// <summary>A path answers with JSON.</summary>
    public Services On(string path, string json, int status = 200, string type = "application/json") => On(path, context =>
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = type;
        var body = Encoding.Latin1.GetBytes(json);
        context.Response.ContentLength = body.Length;
        return context.Response.Body.WriteAsync(body).AsTask();
    });

    /// <summary>A path answers with JSON once a test lets it.</summary>
    public Services On(string path, string json, Task when) => On(path, async context =>
    {
        await when.WaitAsync(TestGateway.Patience);
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(json);
    });

    /// <summary>The gateway before them, with one gate whose keys are these: each service is reached as <c>http://svc/…</c>.</summary>
    public Task<TestGateway> GatewayAsync(string route, string gate = "", string upstream = "") => TestGateway.StartAsync($$"""
        upstreams:
          svc: { url: {{Url}}{{(this.upstream.Options.Contains("http2") ? ", protocol: http2" : "")}}{{(upstream.Length > 0 ? $", {upstream}" : "")}} }
          down: { url: "http://127.0.0.1:1" }
        gates:
          web:
            identity: off
        {{Indent(gate, 4)}}
            routes:
        {{Indent(route, 6)}}
        """);

    public ValueTask DisposeAsync() => upstream.DisposeAsync();

    private Task AnswerAsync(HttpContext context)
    {
        Asked.Enqueue($"{context.Request.Method} {context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestFeature>()!.RawTarget}");
        if (answers.TryGetValue(context.Request.Path.Value!, out var answer))
        {
            return answer(context);
        }
        context.Response.StatusCode = 404;
        return Task.CompletedTask;
    }

    private static string Indent(string lines, int by) => string.Join('\n', lines.Split('\n').Select(l => new string(' ', by) + l));
}
