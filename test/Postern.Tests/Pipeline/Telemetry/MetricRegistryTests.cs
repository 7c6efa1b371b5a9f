using System.Buffers;
using System.Diagnostics;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Tests.Pipeline.Telemetry;

public sealed class MetricRegistryTests
{
    private readonly MetricRegistry registry = new();

    [Fact]
    public void The_same_name_and_labels_are_the_same_number()
    {
        registry.Counter("a_total", "A.", ("x", "1")).Add(2);
        registry.Counter("a_total", "A.", ("x", "1")).Add(3);
        registry.Counter("a_total", "A.", ("x", "2")).Add();
        Assert.Equal(5, registry.Counter("a_total", "A.", ("x", "1")).Value);
        Assert.Throws<InvalidOperationException>(() => registry.Histogram("a_total", "A."));
    }

    [Fact]
    public void Numbers_outlive_a_reload()
    {
        var state = new StatePool();
        MetricRegistry.Of(state).Counter("a_total", "A.").Add();
        state.Start(TimeProvider.System, NullLogger.Instance);
        state.Commit();
        Assert.Equal(1, MetricRegistry.Of(state).Counter("a_total", "A.").Value);
    }

    [Fact]
    public async Task No_count_is_lost_between_threads()
    {
        var counter = registry.Counter("a_total", "A.");
        var histogram = registry.Histogram("a_seconds", "A.");
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 20_000; i++)
            {
                counter.Add();
                histogram.Record(Stopwatch.Frequency);
            }
        })));
        Assert.Equal(160_000, counter.Value);
        var (buckets, sum) = histogram.Read();
        Assert.Equal(160_000, buckets.Sum());
        Assert.Equal(160_000, sum, 6);
    }

    [Fact]
    public void The_text_is_what_Prometheus_reads()
    {
        registry.Counter("b_total", "Back\\slash and\nnewline.", ("path", "a\\b\"c\nd"), ("of", "ä€😀")).Add(7);
        registry.Level("c_now", "C.").Add(-2);
        registry.Gauge("d_ratio", "D.", () => 0.5);
        registry.Gauge("d_ratio", "D.", () => double.PositiveInfinity, ("of", "x"));
        Assert.Equal(
            """
            # HELP b_total Back\\slash and\nnewline.
            # TYPE b_total counter
            b_total{path="a\\b\"c\nd",of="ä€😀"} 7
            # HELP c_now C.
            # TYPE c_now gauge
            c_now -2
            # HELP d_ratio D.
            # TYPE d_ratio gauge
            d_ratio 0.5
            d_ratio{of="x"} +Inf

            """, TextWithout("postern_metrics"));
    }

    [Fact]
    public void A_histogram_has_cumulative_buckets_a_sum_and_a_count()
    {
        var histogram = registry.Histogram("h_seconds", "H.", ("route", "/a"));
        foreach (var seconds in new[] { 0.001, 0.005, 0.006, 0.3, 20 })
        {
            histogram.Record((long)(seconds * Stopwatch.Frequency));
        }
        var lines = TextWithout("postern_metrics").Split('\n');
        Assert.Equal("# TYPE h_seconds histogram", lines[1]);
        Assert.Equal("h_seconds_bucket{route=\"/a\",le=\"0.0005\"} 0", lines[2]);
        Assert.Equal("h_seconds_bucket{route=\"/a\",le=\"0.001\"} 1", lines[3]);
        Assert.Equal("h_seconds_bucket{route=\"/a\",le=\"0.005\"} 2", lines[5]);
        Assert.Equal("h_seconds_bucket{route=\"/a\",le=\"0.01\"} 3", lines[6]);
        Assert.Equal("h_seconds_bucket{route=\"/a\",le=\"0.25\"} 3", lines[11]);
        Assert.Equal("h_seconds_bucket{route=\"/a\",le=\"0.5\"} 4", lines[12]);
        Assert.Equal("h_seconds_bucket{route=\"/a\",le=\"10\"} 4", lines[18]);
        Assert.Equal("h_seconds_bucket{route=\"/a\",le=\"+Inf\"} 5", lines[19]);
        Assert.Equal("h_seconds_sum{route=\"/a\"} 20.312", lines[20]);
        Assert.Equal("h_seconds_count{route=\"/a\"} 5", lines[21]);
    }

    [Fact]
    public void A_gauge_asks_whoever_registered_last()
    {
        registry.Gauge("g", "G.", () => 1);
        registry.Gauge("g", "G.", () => 2);
        Assert.Contains("\ng 2\n", TextWithout("postern_metrics"));
    }

    [Fact]
    public void Series_under_one_name_are_bounded_and_the_rest_still_count()
    {
        for (var i = 0; i < MetricRegistry.MaxSeries + 5; i++)
        {
            registry.Counter("a_total", "A.", ("i", $"{i}")).Add();
        }
        var text = TextWithout("#");
        Assert.Equal(MetricRegistry.MaxSeries, text.Split('\n').Count(l => l.StartsWith("a_total", StringComparison.Ordinal)));
        Assert.Contains("postern_metrics_series_hidden_total 5\n", text);
    }

    private string TextWithout(string word)
    {
        var output = new ArrayBufferWriter<byte>();
        PrometheusText.Write(registry, output);
        return string.Join('\n', Encoding.UTF8.GetString(output.WrittenSpan).Split('\n').Where(l => !l.Contains(word)));
    }
}
