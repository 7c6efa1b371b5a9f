using System.Diagnostics;
using System.Text.Json;
using Postern.Edge.Observing;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Tests.Edge.Observing;

public sealed class AccessLogTests
{
    private readonly MetricRegistry metrics = new();
    private readonly FixedTime time = new();
    private readonly MemorySink sink = new();

    [Fact]
    public void A_line_says_what_happened()
    {
        Write(Entry() with
        {
            Started = time.GetTimestamp() - Ticks(1.5),
            Duration = Ticks(0.0123456),
            Status = 502,
            BytesSent = 5_000_000_000,
            Failure = Failure.UpstreamGone,
            Reason = "closed \"early\"",
            Upstream = "orders",
            Destination = "127.0.0.1:5003",
        });
        Assert.Equal(
            """
            {"time":"2026-11-03T10:20:28.623Z","gate":"web","route":"GET /web/things/{id}","method":"GET","path":"/web/things/7","status":502,"bytes":5000000000,"duration":12.345,"upstream":"orders","destination":"127.0.0.1:5003","failure":"upstream-gone","reason":"closed \"early\"","traceId":"t","requestId":"r","client":"192.0.2.1"}

            """, sink.Text);
    }

    [Fact]
    public void A_line_says_who_called_where_somebody_knows()
    {
        Write(Entry() with { Identity = "partners", Consumer = "acme\n\"inc\"" });
        Assert.EndsWith(",\"client\":\"192.0.2.1\",\"identity\":\"partners\",\"consumer\":\"acme\\n\\\"inc\\\"\"}\n", sink.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_consumer_of_any_length_has_room()
    {
        var id = new string('\u0001', 100_000);
        Write(Entry() with { Identity = "partners", Consumer = id });
        Assert.Equal(id, Assert.Single(sink.Lines).GetProperty("consumer").GetString());
    }

    [Fact]
    public void What_there_is_not_is_left_out()
    {
        Write(Entry() with { Reason = "not a failure" });
        Assert.Equal(
            ["time", "gate", "route", "method", "path", "status", "bytes", "duration", "traceId", "requestId", "client"],
            Assert.Single(sink.Lines).EnumerateObject().Select(p => p.Name));
    }

    [Theory]
    [InlineData("/a\"b\\c")]
    [InlineData("/\0\u0001\b\n\r\t\u001f\u007f\u009b")]
    [InlineData("/ä€😀\u2028")]
    [InlineData("\"},{\"admin\":true}\n{")]
    public void Nothing_in_a_request_can_break_a_line(string path)
    {
        Write(Entry() with { Path = path });
        Assert.Equal(path, JsonDocument.Parse(sink.Text).RootElement.GetProperty("path").GetString());
        Assert.Equal(1, sink.Text.Count(c => c == '\n'));
        Assert.DoesNotContain(sink.Text, c => c is (< ' ' and not '\n') or (>= '\u007f' and < '\u00a0'));
    }

    [Fact]
    public void Half_a_surrogate_pair_is_replaced()
    {
        Write(Entry() with { Path = "/a" + (char)0xd800 });
        Assert.Equal("/a\ufffd", Assert.Single(sink.Lines).GetProperty("path").GetString());
    }

    [Fact]
    public void A_line_of_any_length_is_written_whole()
    {
        var path = "/" + new string('\u0001', 100_000);
        Write(Entry() with { Path = path }, Entry());
        Assert.Equal([path, "/web/things/7"], sink.Lines.Select(l => l.GetProperty("path").GetString()));
    }

    [Fact]
    public async Task A_full_queue_drops_and_counts_and_never_waits()
    {
        sink.Block();
        var log = new AccessLog(16, sink, metrics, time);
        log.Write(Entry());
        await sink.Entered.Task.WaitAsync(MemorySink.Patience);
        var taken = await Task.Run(() => Enumerable.Range(0, 100).Count(_ => log.Write(Entry()))).WaitAsync(MemorySink.Patience);
        Assert.Equal(16, taken);
        Assert.Equal(84, Dropped("queue"));
        sink.Release();
        log.Dispose();
        Assert.Equal(17, sink.Lines.Count());
        Assert.Equal(84, Dropped("queue"));
    }

    [Fact]
    public async Task Lines_from_many_threads_are_written_or_counted_and_none_twice()
    {
        var log = new AccessLog(256, sink, metrics, time);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(thread => Task.Run(() =>
        {
            for (var i = 0; i < 5_000; i++)
            {
                log.Write(Entry() with { RequestId = $"{thread}-{i}" });
            }
        })));
        log.Dispose();
        var ids = sink.Lines.Select(l => l.GetProperty("requestId").GetString()!).ToList();
        Assert.Equal(ids.Count, ids.Distinct().Count());
        Assert.Equal(40_000, ids.Count + Dropped("queue"));
        Assert.All(ids.GroupBy(id => id[0]), g => Assert.Equal(g.OrderBy(id => int.Parse(id[2..])), g));
    }

    [Fact]
    public async Task A_retired_log_still_writes_for_requests_in_flight()
    {
        var log = new AccessLog(16, sink, metrics, time);
        log.Write(Entry());
        log.Dispose();
        await sink.Closed.Task.WaitAsync(MemorySink.Patience);
        log.Write(Entry());
        await sink.Seen(2).WaitAsync(MemorySink.Patience);
    }

    [Fact]
    public void A_file_is_appended_to_and_made_anew_after_a_rotation()
    {
        var directory = Directory.CreateTempSubdirectory("postern-log");
        var path = Path.Combine(directory.FullName, "access.log");
        File.WriteAllText(path, "before\n");
        var file = new FileSink(path);
        file.Write("one\n"u8);
        file.Write("two\n"u8);
        Assert.Equal("before\none\ntwo\n", File.ReadAllText(path));

        File.Move(path, path + ".1");
        file.Write("three\n"u8);
        Assert.Equal("three\n", File.ReadAllText(path));

        File.Move(path, path + ".2");
        File.WriteAllText(path, "");
        file.Write("four\n"u8);
        Assert.Equal("four\n", File.ReadAllText(path));
        Assert.Equal("three\n", File.ReadAllText(path + ".2"));

        File.WriteAllText(path, ""); // Truncated in place, as copytruncate does.
        file.Write("five\n"u8);
        Assert.Equal("five\n", File.ReadAllText(path));
        file.Close();
        directory.Delete(recursive: true);
    }

    [Fact]
    public void A_failing_disk_costs_lines_and_is_counted()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "needs /dev/full");
        using (var log = new AccessLog(16, new FileSink("/dev/full"), metrics, time))
        {
            log.Write(Entry());
            log.Write(Entry());
        }
        Assert.Equal(2, Dropped("write"));

