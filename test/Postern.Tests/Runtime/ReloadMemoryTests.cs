using Microsoft.Extensions.Logging.Abstractions;
using Postern.Runtime;
using Postern.Tests.Harness;
using Postern.Upstreams.Forwarding;

namespace Postern.Tests.Runtime;

[Collection(nameof(Alone))]
public sealed class ReloadMemoryTests
{
    /// <summary>A snapshot of this configuration is about 360 KB, so a leak of a hundredth of it shows.</summary>
    private const int Routes = 60;

    [Fact]
    public async Task Memory_after_1000_reloads_is_what_it_was_after_10()
    {
        await using var upstream = await WebUpstream.StartAsync();
        using var folder = new TempFolder();
        var reloads = 0;
        var main = folder.Write("postern.yaml", $$"""
            version: 1
            telemetry: { accessLog: off }
            upstreams:
              orders: { url: "{{upstream.Url}}" }
            gates:
              web:
                match: { path: /web }
                headers: { request: { set: { X-A: a, X-B: b } } }
                identity: off
                routes:
            {{string.Concat(Enumerable.Range(0, Routes).Select(i => $"      - get: /r{i}/{{id:int}}\n        to: http://orders/r{i}/{{id}}?n={i}\n"))}}
            """);
        // Each reload also retires the destination, with its open connection, and makes another.
        var (runtime, problems) = GatewayRuntime.Start(
            () => PosternExtensions.Load(main, b => b.Config.Upstreams[0].Sections.Set<ForwardingOptions>(o => o with { MaxConnections = 1 + (reloads % 50) })),
            NullLogger.Instance, TimeProvider.System);
        Assert.Empty(problems);
        using (runtime)
        {
            await ReloadAsync(10);
            var early = Measure();
            await ReloadAsync(990);
            var late = Measure();
            Assert.True(late < early + (2 << 20), $"{early / 1024} KB after 10 reloads, {late / 1024} KB after 1,000.");
            Assert.Equal(1, runtime!.Snapshot.Gates[0].Version);
        }

        async Task ReloadAsync(int times)
        {
            for (var i = 0; i < times; i++)
            {
                reloads++;
                Assert.Empty(runtime!.Reload());
                if (i % 10 == 0)
                {
                    Assert.Equal($"upstream /r7/{i}?n=7", await InMemory.AskAsync(runtime, $"/web/r7/{i}"));
                }
            }
        }
    }

    private static long Measure()
    {
        for (var i = 0; i < 3; i++)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true, compacting: true);
            GC.WaitForPendingFinalizers();
        }
        return GC.GetTotalMemory(forceFullCollection: true);
    }
}
