using System.Diagnostics;
using System.Globalization;
using Postern.Tests.Harness;

namespace Postern.Tests.EndToEnd;

/// <summary>What a service that fails or hangs under load costs itself and others. Gateway and services are processes of their own.</summary>
[Collection(nameof(Alone))]
public sealed class OverloadTests
{
    [Fact]
    public async Task An_upstream_that_fails_every_call_sees_little_more_than_was_asked()
    {
        Assert.SkipUnless(FaultyService.Missing is null, FaultyService.Missing ?? "");
        const int MinPerSecond = 3;
        await using var one = await FaultyService.StartAsync("one");
        await using var other = await FaultyService.StartAsync("other");
        await one.BreakAsync("fail 503");
        await other.BreakAsync("fail 503");
        using var folder = new TempFolder();
        await using var gateway = await StartAsync(folder,
            $"up: {{ urls: [{one.Url}, {other.Url}], retry: {{ attempts: 4, budget: 10%, minPerSecond: {MinPerSecond} }} }}", "up");
        var began = Stopwatch.GetTimestamp();
        var gets = Load.Start($"{gateway.Url}/up", HttpMethod.Get, 8, TimeSpan.FromMilliseconds(10));
        var posts = Load.Start($"{gateway.Url}/up", HttpMethod.Post, 2, TimeSpan.FromMilliseconds(10));
        await gets.MoreAsync(1500);
        await Task.WhenAll(gets.DisposeAsync().AsTask(), posts.DisposeAsync().AsTask());
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;

        Assert.All(gets.Seen.Concat(posts.Seen), e => Assert.Equal("503", e.Result));
        var counts = new[] { await one.CountAsync(), await other.CountAsync() };
        var (calls, retries) = (counts.Sum(c => c.Calls - c.Retries), counts.Sum(c => c.Retries));
        TestContext.Current.SendDiagnosticMessage("{0} calls, {1} more tries in {2:0.0} s", calls, retries, seconds);
        // The last calls of the clients may have been given up before they were counted.
        Assert.InRange(calls, gets.Count + posts.Count, gets.Count + posts.Count + 10);
        Assert.InRange(retries, 1, 0.1 * calls + MinPerSecond * Math.Ceiling(seconds + 1));
        Assert.Equal(["GET", "POST"], counts.SelectMany(c => c.Asked.Keys).Where(k => k.EndsWith(" 1", StringComparison.Ordinal)).Select(k => k[..^2]).Distinct().Order(StringComparer.Ordinal));
        Assert.DoesNotContain("POST 2", counts.SelectMany(c => c.Asked.Keys));
    }

    [Fact]
    public async Task One_of_eight_upstreams_that_hangs_harms_none_of_the_others()
    {
        Assert.SkipUnless(FaultyService.Missing is null, FaultyService.Missing ?? "");
        const int Capacity = 32;
        await using var well = await FaultyService.StartAsync("well");
        await using var hanging = await FaultyService.StartAsync("hanging");
        await hanging.BreakAsync("hang");
        string[] others = [.. Enumerable.Range(1, 7).Select(i => $"up{i}")];
        using var folder = new TempFolder();
        await using var gateway = await StartAsync(folder,
            string.Join('\n', others.Select(u => $"{u}: {{ url: {well.Url} }}").Append($"slow: {{ url: {hanging.Url}, timeout: 2s, maxConcurrent: {Capacity} }}")), [.. others, "slow"]);
        var loads = others.Select(u => Load.Start($"{gateway.Url}/{u}", HttpMethod.Get, 2, TimeSpan.FromMilliseconds(25))).ToArray();

        await AskedAsync(100);
        var quiet = await AskedAsync(200);
        var memory = Resident(gateway.Id);
        var flood = Load.Start($"{gateway.Url}/slow", HttpMethod.Get, 5 * Capacity, TimeSpan.FromMilliseconds(500));
        await Until.TrueAsync(() => flood.Seen.Any(s => s.Result == "504") && flood.Seen.Any(s => s.Result == "503"), "The flood isn't one.");
        var flooded = await AskedAsync(300);
        var grown = Resident(gateway.Id) - memory;
        await Task.WhenAll(loads.Append(flood).Select(l => l.DisposeAsync().AsTask()));

        TestContext.Current.SendDiagnosticMessage("p99 {0:0.0} ms quiet, {1:0.0} ms flooded; {2} MB more; the flood: {3}", quiet, flooded, grown >> 20, Load.Tell(flood.Seen));
        Assert.All(loads.SelectMany(l => l.Seen), e => Assert.Equal("200", e.Result));
        Assert.All(flood.Seen, e => Assert.Contains($"{e.Result} {e.Reason}", new[] { "504 upstream-timeout", "503 upstream-full" }));
        // It may have the next requests before it has seen that those in front of them were given up.
        Assert.InRange((await hanging.CountAsync()).MostInFlight, 1, 2 * Capacity);
        Assert.InRange(grown, long.MinValue, 64 << 20);
        // What bench/run --resilience measures exactly: at most twice. Here other things run on the same cores.
        Assert.InRange(flooded, 0, 2 * quiet + 50);

        // The p99 of all seven, in milliseconds, over so many more requests of each.
        async Task<double> AskedAsync(int more)
        {
            var since = Stopwatch.GetTimestamp();
            await Task.WhenAll(loads.Select(l => l.MoreAsync(more)));
            var took = loads.SelectMany(l => l.Since(since)).Select(e => e.Took.TotalMilliseconds).Order().ToArray();
            return took[took.Length * 99 / 100];
        }
    }

    private static Task<RunningTool> StartAsync(TempFolder folder, string upstreams, params string[] names) =>
        RunningTool.StartAsync("run", "--config", folder.Write("postern.yaml", $$"""
            version: 1
            listen: http://127.0.0.1:0
            admin: http://127.0.0.1:0
            telemetry: { accessLog: /dev/null }
            upstreams:
              {{upstreams.Replace("\n", "\n  ")}}
            gates:
              {{string.Join("\n  ", names.Select(n => $$"""{{n}}: { match: { path: /{{n}} }, identity: off, routes: [{ any: "/{**rest}", to: "http://{{n}}/{rest}" }] }"""))}}
            """));

    /// <summary>What a process has in memory, in bytes.</summary>
    private static long Resident(int process) => long.Parse(File.ReadLines($"/proc/{process}/status").First(l => l.StartsWith("VmRSS:", StringComparison.Ordinal))
        .Split(' ', '\t', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;
}
