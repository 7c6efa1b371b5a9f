using System.Diagnostics;
using System.Reflection;

namespace Postern.Pipeline.Telemetry;

/// <summary>What the process itself costs, under the names that Prometheus' client libraries give it.</summary>
internal static class ProcessMetrics
{
    public static void Register(MetricRegistry metrics)
    {
        metrics.Total("process_cpu_seconds_total", "User and system CPU time of the process.", static () => Environment.CpuUsage.TotalTime.TotalSeconds);
        metrics.Gauge("process_resident_memory_bytes", "Resident memory of the process.", static () => Environment.WorkingSet);
        var started = new DateTimeOffset(Process.GetCurrentProcess().StartTime).ToUnixTimeMilliseconds() / 1000.0;
        metrics.Gauge("process_start_time_seconds", "When the process started, in seconds since 1970.", () => started);
        metrics.Total("dotnet_gc_allocated_bytes_total", "Bytes allocated on the managed heap.", static () => GC.GetTotalAllocatedBytes());
        metrics.Gauge("dotnet_gc_heap_bytes", "Bytes on the managed heap, garbage included.", static () => GC.GetTotalMemory(forceFullCollection: false));
        foreach (var generation in Enumerable.Range(0, GC.MaxGeneration + 1))
        {
            metrics.Total("dotnet_gc_collections_total", "Garbage collections that reached this generation or a younger one.",
                () => GC.CollectionCount(generation), ("generation", generation.ToString(System.Globalization.CultureInfo.InvariantCulture)));
        }
        var version = typeof(ProcessMetrics).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "";
        metrics.Gauge("postern_build_info", "1; the version is a label.", static () => 1, ("version", version.Split('+')[0]));
    }
}
