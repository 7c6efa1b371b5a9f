using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Postern.Tests.Harness;

/// <summary>How one request of a <see cref="Load"/> ended.</summary>
/// <param name="At">When, in ticks of <see cref="Stopwatch"/>.</param>
/// <param name="Result">The status, <c>cut</c> where the answer broke off within its body, <c>none</c> where there was none.</param>
/// <param name="Took">How long it took.</param>
/// <param name="By">The port of the service that answered; 0 where none did.</param>
/// <param name="Reason">The code of the gateway's problem; empty where there is none.</param>
internal sealed record Ended(long At, string Result, TimeSpan Took, int By, string Reason);

/// <summary>
/// Several clients that ask for as long as a test lasts: each one request after another, on a connection of its own, at a pace that
/// doesn't depend on how fast the machine is. Nothing is tried twice here.
/// </summary>
internal sealed class Load : IAsyncDisposable
{
    private readonly ConcurrentQueue<Ended> ended = [];
    private readonly CancellationTokenSource stopping = new();
    private readonly Task clients;

    private Load(string url, HttpMethod method, int count, TimeSpan pace) =>
        clients = Task.WhenAll(Enumerable.Range(0, count).Select(_ => Task.Run(() => AskAsync(url, method, pace))));

    /// <summary>All that has ended so far, in order.</summary>
    public Ended[] Seen => [.. ended];

    public int Count => ended.Count;

    /// <summary>Begins to ask: each client once in every <paramref name="pace"/>, unless the answer takes longer; zero for as fast as it goes.</summary>
    public static Load Start(string url, HttpMethod method, int clients, TimeSpan pace) => new(url, method, clients, pace);

    /// <summary>Done when so many more requests have ended.</summary>
    public Task MoreAsync(int count)
    {
        var wanted = ended.Count + count;
        return Until.TrueAsync(() => ended.Count >= wanted, "The load has stopped.");
    }

    /// <summary>What has ended since a moment, in ticks of <see cref="Stopwatch"/>.</summary>
    public Ended[] Since(long moment) => [.. ended.Where(e => e.At >= moment)];

    /// <summary>How often each result came, for people: <c>200 × 812, 502 upstream-gone × 3</c>.</summary>
    public static string Tell(IEnumerable<Ended> seen) => string.Join(", ", seen
        .GroupBy(e => $"{e.Result} {e.Reason}".TrimEnd()).OrderBy(g => g.Key, StringComparer.Ordinal).Select(g => $"{g.Key} × {g.Count()}"));

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await clients;
        stopping.Dispose();
    }

    private async Task AskAsync(string url, HttpMethod method, TimeSpan pace)
    {
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false, ActivityHeadersPropagator = null }) { Timeout = RunningTool.Patience };
        using var timer = pace > TimeSpan.Zero ? new PeriodicTimer(pace) : null;
        try
        {
            while (!stopping.IsCancellationRequested)
            {
                ended.Enqueue(await AskAsync(client, url, method));
                if (timer is not null)
                {
                    await timer.WaitForNextTickAsync(stopping.Token);
                }
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
        }
    }

    private async Task<Ended> AskAsync(HttpClient client, string url, HttpMethod method)
    {
        var began = Stopwatch.GetTimestamp();
        var (result, by, reason) = ("none", 0, "");
        try
        {
            using var request = new HttpRequestMessage(method, url);
            if (method == HttpMethod.Post)
            {
                request.Content = new StringContent("{}");
            }
            using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stopping.Token);
            result = "cut";
            var body = await answer.Content.ReadAsByteArrayAsync(stopping.Token);
            result = ((int)answer.StatusCode).ToString(CultureInfo.InvariantCulture);
            if (answer.Content.Headers.ContentType?.MediaType is "application/json" or "application/problem+json")
            {
                var json = JsonDocument.Parse(body).RootElement;
                by = json.TryGetProperty("port", out var port) ? port.GetInt32() : 0;
                reason = json.TryGetProperty("code", out var code) ? code.GetString()! : "";
            }
        }
        catch (Exception e) when (e is HttpRequestException or IOException || (e is OperationCanceledException && !stopping.IsCancellationRequested))
        {
            reason = e.Message;
        }
        return new Ended(Stopwatch.GetTimestamp(), result, Stopwatch.GetElapsedTime(began), by, reason);
    }
}
