namespace Shop;

/// <summary>One step of <see cref="Chaos"/>: which service breaks, how, and what to look at meanwhile.</summary>
/// <param name="Destination">The service, as its answers call it in <c>X-Served-By</c>.</param>
/// <param name="Fault">How it breaks.</param>
/// <param name="Says">What happens, for the one who watches.</param>
/// <param name="Look">Commands that show it.</param>
public sealed record ChaosStep(string Destination, Fault Fault, string Says, IReadOnlyList<DemoLine> Look);

/// <summary>
/// Breaks the shop's services one after the other, over and over, and says each time what breaks, what to look at, and when it is
/// mended. Between two steps everything works for a while.
/// </summary>
/// <param name="shop">What is broken.</param>
/// <param name="steps">What happens, in order.</param>
/// <param name="output">Where it is told.</param>
/// <param name="time">The clock.</param>
public sealed class Chaos(ShopServices shop, IReadOnlyList<ChaosStep> steps, TextWriter output, TimeProvider time)
{
    /// <summary>How long a service is broken.</summary>
    public static readonly TimeSpan Broken = TimeSpan.FromSeconds(20);

    /// <summary>How long everything works in between.</summary>
    public static readonly TimeSpan Well = TimeSpan.FromSeconds(12);

    /// <summary>The steps for a gateway at <paramref name="gateway"/> with its admin port at <paramref name="admin"/>, or none.</summary>
    public static IReadOnlyList<ChaosStep> Steps(string gateway, string? admin)
    {
        var (url, key) = (gateway.TrimEnd('/'), $"-H 'X-Api-Key: {DemoText.PartnerKey}'");
        return
        [
            new("products-1", Fault.Killed, "one of two servers is gone: connections are refused",
            [
                new("still 200, all from products-2: the first calls that meet the dead one are tried again, then it is left out", Several($"{url}/web/products/7")),
                .. Upstream("products", "which one is down, why, and since when"),
            ]),
            new("products-2", Fault.Failing, "answers 500 to everything, and says at /healthz that it is well",
            [
                new("five times 500, which is never tried again; then its breaker is open, and products-1 answers alone", Several($"{url}/web/products/7")),
                .. Upstream("products", "the breaker of that destination"),
            ]),
            new("reviews-1", Fault.Hanging, "takes requests and never answers",
            [
                new("no reviews, but an answer: five after a second each (timeout), the others at once (open)", Several($"'{url}/web/reviews?product=7'", "postern-fallback")),
                .. Upstream("reviews", "an open breaker"),
            ]),
            new("inventory-1", Fault.Slow, "takes a second and a half for each answer",
            [
                new("better no stock than a slow page: the route waits half a second, then answers without", $"curl -si {url}/web/stock/DESK-STAND"),
            ]),
            new("users-1", Fault.Killed, "the only server is gone, and there is nothing to fall back on",
            [
                new("a problem: 502 five times, then 503 with Retry-After, without asking anyone", Several($"{key} {url}/partner/v1/users/usr_a41c7", "retry-after")),
                new("the other services don't notice", $"curl -s -o /dev/null -w '%{{http_code}}\\n' {url}/web/products/3"),
                .. Upstream("users", "why, and when it is tried again"),
            ]),
        ];

        DemoLine[] Upstream(string name, string shows) => admin is null ? [] : [new(shows, $"curl -s {admin.TrimEnd('/')}/upstreams/{name}")];
    }

    /// <summary>Goes on until it is cancelled; then what was broken is mended.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        output.WriteLine($"chaos: every service works; the first breaks in {Seconds(Well)}.");
        try
        {
            for (var step = 0; ; step = (step + 1) % steps.Count)
            {
                await Task.Delay(Well, time, stop);
                await RunAsync(step, stop);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The demo ends.
        }
    }

    private async Task RunAsync(int number, CancellationToken stop)
    {
        var (destination, fault, says, look) = steps[number];
        await shop.BreakAsync(destination, fault);
        try
        {
            output.WriteLine($"\nchaos {number + 1}/{steps.Count}: {destination} is {Word(fault)} for {Seconds(Broken)}: {says}.");
            foreach (var line in look)
            {
                output.WriteLine($"  # {line.Shows}");
                output.WriteLine($"  {line.Command}");
            }
            output.Flush();
            await Task.Delay(Broken, time, stop);
        }
        finally
        {
            await MendAsync(destination);
        }
        output.WriteLine($"chaos {number + 1}/{steps.Count}: {destination} works again; the next breaks in {Seconds(Well)}.");
        output.Flush();
    }

    private async Task MendAsync(string destination)
    {
        try
        {
            await shop.BreakAsync(destination, Fault.None);
        }
        catch (IOException e)
        {
            output.WriteLine($"chaos: {destination} can't come back: {e.Message}");
        }
    }

    /// <summary>The same ten times: status, a field of the answer, and how long it took.</summary>
    private static string Several(string request, string field = "x-served-by") =>
        $"for i in 1 2 3 4 5 6 7 8 9 10; do curl -s -o /dev/null -w '%{{http_code}} %header{{{field}}} %{{time_total}}s\\n' {request}; done";

    private static string Word(Fault fault) => fault switch
    {
        Fault.Killed => "killed",
        Fault.Slow => "slow",
        Fault.Failing => "failing",
        Fault.Hanging => "hanging",
        _ => "well",
    };

    private static string Seconds(TimeSpan time) => FormattableString.Invariant($"{time.TotalSeconds:0} s");
}
