using System.Buffers;
using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;
using Postern.Server.Listening;
using Postern.Server.Serving;

namespace Postern.Tests.Harness;

/// <summary>
/// The whole gateway in this process, as <c>postern run</c> would serve a file: read, compiled, listening on a free port.
/// What the text leaves out is filled in: the version, a listener, an access log in a file. <c>%self%</c> is its own URL.
/// </summary>
internal sealed class TestGateway : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly string folder;
    private readonly TrafficServer traffic;
    private readonly List<string?> came = [];
    private Gateway gateway;

    private TestGateway(string yaml)
    {
        folder = Directory.CreateTempSubdirectory("postern-test-").FullName;
        gateway = Open(yaml, "http://127.0.0.1:1");
        traffic = new TrafficServer(gateway.Listen, context => NotedAsync(context, gateway.Handle), NullLoggerFactory.Instance, TimeProvider.System,
            context => NotedAsync(context, gateway.Refuse), gateway.Metrics);
    }

    public string Url => traffic.Urls[0];

    public int Port => new Uri(Url).Port;

    /// <summary>Connections of clients that are open.</summary>
    public int Connections => traffic.Connections;

    /// <summary>Serves a configuration.</summary>
    public static async Task<TestGateway> StartAsync(string yaml)
    {
        var made = new TestGateway(yaml);
        await made.traffic.StartAsync();
        if (yaml.Contains("%self%"))
        {
            await made.gateway.StopAsync();
            made.gateway = made.Open(yaml, made.Url);
        }
        return made;
    }

    /// <summary>Serves one gate at <c>/</c> that sends everything to one upstream, path and query as they are.</summary>
    /// <param name="url">The upstream's only destination.</param>
    /// <param name="upstream">More keys of the upstream: <c>protocol: http2</c>.</param>
    /// <param name="route">More keys of the route, one a line.</param>
    /// <param name="root">More of the file, one a line.</param>
    public static Task<TestGateway> BeforeAsync(string url, string upstream = "", string route = "", string root = "") => StartAsync($$"""
        {{root}}
        upstreams:
          up: { url: {{url}}{{(upstream.Length > 0 ? $", {upstream}" : "")}} }
        gates:
          web:
            identity: off
            routes:
              - any: "/{**rest}"
                to: http://up
        {{Indent(route, 8)}}
        """);

    /// <summary>A client that speaks one version of HTTP and does nothing by itself: no redirects, cookies or decompression.</summary>
    public HttpClient Client(Version? version = null) => new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        UseProxy = false,
        ActivityHeadersPropagator = null,
        AutomaticDecompression = DecompressionMethods.None,
        Expect100ContinueTimeout = Patience,
        RequestHeaderEncodingSelector = (_, _) => Encoding.Latin1,
        ResponseHeaderEncodingSelector = (_, _) => Encoding.Latin1,
    })
    {
        BaseAddress = new Uri(Url),
        Timeout = Patience * 3,
        DefaultRequestVersion = version ?? HttpVersion.Version11,
        DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
    };

    /// <summary>A connection on which a test says every byte itself.</summary>
    public Task<RawClient> ConnectAsync() => RawClient.ConnectAsync(Port);

    /// <summary>One request on a connection of its own, and its whole answer.</summary>
    public async Task<RawAnswer> SendRawAsync(string request)
    {
        using var client = await ConnectAsync();
        await client.SendAsync(request);
        return await client.ReadAnswerAsync(request.StartsWith("HEAD ", StringComparison.Ordinal));
    }

    /// <summary>What <c>/metrics</c> says.</summary>
    public string Metrics()
    {
        var text = new ArrayBufferWriter<byte>();
        PrometheusText.Write(gateway.Metrics, text);
        return Encoding.UTF8.GetString(text.WrittenSpan);
    }

    /// <summary>
    /// The access log once it has that many lines, in the order in which the requests came; each is whole and valid JSON. A request
    /// is logged once its answer has been sent, so one that comes after it on another connection may be logged before it.
    /// </summary>
    public async Task<IReadOnlyList<JsonElement>> LogAsync(int lines)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        using var patience = new CancellationTokenSource(Patience);
        while (true)
        {
            var written = File.Exists(LogFile) ? await File.ReadAllTextAsync(LogFile) : "";
            if (written.Count(c => c == '\n') >= lines)
            {
                JsonElement[] log = [.. written.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonDocument.Parse(l).RootElement)];
                if (Order(log) is { } order)
                {
                    Array.Sort(order, log);
                    return log;
                }
            }
            await timer.WaitForNextTickAsync(patience.Token);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await traffic.DisposeAsync();
        await gateway.StopAsync();
        Directory.Delete(folder, recursive: true);
    }

    private async Task NotedAsync(HttpContext context, RequestDelegate handle)
    {
        int place;
        lock (came)
        {
            place = came.Count;
            came.Add(null);
        }
        try
        {
            await handle(context);
        }
        finally
        {
            lock (came)
            {
                came[place] = Exchange.Of(context).RequestId;
            }
        }
    }

    /// <summary>As which each line's request came; null while that isn't known of all.</summary>
    private int[]? Order(JsonElement[] log)
    {
        lock (came)
        {
            int[] order = [.. log.Select(l => came.IndexOf(l.GetProperty("requestId").GetString()))];
            return order.Contains(-1) ? null : order;
        }
    }

    private string LogFile => Path.Combine(folder, "access.log");

    private static string Indent(string lines, int by) =>
        string.Join('\n', lines.Split('\n').Select(l => new string(' ', by) + l));

    private Gateway Open(string yaml, string self)
    {
        var text = new StringBuilder("version: 1\n");
        if (!yaml.Contains("listen:"))
        {
            text.Append("listen: http://127.0.0.1:0\n");
        }
        if (!yaml.Contains("telemetry:"))
        {
            text.Append($"telemetry: {{ accessLog: {{ to: {LogFile} }} }}\n");
        }
        var file = Path.Combine(folder, "postern.yaml");
        File.WriteAllText(file, text.Append(yaml.Replace("%self%", self)).ToString());
        var (opened, problems) = OpenedGateway.Open(file, NullLoggerFactory.Instance, TimeProvider.System);
        return opened ?? throw new InvalidOperationException(string.Join('\n', problems));
    }
}
