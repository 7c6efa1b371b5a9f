using System.Buffers;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Pipeline.Telemetry;
using Postern.Runtime;
using Postern.Tests.Harness;
using Postern.Tests.Runtime;

namespace Postern.Tests.Edge.Admitting;

/// <summary>A reload keeps what is counted: requests that began before it count under the new bounds.</summary>
public sealed class ReloadedBoundsTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task What_old_requests_hold_counts_under_the_new_bounds()
    {
        await using var upstream = await HeldUpstream.StartAsync();
        var file = folder.Write("postern.yaml", Text(upstream, "maxConcurrent: 3", "maxConcurrentPerConsumer: 3"));
        var (runtime, problems) = GatewayRuntime.Start(() => PosternExtensions.Load(file, null), NullLogger.Instance, TimeProvider.System);
        using var _ = runtime;
        Assert.All(problems, p => Assert.True(p.IsWarning));
        var (answers, arrivals) = (new List<Task<string>>(), new List<Arrival>());
        await GoesOnAsync();
        await GoesOnAsync();

        Reload("maxConcurrent: 2", "maxConcurrentPerConsumer: 9");
        await IsRefusedAsync();
        Assert.Contains("postern_concurrency_requests{gate=\"web\"} 2\n", Metrics(), StringComparison.Ordinal);
        Assert.Contains("postern_concurrency_limit{gate=\"web\"} 2\n", Metrics(), StringComparison.Ordinal);
        Reload("maxConcurrent: 9", "maxConcurrentPerConsumer: 2");
        await IsRefusedAsync();
        Reload("maxConcurrent: 9", "maxConcurrentPerConsumer: 3");
        await GoesOnAsync();
        await IsRefusedAsync();

        // A file with a mistake changes nothing.
        Reload("maxConcurrent: 1", "maxConcurrentPerConsumer: 0");
        await IsRefusedAsync();
        Reload("maxConcurrent: 4", "maxConcurrentPerConsumer: off");
        await GoesOnAsync();
        await IsRefusedAsync();
        arrivals.ForEach(a => a.Answer());
        await Task.WhenAll(answers).WaitAsync(TestGateway.Patience);
        Assert.Contains("postern_concurrency_requests{gate=\"web\"} 0\n", Metrics(), StringComparison.Ordinal);

        void Reload(params string[] bounds)
        {
            folder.Write("postern.yaml", Text(upstream, bounds));
            runtime!.Reload();
        }

        async Task GoesOnAsync()
        {
            answers.Add(InMemory.AskAsync(runtime!, "/a"));
            arrivals.Add(await upstream.NextAsync());
        }

        async Task IsRefusedAsync() => Assert.Contains("too-many-at-once", await InMemory.AskAsync(runtime!, "/a").WaitAsync(TestGateway.Patience), StringComparison.Ordinal);

        string Metrics()
        {
            var text = new ArrayBufferWriter<byte>();
            PrometheusText.Write(runtime!.Metrics, text);
            return Encoding.UTF8.GetString(text.WrittenSpan);
        }
    }

    private static string Text(HeldUpstream upstream, params string[] bounds) => $$"""
        version: 1
        telemetry: { accessLog: off }
        upstreams: { up: { url: {{upstream.Url}} } }
        gates:
          web:
            identity: off
            {{string.Join("\n    ", bounds)}}
            routes: [{ any: "/{**rest}", to: http://up }]
        """;
}
