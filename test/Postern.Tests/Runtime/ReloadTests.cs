using System.Text;
using Microsoft.Extensions.Logging;
using Postern.Pipeline.Telemetry;
using Postern.Runtime;
using Postern.Tests.Harness;

namespace Postern.Tests.Runtime;

/// <summary>What a reload takes and what it keeps: each gate on its own, what all share as a whole.</summary>
public sealed class ReloadTests : IDisposable
{
    private readonly TempFolder folder = new();
    private readonly Lines log = new();
    private GatewayRuntime runtime = null!;

    public void Dispose()
    {
        runtime?.Dispose();
        folder.Dispose();
    }

    [Fact]
    public void A_gate_with_an_error_keeps_its_last_good_one_and_the_others_take_the_new()
    {
        Start(web: Gate("/web", "one"), mobile: Gate("/mobile", "one"));
        folder.Write("web.yaml", Gate("/web", "two").Replace("respond", "respnod", StringComparison.Ordinal));
        folder.Write("mobile.yaml", Gate("/mobile", "two"));
        var problem = Assert.Single(runtime.Reload());
        Assert.Equal("web", problem.Gate);
        Assert.Equal([("web", 1), ("mobile", 2)], Versions());
        Assert.Equal(("one", "two"), (Body("web"), Body("mobile")));
        Assert.Contains("error Gate web keeps its last good configuration:", log.Text, StringComparison.Ordinal);
        Assert.Contains(problem.ToString(), log.Text, StringComparison.Ordinal);
        Assert.Contains("postern_gate_stale{gate=\"web\"} 1\n", Metrics(), StringComparison.Ordinal);
        Assert.Contains("postern_gate_stale{gate=\"mobile\"} 0\n", Metrics(), StringComparison.Ordinal);
        Assert.Contains("postern_gate_version{gate=\"mobile\"} 2\n", Metrics(), StringComparison.Ordinal);
        Assert.Contains("postern_reloads_total{outcome=\"partly\"} 1\n", Metrics(), StringComparison.Ordinal);

        folder.Write("web.yaml", Gate("/web", "two"));
        Assert.Empty(runtime.Reload());
        Assert.Equal([("web", 2), ("mobile", 2)], Versions());
        Assert.Null(runtime.LastFailure);
        Assert.Contains("postern_gate_stale{gate=\"web\"} 0\n", Metrics(), StringComparison.Ordinal);
    }

    [Fact]
    public void An_error_that_only_compiling_finds_is_a_gates_own_too()
    {
        Start(web: Gate("/web", "one"), mobile: Gate("/mobile", "one"));
        folder.Write("web.yaml", Gate("/web", "one") + "  - get: /b\n    to: http://nobody/b\n");
        folder.Write("mobile.yaml", Gate("/web", "two"));
        Assert.Equal(["web", "mobile"], runtime.Reload().Select(p => p.Gate));
        Assert.Equal([("web", 1), ("mobile", 1)], Versions());
        Assert.Equal("/mobile", runtime.Snapshot.Gates[1].Path);
    }

    [Fact]
    public void A_syntax_error_in_a_gates_file_is_that_gates_own()
    {
        Start(web: Gate("/web", "one"), mobile: Gate("/mobile", "one"));
        folder.Write("web.yaml", "match: { path: /web\nroutes: [");
        folder.Write("mobile.yaml", Gate("/mobile", "two"));
        Assert.All(runtime.Reload(), p => Assert.Equal("web", p.Gate));
        Assert.Equal([("web", 1), ("mobile", 2)], Versions());
    }

    [Fact]
    public void An_error_in_what_all_gates_share_keeps_everything()
    {
        Start(web: Gate("/web", "one"), mobile: Gate("/mobile", "one"));
        var before = runtime.Snapshot;
        folder.Write("mobile.yaml", Gate("/mobile", "two"));
        folder.Write("postern.yaml", Root("orders: { url: https://10.0.0.5 }"));
        Assert.Null(Assert.Single(runtime.Reload()).Gate);
        Assert.Same(before, runtime.Snapshot);
        Assert.Contains("error Configuration not taken, the last good one goes on:", log.Text, StringComparison.Ordinal);
        Assert.Contains("postern_gate_stale{gate=\"mobile\"} 1\n", Metrics(), StringComparison.Ordinal);
        Assert.Contains("postern_reloads_total{outcome=\"kept\"} 1\n", Metrics(), StringComparison.Ordinal);

        folder.Write("postern.yaml", "version: 1\n  gates: [");
        runtime.Reload();
        Assert.Same(before, runtime.Snapshot);
    }

