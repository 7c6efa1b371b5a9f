using System.Diagnostics;
using System.Text.RegularExpressions;
using Postern.Tests.Harness;

namespace Postern.Tests.EndToEnd;

/// <summary>
/// One of an upstream's two destinations breaks under load, and clients see what the table in docs/resilience.md says: the cells are
/// what these tests expect. Gateway and services are processes of their own.
/// </summary>
[Collection(nameof(Alone))]
public sealed partial class FaultTests
{
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(25);
    private static readonly TimeSpan Recovery = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(1);

    /// <summary>How each row of the table is brought about, by words of its first cell; and how it ends, where not by being mended.</summary>
    private static readonly (string Row, Func<FaultyService, Task> Begin, Func<FaultyService, Task>? End)[] Faults =
    [
        ("killed", s => s.KillAsync(), s => s.StartAgainAsync()),
        ("stopped", s => s.StopAsync(), Continue),
        ("packets dropped", s => s.DropPacketsAsync(), Continue),
        ("never answers", s => s.BreakAsync("hang"), null),
        ("resets", s => s.BreakAsync("reset"), null),
        ("no HTTP", s => s.BreakAsync("garbage"), null),
        ("503", s => s.BreakAsync("fail 503"), null),
        ("500 half the time", s => s.BreakAsync("errors 0.5"), null),
        ("drips the head", s => s.BreakAsync("drip 100"), null),
        ("drips the body", s => s.BreakAsync("trickle 20"), null),
        ("breaks off", s => s.BreakAsync("cut"), null),
        ("goes silent", s => s.BreakAsync("stall"), null),
    ];

    public static TheoryData<string> Rows => new(Table().Select(r => r[0]));

    [Theory, MemberData(nameof(Rows))]
    public async Task Clients_see_what_the_table_says_and_the_full_rate_is_back_within_ten_seconds(string row)
    {
        Assert.SkipUnless(FaultyService.Missing is null, FaultyService.Missing ?? "");
        var (_, begin, end) = Assert.Single(Faults, f => row.Contains(f.Row));
        var cells = Table().Single(r => r[0] == row).Skip(1).Select(c => Codes().Matches(c).Select(m => m.Groups[1].Value).ToHashSet()).ToArray();
        await using var broken = await FaultyService.StartAsync("broken");
        await using var well = await FaultyService.StartAsync("well");
        using var folder = new TempFolder();
        await using var gateway = await RunningTool.StartAsync("run", "--config", folder.Write("postern.yaml", Config(broken, well)));
        Client[] clients =
        [
            new("nothing", cells[0], Load.Start($"{gateway.Url}/nothing", HttpMethod.Get, 3, Pace)),
            new("all, idempotent", cells[1], Load.Start($"{gateway.Url}/all", HttpMethod.Get, 6, Pace)),
            new("all, others", cells[2], Load.Start($"{gateway.Url}/all", HttpMethod.Post, 3, Pace)),
        ];
        try
        {
            // 1. Everything works, once all has run for the first time. There must have been some calls before a share of them may be tried again.
            await Task.WhenAll(clients.Select(c => c.Load.MoreAsync(100)));
            await SettlesAsync(clients, gateway);
            var rate = await RateAsync(clients[1].Load);

            // 2. The fault, until all that is configured has done what it can.
            var began = Stopwatch.GetTimestamp();
            await begin(broken);
            await Until.TrueAsync(() => Task.FromResult(clients.All(c => c.HasSeenEnough(began))), () => Tell(clients, began, gateway));
            await SettlesAsync(clients[1..], gateway);

            // 3. Its end.
            var ended = Stopwatch.GetTimestamp();
            await (end?.Invoke(broken) ?? broken.MendAsync());
            await Until.TrueAsync(() => Task.FromResult(clients.All(c => IsBack(c.Load, ended, c == clients[1] ? rate : 0, broken.Port, well.Port))),
                () => $"The full rate ({rate:0}/s) isn't back. {Tell(clients, ended, gateway)}", Recovery + Window);
            TestContext.Current.SendDiagnosticMessage("{0}: back after {1:0.0} s; {2}", row, Stopwatch.GetElapsedTime(ended).TotalSeconds - Window.TotalSeconds, Tell(clients, began));
            Assert.All(clients, c => Assert.True(c.Load.Since(began).All(s => c.Allowed.Contains(s.Result)), Tell(clients, began, gateway)));
        }
        finally
        {
            await Task.WhenAll(clients.Select(c => c.Load.DisposeAsync().AsTask()));
        }
    }

