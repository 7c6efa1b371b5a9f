using Microsoft.Extensions.Logging.Abstractions;
using Postern.Server.Listening;
using Postern.Server.Serving;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.Authenticating.ApiKeys;

/// <summary>
/// A whole gateway with a file of keys beside its configuration, and a clock of its own. It answers <c>/header</c> by a key in
/// a header and <c>/query</c> by one in the query, and sends what has one to an upstream where there is one.
/// </summary>
internal sealed class KeyedGateway : IAsyncDisposable
{
    private readonly TrafficServer traffic;
    private readonly Gateway gateway;

    private KeyedGateway(TempFolder folder, Gateway gateway)
    {
        (Folder, this.gateway) = (folder, gateway);
        traffic = new TrafficServer(gateway.Listen, context => gateway.Handle(context), NullLoggerFactory.Instance, TimeProvider.System,
            context => gateway.Refuse(context), gateway.Metrics);
    }

    public TempFolder Folder { get; }

    public SteppedTime Time { get; private init; } = null!;

    public static async Task<KeyedGateway> StartAsync(string keys = "keys: []\n", string? upstream = null, string root = "")
    {
        var (folder, time) = (new TempFolder(), new SteppedTime());
        folder.Write("keys.yaml", keys);
        folder.Write("gates/header.yaml", Gate("header", upstream));
        folder.Write("postern.yaml", $$"""
            version: 1
            listen: http://127.0.0.1:0
            telemetry: { accessLog: { to: {{folder["access.log"]}} } }
            {{root}}
            identity:
              partners: { apiKey: { header: X-Api-Key, keys: keys.yaml } }
              links: { apiKey: { query: api_key, keys: keys.yaml } }
            upstreams:
              up: { url: {{upstream ?? "http://127.0.0.1:1"}} }
            gates:
              header: { include: gates/header.yaml }
              query:
                match: { path: /query }
                identity: links
                routes:
                  - get: /{**rest}
                    {{Answer(upstream)}}
            """);
        var (opened, problems) = OpenedGateway.Open(folder["postern.yaml"], NullLoggerFactory.Instance, time);
        var made = new KeyedGateway(folder, opened ?? throw new InvalidOperationException(string.Join('\n', problems))) { Time = time };
        await made.traffic.StartAsync();
        return made;
    }

    /// <summary>The file of the gate <c>header</c>.</summary>
    public static string Gate(string name, string? upstream = null) => $$"""
        match: { path: /{{name}} }
        identity: partners
        routes:
          - get: /{**rest}
            {{Answer(upstream)}}
        """;

    /// <summary>Runs <c>postern keys</c> on the file; what it printed and said.</summary>
    public (int Code, string Output, string Error) Keys(params string[] arguments) => KeysConsole.Run(Time, [.. arguments, "--file", Folder["keys.yaml"]]);

    /// <summary>The key that <c>postern keys</c> makes.</summary>
    public string MakeKey(params string[] arguments)
    {
        var (code, output, error) = Keys(arguments);
        Assert.True(code == 0, error);
        return output.TrimEnd('\n');
    }

    /// <summary>Reads the configuration anew; what was wrong with it, <see cref="Folder"/> left out.</summary>
    public IReadOnlyList<string> Reload() => [.. gateway.Reload().Select(p => p.ToString().Replace(Folder.Path + Path.DirectorySeparatorChar, ""))];

    /// <summary>The answer to a request with these header fields.</summary>
    public async Task<RawAnswer> GetAsync(string target, params string[] fields)
    {
        using var client = await RawClient.ConnectAsync(new Uri(traffic.Urls[0]).Port);
        await client.SendAsync($"GET {target} HTTP/1.1\r\nHost: a\r\n{string.Concat(fields.Select(f => f + "\r\n"))}\r\n");
        return await client.ReadAnswerAsync();
    }

    /// <summary>Whether the key is good, in a header.</summary>
    public async Task<bool> TakesAsync(string key) => (await GetAsync("/header/x", $"X-Api-Key: {key}")).Status == 200;

    /// <summary>The access log once it has that many lines.</summary>
    public async Task<string> LogAsync(int lines)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        using var patience = new CancellationTokenSource(TestGateway.Patience);
        while (true)
        {
            var written = File.Exists(Folder["access.log"]) ? await File.ReadAllTextAsync(Folder["access.log"]) : "";
            if (written.Count(c => c == '\n') >= lines)
            {
                return written;
            }
            await timer.WaitForNextTickAsync(patience.Token);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await traffic.DisposeAsync();
        await gateway.StopAsync();
        Folder.Dispose();
    }

    private static string Answer(string? upstream) => upstream is null ? "respond: { status: 200, body: hello }" : "to: http://up";
}