    [Fact]
    public void Gates_come_and_go()
    {
        Start(web: Gate("/web", "one"), mobile: Gate("/mobile", "one"));
        folder.Write("postern.yaml", Root().Replace("  mobile: { include: mobile.yaml }\n", "  new: { include: new.yaml }\n", StringComparison.Ordinal));
        folder.Write("new.yaml", Gate("/new", "one").Replace("respond", "respnod", StringComparison.Ordinal));
        runtime.Reload();
        Assert.Equal([("web", 1)], Versions());
        Assert.Contains("error Gate new is new and has errors, so it does not serve yet:", log.Text, StringComparison.Ordinal);
        folder.Write("new.yaml", Gate("/new", "one"));
        Assert.Empty(runtime.Reload());
        Assert.Equal([("web", 1), ("new", 1)], Versions());
    }

    [Fact]
    public void A_version_moves_only_when_its_gate_was_changed()
    {
        Start(web: Gate("/web", "one"), mobile: Gate("/mobile", "one"));
        var since = runtime.Snapshot.Gates[0].Since;
        runtime.Reload();
        folder.Write("web.yaml", "# a comment\n" + Gate("/web", "one"));
        folder.Write("postern.yaml", Root("orders: { url: http://10.0.0.9 }"));
        runtime.Reload();
        Assert.Equal([("web", 1), ("mobile", 1)], Versions());
        Assert.Equal(since, runtime.Snapshot.Gates[0].Since);
    }

    [Fact]
    public async Task An_upstream_that_is_gone_serves_the_broken_gate_that_still_calls_it()
    {
        await using var upstream = await WebUpstream.StartAsync();
        var proxied = "match: { path: /web }\nidentity: off\nroutes:\n  - get: /a\n    to: http://orders/a\n";
        Start(web: proxied, mobile: Gate("/mobile", "one"), upstreams: $"orders: {{ url: \"{upstream.Url}\" }}");
        Assert.Equal("upstream /a", await AskAsync("/web/a"));
        for (var i = 0; i < 3; i++)
        {
            folder.Write("postern.yaml", Root("others: { url: http://10.0.0.5 }"));
            folder.Write("web.yaml", proxied + $"    timeout: {i + 1}s\n");
            Assert.Contains("no upstream named 'orders'", Assert.Single(runtime.Reload()).Message, StringComparison.Ordinal);
            Assert.Equal("upstream /a", await AskAsync("/web/a"));
        }
    }

    [Fact]
    public void A_warning_of_a_reload_is_logged()
    {
        Start(web: Gate("/web", "one"), mobile: Gate("/mobile", "one"));
        folder.Write("web.yaml", Gate("/web", "one") + "  - get: /b\n    sticky: ip\n    to: http://orders/b\n");
        Assert.True(Assert.Single(runtime.Reload()).IsWarning);
        Assert.Contains("warning " + folder["web.yaml"], log.Text, StringComparison.Ordinal);
        Assert.Null(runtime.LastFailure);
    }

    private void Start(string web, string mobile, string upstreams = "orders: { url: http://10.0.0.5 }")
    {
        var main = folder.Write("postern.yaml", Root(upstreams));
        folder.Write("web.yaml", web);
        folder.Write("mobile.yaml", mobile);
        (var started, var problems) = GatewayRuntime.Start(() => PosternExtensions.Load(main, null), log, TimeProvider.System);
        Assert.Empty(problems);
        runtime = started!;
    }

    private static string Root(string upstreams = "orders: { url: http://10.0.0.5 }") => $$"""
        version: 1
        telemetry: { accessLog: off }
        upstreams:
          {{upstreams}}
        gates:
          web: { include: web.yaml }
          mobile: { include: mobile.yaml }

        """;

    private static string Gate(string path, string body) =>
        $"match: {{ path: {path} }}\nidentity: off\nroutes:\n  - get: /a\n    respond: {{ status: 200, body: {body} }}\n";

    private IEnumerable<(string, int)> Versions() => runtime.Snapshot.Gates.Select(g => (g.Config.Name, g.Version));

    private string Body(string gate) => AskAsync($"/{gate}/a").GetAwaiter().GetResult();

    private Task<string> AskAsync(string path) => InMemory.AskAsync(runtime, path);

    private string Metrics()
    {
        var text = new System.Buffers.ArrayBufferWriter<byte>();
        PrometheusText.Write(runtime.Metrics, text);
        return Encoding.UTF8.GetString(text.WrittenSpan);
    }

    /// <summary>Keeps what was logged, a level and a message to a line.</summary>
    private sealed class Lines : ILogger
    {
        private readonly StringBuilder text = new();

        public string Text => text.ToString();

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            text.AppendLine($"{logLevel.ToString().ToLowerInvariant()} {formatter(state, exception)}");
    }
}
