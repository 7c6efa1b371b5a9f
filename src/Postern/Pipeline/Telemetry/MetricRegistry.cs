using System.Text;

namespace Postern.Pipeline.Telemetry;

/// <summary>What a series measures.</summary>
internal enum MetricKind { Counter, Gauge, Histogram }

/// <summary>One line of numbers: a family's labels with their values, as they are written, and where the numbers come from.</summary>
internal sealed record MetricSeries(string Labels, object Source);

/// <summary>All series of one name.</summary>
internal sealed record MetricFamily(string Name, string Help, MetricKind Kind, IReadOnlyList<MetricSeries> Series);

/// <summary>
/// The numbers of this process, and the source of <c>/metrics</c>. A stage asks for a counter or histogram while it is
/// compiled, keeps it, and adds to it without a look-up; asking again for the same name and labels gives the same one, so
/// numbers outlive a reload. Series of routes that are gone stay; the number of series under one name is bounded.
/// </summary>
internal sealed class MetricRegistry
{
    /// <summary>Series under one name; those past it count, but aren't shown.</summary>
    public const int MaxSeries = 10_000;

    private readonly Lock gate = new();
    private readonly SortedDictionary<string, Entry> families = new(StringComparer.Ordinal);
    private readonly Counter hidden;

    public MetricRegistry() =>
        hidden = Counter("postern_metrics_series_hidden_total", "Series that are not shown because their name has too many.");

    private sealed record Entry(string Help, MetricKind Kind)
    {
        public List<MetricSeries> Series { get; } = [];

        public Dictionary<string, int> Places { get; } = [];
    }

    /// <summary>The registry of a gateway.</summary>
    public static MetricRegistry Of(StatePool state) => state.Keep("metrics", "", static () => new MetricRegistry());

    /// <summary>The counter of that name (snake case, ending in <c>_total</c>) and those labels.</summary>
    public Counter Counter(string name, string help, params ReadOnlySpan<(string Name, string Value)> labels) =>
        (Counter)Find(name, help, MetricKind.Counter, Write(labels), static _ => new Counter(), 0);

    /// <summary>A number that goes up and down, kept like a counter.</summary>
    public Counter Level(string name, string help, params ReadOnlySpan<(string Name, string Value)> labels) =>
        (Counter)Find(name, help, MetricKind.Gauge, Write(labels), static _ => new Counter(), 0);

    /// <summary>A number that is asked for when metrics are read. The last one registered is asked: a new snapshot's replaces the old one's.</summary>
    public void Gauge(string name, string help, Func<double> read, params ReadOnlySpan<(string Name, string Value)> labels) =>
        Find(name, help, MetricKind.Gauge, Write(labels), static read => read, read, replace: true);

    /// <summary>A total that is kept elsewhere and asked for when metrics are read.</summary>
    public void Total(string name, string help, Func<double> read, params ReadOnlySpan<(string Name, string Value)> labels) =>
        Find(name, help, MetricKind.Counter, Write(labels), static read => read, read, replace: true);

    /// <summary>The histogram of durations of that name (ending in <c>_seconds</c>) and those labels.</summary>
    public Histogram Histogram(string name, string help, params ReadOnlySpan<(string Name, string Value)> labels) =>
        (Histogram)Find(name, help, MetricKind.Histogram, Write(labels), static _ => new Histogram(), 0);

    /// <summary>Everything there is, by name.</summary>
    public IReadOnlyList<MetricFamily> Read()
    {
        lock (gate)
        {
            return [.. families.Select(f => new MetricFamily(f.Key, f.Value.Help, f.Value.Kind, [.. f.Value.Series]))];
        }
    }

    private object Find<T>(string name, string help, MetricKind kind, string labels, Func<T, object> create, T argument, bool replace = false)
    {
        lock (gate)
        {
            if (!families.TryGetValue(name, out var family))
            {
                families[name] = family = new Entry(help, kind);
            }
            if (family.Kind != kind)
            {
                throw new InvalidOperationException($"{name} is a {family.Kind}, not a {kind}.");
            }
            if (family.Places.TryGetValue(labels, out var place))
            {
                if (replace)
                {
                    family.Series[place] = new MetricSeries(labels, create(argument));
                }
                return family.Series[place].Source;
            }
            var series = new MetricSeries(labels, create(argument));
            if (family.Series.Count < MaxSeries)
            {
                family.Places[labels] = family.Series.Count;
                family.Series.Add(series);
            }
            else
            {
                hidden.Add();
            }
            return series.Source;
        }
    }

    /// <summary><c>a="1",b="2"</c>, with values escaped as Prometheus reads them.</summary>
    private static string Write(ReadOnlySpan<(string Name, string Value)> labels)
    {
        var text = new StringBuilder();
        foreach (var (name, value) in labels)
        {
            text.Append(text.Length == 0 ? "" : ",").Append(name).Append("=\"");
            text.Append(value.Replace("\\", "\\\\").Replace("\"", "\\\"").Replace("\n", "\\n")).Append('"');
        }
        return text.ToString();
    }
}
