using System.Globalization;
using System.Text.RegularExpressions;

namespace Bench;

/// <summary>What a load generator saw in one round.</summary>
internal sealed record Seen(long Requests, double RequestsPerSecond, double P50, double P99, string? Errors);

/// <summary>One kind of work: as many requests as fit over some connections, or a fixed rate of them.</summary>
/// <param name="Title">Its heading.</param>
/// <param name="Path">What is asked for.</param>
/// <param name="Connections">How many connections, each kept alive.</param>
/// <param name="Rate">Requests a second; 0 for as many as fit.</param>
internal sealed partial record Workload(string Title, string Path, int Connections, int Rate = 0)
{
    public static Workload[] All { get; } =
    [
        new("170 bytes of JSON, 32 connections", "/", 32),
        new("170 bytes of JSON, 1,000 connections", "/", 1000),
        new("100 KB, 32 connections", "/big", 32),
        new("170 bytes of JSON, 4,000 requests a second", "/", 8, Rate: 4000),
    ];

    /// <summary>Fields sent beside the usual ones, each <c>Name: value</c>.</summary>
    public string[] Headers { get; init; } = [];

    /// <summary>A script for wrk, which makes each request, its own fields in the place of <see cref="Headers"/>; none: all are alike.</summary>
    public string? Script { get; init; }

    /// <summary>The status of every answer.</summary>
    public int Status { get; init; } = 200;

    /// <summary>Asks once, because wrk counts answers without 2xx and doesn't say which.</summary>
    public async Task ExpectAsync(int port)
    {
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"http://127.0.0.1:{port}{Path}");
        foreach (var header in Headers)
        {
            request.Headers.TryAddWithoutValidation(header.Split(':')[0], header.Split(':')[1].Trim());
        }
        using var answer = await client.SendAsync(request);
        if ((int)answer.StatusCode != Status)
        {
            throw new BenchException($"{Title}: {Status} expected, got {(int)answer.StatusCode}:\n{await answer.Content.ReadAsStringAsync()}");
        }
    }

    public Task<Seen> RunAsync(int port, double seconds, Place place) =>
        Rate == 0 ? WrkAsync($"http://127.0.0.1:{port}{Path}", seconds) : H2LoadAsync($"http://127.0.0.1:{port}{Path}", seconds, place);

    /// <summary>As many as fit. One thread for each four cores: the load must not take what the gateways need.</summary>
    private async Task<Seen> WrkAsync(string url, double seconds)
    {
        var threads = Math.Max(1, Environment.ProcessorCount / 4);
        var text = await Shell.RunAsync(["wrk", $"-t{threads}", $"-c{Connections}", $"-d{Math.Ceiling(seconds)}s", "--latency", "--timeout", "5s",
            "-H", "User-Agent: bench", "-H", "Accept: application/json", "-H", "Accept-Encoding: gzip",
            .. Headers.SelectMany(h => new[] { "-H", h }), .. Script is null ? Array.Empty<string>() : ["-s", Script], url]);
        var total = WrkTotal().Match(text);
        if (!total.Success)
        {
            throw new BenchException($"wrk said nothing of its requests:\n{text}");
        }
        var errors = WrkErrors().Matches(text).Select(m => m.Value.Trim());
        if (Status >= 400)
        {
            errors = errors.Contains($"Non-2xx or 3xx responses: {total.Groups[1].Value}") ? errors.Where(e => !e.StartsWith("Non-2xx", StringComparison.Ordinal)) : errors.Append("some were not refused");
        }
        return new Seen(long.Parse(total.Groups[1].Value, CultureInfo.InvariantCulture), Number(WrkRate().Match(text)),
            Microseconds(WrkP50().Match(text)), Microseconds(WrkP99().Match(text)), string.Join("; ", errors) is { Length: > 0 } said ? said : null);
    }

    /// <summary>A fixed rate, each answer's time from h2load's log.</summary>
    private async Task<Seen> H2LoadAsync(string url, double seconds, Place place)
    {
        var log = System.IO.Path.Combine(place.Directory, "h2load.log");
        File.Delete(log);
        await Shell.RunAsync("h2load", "--h1", "-t1", $"-c{Connections}", $"-D{Math.Ceiling(seconds)}", $"--rps={Rate / Connections}", $"--log-file={log}",
            "-H", "User-Agent: bench", "-H", "Accept: application/json", "-H", "Accept-Encoding: gzip", url);
        var times = new List<double>();
        var failed = 0;
        await foreach (var line in File.ReadLinesAsync(log))
        {
            var fields = line.Split('\t');
            failed += fields[1].StartsWith('2') ? 0 : 1;
            times.Add(double.Parse(fields[2], CultureInfo.InvariantCulture));
        }
        if (times.Count == 0)
        {
            throw new BenchException($"h2load got no answer from {url}");
        }
        times.Sort();
        return new Seen(times.Count, times.Count / Math.Ceiling(seconds), times[times.Count / 2], times[times.Count * 99 / 100], failed == 0 ? null : $"{failed} without a 2xx");
    }

    private static double Number(Match match) => double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);

    private static double Microseconds(Match match) => Number(match) * match.Groups[2].Value switch { "us" => 1, "ms" => 1e3, "s" => 1e6, _ => 6e7 };

    [GeneratedRegex(@"(\d+) requests in ")]
    private static partial Regex WrkTotal();

    [GeneratedRegex(@"Requests/sec:\s+([\d.]+)")]
    private static partial Regex WrkRate();

    [GeneratedRegex(@"^\s+50%\s+([\d.]+)(us|ms|s|m)", RegexOptions.Multiline)]
    private static partial Regex WrkP50();

    [GeneratedRegex(@"^\s+99%\s+([\d.]+)(us|ms|s|m)", RegexOptions.Multiline)]
    private static partial Regex WrkP99();

    [GeneratedRegex(@"^\s*(Socket errors:.*|Non-2xx.*)$", RegexOptions.Multiline)]
    private static partial Regex WrkErrors();
}