    [Fact]
    public async Task With_what_the_page_says_to_write_no_client_sees_that_one_of_two_is_killed()
    {
        Assert.SkipUnless(FaultyService.Missing is null, FaultyService.Missing ?? "");
        await using var broken = await FaultyService.StartAsync("broken");
        await using var well = await FaultyService.StartAsync("well");
        using var folder = new TempFolder();
        var page = File.ReadAllText(Repository.File("docs", "resilience.md"));
        var yaml = page[(page.IndexOf("```yaml\n", StringComparison.Ordinal) + 8)..].Split("```")[0]
            .Replace("http://10.0.0.5:5001", broken.Url, StringComparison.Ordinal).Replace("http://10.0.0.6:5001", well.Url, StringComparison.Ordinal);
        await using var gateway = await RunningTool.StartAsync("run", "--config", folder.Write("postern.yaml", $"{Head}\n{yaml}"));
        await using var load = Load.Start($"{gateway.Url}/web/products", HttpMethod.Get, 8, Pace);
        await load.MoreAsync(100);
        var rate = await RateAsync(load);
        await broken.KillAsync();
        await load.MoreAsync(300);
        var ended = Stopwatch.GetTimestamp();
        await broken.StartAgainAsync();
        await Until.TrueAsync(() => Task.FromResult(IsBack(load, ended, rate, broken.Port, well.Port)),
            () => $"The full rate ({rate:0}/s) isn't back. {Load.Tell(load.Since(ended))}\n{gateway.Error}", Recovery + Window);
        TestContext.Current.SendDiagnosticMessage("killed, by the page: back after {0:0.0} s", Stopwatch.GetElapsedTime(ended).TotalSeconds - Window.TotalSeconds);
        Assert.All(load.Seen, s => Assert.True(s.Result == "200" && s.By != 0, $"{Load.Tell(load.Seen)}\n{gateway.Error}"));
    }

    [Fact]
    public void Every_fault_has_a_row()
    {
        var rows = Table().Select(r => r[0]).ToList();
        Assert.All(Faults, f => Assert.Single(rows, r => r.Contains(f.Row)));
        Assert.Equal(Faults.Length, rows.Count);
    }

    private static Task Continue(FaultyService service)
    {
        service.Continue();
        return Task.CompletedTask;
    }

    private const string Head = "version: 1\nlisten: http://127.0.0.1:0\nadmin: http://127.0.0.1:0\ntelemetry: { accessLog: /dev/null }";

    /// <summary>What the page says to write, but that waiting is shorter, so that tests are.</summary>
    private static string Config(FaultyService broken, FaultyService well) => $$"""
        {{Head}}
        upstreams:
          nothing:
            urls: [{{broken.Url}}, {{well.Url}}]
            timeout: 1s
            idleTimeout: 500ms
          all:
            urls: [{{broken.Url}}, {{well.Url}}]
            connectTimeout: 500ms
            timeout: 3s
            tryTimeout: 500ms
            idleTimeout: 500ms
            health: { path: /healthz, interval: 500ms, passive: { ejectFor: 1s } }
            breaker: { openFor: 1s }
            retry: { attempts: 2, budget: 10% }
            maxConcurrent: 512
        gates:
          nothing: { match: { path: /nothing }, identity: off, routes: [{ any: "/{**rest}", to: "http://nothing/{rest}" }] }
          all: { match: { path: /all }, identity: off, routes: [{ any: "/{**rest}", to: "http://all/{rest}" }] }
        """;

    /// <summary>Done when nobody has met a failure for a while.</summary>
    private static Task SettlesAsync(Client[] clients, RunningTool gateway) =>
        Until.TrueAsync(() => Task.FromResult(clients.All(c => c.Load.Seen.TakeLast(40).All(s => s.Result == "200"))),
            () => $"Calls fail on and on. {Tell(clients, 0, gateway)}", TimeSpan.FromSeconds(20));

    /// <summary>Whether the last second was as good as any: all succeed, as many as before, at both destinations.</summary>
    private static bool IsBack(Load load, long ended, double rate, int broken, int well)
    {
        var since = Stopwatch.GetTimestamp() - (long)(Window.TotalSeconds * Stopwatch.Frequency);
        if (since < ended)
        {
            return false;
        }
        var last = load.Since(since);
        return last.Length > 0 && last.Length >= 0.75 * rate * Window.TotalSeconds && last.All(s => s.Result == "200")
            && last.Count(s => s.By == broken) >= 0.2 * last.Length && last.Count(s => s.By == well) >= 0.2 * last.Length;
    }

    private static async Task<double> RateAsync(Load load)
    {
        var (began, before) = (Stopwatch.GetTimestamp(), load.Count);
        await load.MoreAsync(100);
        return (load.Count - before) / Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    private static string Tell(Client[] clients, long since, RunningTool? gateway = null) =>
        string.Join("; ", clients.Select(c => $"{c.Name} ({string.Join(", ", c.Allowed)}): {Load.Tell(c.Load.Since(since))}")) + (gateway is null ? "" : $"\n{gateway.Error}");

    /// <summary>The rows of the page's table, cell by cell.</summary>
    private static string[][] Table()
    {
        var lines = File.ReadAllLines(Repository.File("docs", "resilience.md"));
        return [.. lines.SkipWhile(l => !l.StartsWith("| one of two destinations", StringComparison.Ordinal)).Skip(2).TakeWhile(l => l.StartsWith('|'))
            .Select(l => l.Trim('|', ' ').Split('|', StringSplitOptions.TrimEntries))];
    }

    [GeneratedRegex("`([0-9]{3}|cut)`")]
    private static partial Regex Codes();

    /// <summary>Those who ask one way.</summary>
    private sealed record Client(string Name, HashSet<string> Allowed, Load Load)
    {
        /// <summary>Whether it has met the fault: some of each result that is told, where only those who nothing guards are sure to.</summary>
        public bool HasSeenEnough(long since)
        {
            var seen = Load.Since(since);
            return seen.Length >= 40 && (Name != "nothing" || Allowed.Count == 1 || seen.Any(s => s.Result != "200"));
        }
    }
}