        using (var log = new AccessLog(16, new FileSink("/nowhere/at/all/access.log"), metrics, time))
        {
            log.Write(Entry());
        }
        Assert.Equal(3, Dropped("write"));
    }

    [Fact]
    public void The_null_device_takes_lines()
    {
        Assert.SkipUnless(File.Exists("/dev/null"), "needs /dev/null");
        using (var log = new AccessLog(16, new FileSink("/dev/null"), metrics, time))
        {
            log.Write(Entry());
        }
        Assert.Equal(0, Dropped("write"));
    }

    [Fact]
    public void Off_is_no_log_and_equal_options_share_one()
    {
        var state = new StatePool();
        Assert.Null(AccessLog.Of(state, new AccessLogOptions { To = "off" }, time));
        var first = AccessLog.Of(state, new AccessLogOptions { To = "/dev/null" }, time);
        Assert.Same(first, AccessLog.Of(state, new AccessLogOptions { To = "/dev/null" }, time));
        Assert.NotSame(first, AccessLog.Of(state, new AccessLogOptions { To = "/dev/null", Queue = 16 }, time));
    }

    private static AccessLogEntry Entry() => new()
    {
        Gate = "web", Route = "GET /web/things/{id}", Method = "GET", Path = "/web/things/7", Status = 200, TraceId = "t", RequestId = "r", Client = "192.0.2.1",
    };

    private void Write(params AccessLogEntry[] entries)
    {
        using var log = new AccessLog(16, sink, metrics, time);
        foreach (var entry in entries)
        {
            log.Write(entry);
        }
    }

    private long Dropped(string reason) => metrics.Counter("postern_access_log_dropped_total", "", ("reason", reason)).Value;

    private static long Ticks(double seconds) => (long)(seconds * Stopwatch.Frequency);

    private sealed class FixedTime : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => new(2026, 11, 3, 10, 20, 30, 123, TimeSpan.Zero);

        public override long GetTimestamp() => Ticks(1000);
    }
}
