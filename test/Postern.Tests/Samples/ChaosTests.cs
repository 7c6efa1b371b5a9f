using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Edge.Observing;
using Postern.Server.Commands;
using Postern.Server.Listening;
using Postern.Server.Serving;
using Postern.Tests.Harness;
using Shop;

namespace Postern.Tests.Samples;

/// <summary>What <c>postern demo --chaos</c> does to the shop.</summary>
public sealed class ChaosTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private HttpClient client = null!;
    private ShopServices shop = null!;

    public async ValueTask InitializeAsync()
    {
        shop = await ShopServices.StartAsync();
        client = ShopClient.New(() => shop);
    }

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        await shop.DisposeAsync();
    }

    [Fact]
    public async Task Services_break_one_after_the_other_and_work_again()
    {
        var (time, said, stop) = (new ManualTime(), new StringWriter(), new CancellationTokenSource());
        ChaosStep[] steps =
        [
            new("products-1", Fault.Killed, "it is gone", [new("what is left", "curl -s http://gateway/web/products/7")]),
            new("users-1", Fault.Failing, "it answers 500", []),
        ];
        var running = new Chaos(shop, steps, TextWriter.Synchronized(said), time).RunAsync(stop.Token);
        await time.UntilWaitingAsync();

        for (var round = 0; round < 2; round++)
        {
            await PassAsync(time, Chaos.Well);
            await Assert.ThrowsAsync<HttpRequestException>(() => client.GetAsync($"{shop.Urls["products"][0]}/products/7"));
            Assert.Equal(HttpStatusCode.OK, await StatusAsync("products", 1, "/products/7"));

            await PassAsync(time, Chaos.Broken);
            Assert.Equal(HttpStatusCode.OK, await StatusAsync("products", 0, "/products/7"));

            await PassAsync(time, Chaos.Well);
            Assert.Equal(HttpStatusCode.InternalServerError, await StatusAsync("users", 0, "/users/usr_a41c7"));
            Assert.Equal(HttpStatusCode.OK, await StatusAsync("products", 0, "/products/7"));

            await PassAsync(time, Chaos.Broken);
            Assert.Equal(HttpStatusCode.OK, await StatusAsync("users", 0, "/users/usr_a41c7"));
        }
        await PassAsync(time, Chaos.Well);
        await stop.CancelAsync();
        await running.WaitAsync(Patience);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync("products", 0, "/products/7"));
        Assert.StartsWith("""
            chaos: every service works; the first breaks in 12 s.

            chaos 1/2: products-1 is killed for 20 s: it is gone.
              # what is left
              curl -s http://gateway/web/products/7
            chaos 1/2: products-1 works again; the next breaks in 12 s.

            chaos 2/2: users-1 is failing for 20 s: it answers 500.
            chaos 2/2: users-1 works again; the next breaks in 12 s.

            chaos 1/2: products-1 is killed for 20 s: it is gone.
            """, said.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_that_hangs_answers_when_it_is_mended()
    {
        await shop.BreakAsync("inventory-1", Fault.Hanging);
        var asking = client.GetAsync($"{shop.Urls["inventory"][0]}/stock/DESK-STAND");
        var probing = client.GetAsync($"{shop.Urls["inventory"][0]}/healthz");
        await shop.BreakAsync("prices-1", Fault.Failing);
        Assert.Equal(HttpStatusCode.InternalServerError, await StatusAsync("prices", 0, "/prices/7"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync("prices", 0, "/healthz"));
        Assert.False(asking.IsCompleted || probing.IsCompleted);
        await shop.BreakAsync("inventory-1", Fault.None);
        using var answer = await asking;
        using var well = await probing;
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (answer.StatusCode, well.StatusCode));
    }

    [Fact]
    public void Every_step_breaks_a_service_that_there_is_and_says_where_to_look()
    {
        var steps = Chaos.Steps("http://127.0.0.1:8080", "http://127.0.0.1:9901");
        Assert.Equal(steps.Count, steps.Select(s => s.Destination).Distinct().Count());
        Assert.Equal([Fault.Killed, Fault.Slow, Fault.Failing, Fault.Hanging], steps.Select(s => s.Fault).Distinct().Order());
        foreach (var step in steps)
        {
            var (upstream, number) = (step.Destination[..step.Destination.LastIndexOf('-')], int.Parse(step.Destination[(step.Destination.LastIndexOf('-') + 1)..]));
            Assert.InRange(number, 1, shop.Urls[upstream].Count);
            Assert.NotEmpty(step.Look);
            Assert.All(step.Look, l => Assert.Matches("http://127.0.0.1:(8080/(web|mobile|partner)/|9901/upstreams/)", l.Command));
        }
        Assert.DoesNotContain(Chaos.Steps("http://127.0.0.1:8080", null).SelectMany(s => s.Look), l => l.Command.Contains("upstreams"));
    }

    [Fact]
    public async Task What_each_step_says_is_what_is_seen()
    {
        var (gateway, problems) = OpenedGateway.Open(ShopServices.ConfigFile, Adapt, NullLoggerFactory.Instance, TimeProvider.System);
        Assert.Empty(problems);
        await using var traffic = new TrafficServer(gateway!.Listen, gateway.Handle, NullLoggerFactory.Instance, TimeProvider.System);
        await traffic.StartAsync();
        client.BaseAddress = new Uri(traffic.Urls[0]);
        client.DefaultRequestHeaders.Add("X-Api-Key", DemoText.PartnerKey);
        try
        {
            Assert.Equal(["200 products-1", "200 products-2"], (await AskAsync("/web/products/7", "X-Served-By")).Distinct().Order());

            await shop.BreakAsync("products-1", Fault.Killed);
            Assert.All(await AskAsync("/web/products/7", "X-Served-By"), a => Assert.Equal("200 products-2", a));
            await shop.BreakAsync("products-1", Fault.None);

            await shop.BreakAsync("reviews-1", Fault.Hanging);
            var slow = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => AskAsync("/web/reviews?product=7", "Postern-Fallback", 1)));
            Assert.All(slow, a => Assert.Equal(["200 timeout"], a));
            Assert.All(await AskAsync("/web/reviews?product=7", "Postern-Fallback"), a => Assert.Equal("200 open", a));

            await shop.BreakAsync("inventory-1", Fault.Slow);
            Assert.Equal(["200 timeout"], await AskAsync("/web/stock/DESK-STAND", "Postern-Fallback", 1));
            Assert.Equal("""{"available": null}""", await client.GetStringAsync("/web/stock/DESK-STAND"));

            await shop.BreakAsync("users-1", Fault.Killed);
            var gone = await AskAsync("/partner/v1/users/usr_a41c7", "Retry-After");
            Assert.Equal(Enumerable.Repeat("502 ", 5), gone[..5]);
            Assert.All(gone[5..], a => Assert.Matches("503 [1-5]", a));
            Assert.Equal("200", (await AskAsync("/web/products/3", "", 1)).Single().Trim());

            // The breaker of products-1 is open for some more seconds.
            await Until.TrueAsync(async () => (await AskAsync("/web/products/7", "X-Served-By", 2)).Contains("200 products-1"), () => "It doesn't come back.", TimeSpan.FromSeconds(10));
            await shop.BreakAsync("products-2", Fault.Failing);
            var failing = await AskAsync("/web/products/7", "X-Served-By", 40);
            Assert.Equal(5, failing.Count(a => a == "500 products-2"));
            Assert.Equal(35, failing.Count(a => a == "200 products-1"));
        }
        finally
        {
            await gateway.StopAsync();
        }

        void Adapt(GatewayBuilder builder)
        {
            DemoCommand.Adapt(builder, shop, 0);
            builder.Root<TelemetrySection>(o => o with { Telemetry = new TelemetryOptions { AccessLog = new AccessLogOptions { To = "off" } } });
        }
    }

    private async Task<string[]> AskAsync(string path, string field, int times = 10)
    {
        var seen = new string[times];
        for (var i = 0; i < times; i++)
        {
            using var answer = await client.GetAsync(path);
            seen[i] = $"{(int)answer.StatusCode} {(answer.Headers.TryGetValues(field is "" ? "X-None" : field, out var values) ? values.Single() : "")}";
        }
        return seen;
    }

    /// <summary>The next wait begins once the step has been taken.</summary>
    private static Task PassAsync(ManualTime time, TimeSpan by)
    {
        time.Advance(by);
        return time.UntilWaitingAsync();
    }

    private async Task<HttpStatusCode> StatusAsync(string upstream, int destination, string path)
    {
        using var answer = await client.GetAsync(shop.Urls[upstream][destination] + path);
        return answer.StatusCode;
    }
}
