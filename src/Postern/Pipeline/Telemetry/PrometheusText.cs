using System.Buffers;
using System.Globalization;
using System.Text;

namespace Postern.Pipeline.Telemetry;

/// <summary>Writes the registry in Prometheus' text format, version 0.0.4.</summary>
internal static class PrometheusText
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private static readonly string[] Bounds = [.. Histogram.Seconds.Select(s => s.ToString(CultureInfo.InvariantCulture)), "+Inf"];

    /// <summary>Writes every family with its help, its type and its series.</summary>
    public static void Write(MetricRegistry registry, IBufferWriter<byte> output)
    {
        var text = new StringBuilder();
        foreach (var family in registry.Read())
        {
            text.Append("# HELP ").Append(family.Name).Append(' ').Append(family.Help.Replace("\\", "\\\\").Replace("\n", "\\n")).Append('\n');
            text.Append("# TYPE ").Append(family.Name).Append(' ').Append(family.Kind switch
            {
                MetricKind.Counter => "counter",
                MetricKind.Gauge => "gauge",
                _ => "histogram",
            }).Append('\n');
            foreach (var series in family.Series)
            {
                WriteSeries(text, family.Name, series);
            }
            Encoding.UTF8.GetBytes(text.ToString(), output);
            text.Clear();
        }
    }

    private static void WriteSeries(StringBuilder text, string name, MetricSeries series)
    {
        switch (series.Source)
        {
            case Counter counter:
                Line(text, name, "", series.Labels).Append(counter.Value).Append('\n');
                break;
            case Func<double> read:
                Line(text, name, "", series.Labels).Append(Number(read())).Append('\n');
                break;
            case Histogram histogram:
                var (buckets, sum) = histogram.Read();
                var count = 0L;
                for (var i = 0; i < buckets.Length; i++)
                {
                    count += buckets[i];
                    var separator = series.Labels.Length > 0 ? "," : "";
                    Line(text, name, "_bucket", $"{series.Labels}{separator}le=\"{Bounds[i]}\"").Append(count).Append('\n');
                }
                Line(text, name, "_sum", series.Labels).Append(Number(sum)).Append('\n');
                Line(text, name, "_count", series.Labels).Append(count).Append('\n');
                break;
        }
    }

    private static StringBuilder Line(StringBuilder text, string name, string suffix, string labels)
    {
        text.Append(name).Append(suffix);
        return labels.Length == 0 ? text.Append(' ') : text.Append('{').Append(labels).Append("} ");
    }

    private static string Number(double value) => value switch
    {
        double.PositiveInfinity => "+Inf",
        double.NegativeInfinity => "-Inf",
        _ => value.ToString("R", CultureInfo.InvariantCulture),
    };
}
