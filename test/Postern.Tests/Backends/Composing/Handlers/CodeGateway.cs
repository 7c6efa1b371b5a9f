using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Postern.Edge.Authenticating;
using Postern.Edge.Observing;
using Postern.Pipeline.Telemetry;
using Postern.Runtime;
using Postern.Tests.Harness;

namespace Postern.Tests.Backends.Composing.Handlers;

/// <summary>A host application with a gate of code at <c>/web</c>, and upstreams <c>a</c> and <c>b</c> that one delegate answers; <c>down</c> refuses.</summary>
internal sealed class CodeGateway : IAsyncDisposable
{
    private readonly List<KestrelUpstream> upstreams = [];
    private readonly TempFolder folder = new();

    private CodeGateway()
    {
    }

    public WebApplication App { get; private set; } = null!;

    public string Url => App.Urls.First();

    public HttpClient Client { get; private set; } = null!;

    /// <summary>What upstreams were asked for, as <c>GET b/path?query</c>.</summary>
    public ConcurrentQueue<string> Asked { get; } = [];

    /// <param name="gate">Its routes.</param>
    /// <param name="answer">Answers for an upstream, by its name.</param>
    /// <param name="configure">More of the host.</param>
    /// <param name="build">More of the gateway.</param>
    /// <param name="map">What else the application maps, before the gateway.</param>
    public static async Task<CodeGateway> StartAsync(
        Action<GateBuilder> gate, Func<string, HttpContext, Task> answer, Action<WebApplicationBuilder>? configure = null, Action<GatewayBuilder>? build = null, Action<WebApplication>? map = null)
    {
        var made = new CodeGateway();
        foreach (var name in new[] { "a", "b" })
        {
            made.upstreams.Add(await KestrelUpstream.StartAsync(http2: false, context =>
            {
                made.Asked.Enqueue($"{context.Request.Method} {name}{context.Features.Get<IHttpRequestFeature>()!.RawTarget}");
                return answer(name, context);
            }));
        }
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        configure?.Invoke(builder);
        builder.AddPostern(gateway =>
        {
            gateway.Root<TelemetrySection>(t => t with { Telemetry = new() { AccessLog = new() { To = made.LogFile } } });
            gateway.Upstream("a", made.upstreams[0].Url);
            gateway.Upstream("b", made.upstreams[1].Url);
            gateway.Upstream("down", "http://127.0.0.1:1");
            gateway.Gate("web", g =>
            {
                g.Match(path: "/web").IdentityOff();
                gate(g);
            });
            build?.Invoke(gateway);
        });
        made.App = builder.Build();
        map?.Invoke(made.App);
        made.App.MapPostern();
        await made.App.StartAsync();
        made.Client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, UseProxy = false }) { BaseAddress = new Uri(made.Url), Timeout = TimeSpan.FromSeconds(30) };
        return made;
    }

    /// <summary>Every upstream answers this.</summary>
    public static Task<CodeGateway> StartAsync(Action<GateBuilder> gate, string json = "{}") => StartAsync(gate, (_, context) => JsonAsync(context, json));

    public static Task JsonAsync(HttpContext context, string json, int status = 200)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync(json);
    }

    public async Task<(int Status, string Body)> GetAsync(string path)
    {
        using var answer = await Client.GetAsync(path);
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }

    /// <summary>The access log once it has a line that says this.</summary>
    public async Task<string> LogAsync(string part)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        while (true)
        {
            if (File.Exists(LogFile) && (await File.ReadAllLinesAsync(LogFile)).FirstOrDefault(l => l.Contains(part, StringComparison.Ordinal)) is { } line)
            {
                return line;
            }
            await timer.WaitForNextTickAsync(patience.Token);
        }
    }

    public string Metrics()
    {
        var text = new System.Buffers.ArrayBufferWriter<byte>();
        PrometheusText.Write(((GatewayRuntime)App.Services.GetService(typeof(GatewayRuntime))!).Metrics, text);
        return Encoding.UTF8.GetString(text.WrittenSpan);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await App.DisposeAsync();
        foreach (var upstream in upstreams)
        {
            await upstream.DisposeAsync();
        }
        folder.Dispose();
    }

    private string LogFile => Path.Combine(folder.Path, "access.log");
}
