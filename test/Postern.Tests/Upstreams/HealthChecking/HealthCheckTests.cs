using System.Globalization;
using Postern.Tests.Harness;
using Postern.Upstreams.HealthChecking;

namespace Postern.Tests.Upstreams.HealthChecking;

/// <summary>Destinations that are asked whether they are well.</summary>
public sealed class HealthCheckTests
{
    private const string Busy = "HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n";

    private readonly SteppedTime time = new();

    private static string Keys(string health, params Service[] services) =>
        $"{{ urls: [{string.Join(", ", services.Select(s => $"\"{s.Url}\""))}], balance: roundRobin, health: {health} }}";

    /// <summary>An upstream whose destinations have all been asked once.</summary>
    private async Task<OneUpstream> StartAsync(string health, params Service[] services)
    {
        var up = new OneUpstream(Keys(health, services), time);
        await SettledAsync(up, services.Length);
        return up;
    }

    /// <summary>Moves on, in steps that no probe takes for its time-out, until a destination has been asked once more.</summary>
    private async Task NextAsync(OneUpstream up, Service destination)
    {
        for (var before = destination.Probes; destination.Probes == before;)
        {
            time.Advance(TimeSpan.FromSeconds(0.1));
            await SettledAsync(up, 0);
        }
    }

    /// <summary>All who were asked have answered, and what follows from that was done.</summary>
    private Task SettledAsync(OneUpstream up, int atLeast) => OneUpstream.UntilAsync(() => Found(up) >= atLeast && time.Waiting == 1);

    private static int Found(OneUpstream up) => up.Metrics.Split('\n')
        .Where(l => l.StartsWith("postern_upstream_probes_total{", StringComparison.Ordinal)).Sum(l => int.Parse(l.AsSpan(l.LastIndexOf(' ') + 1), CultureInfo.InvariantCulture));

    private static bool IsWell(OneUpstream up, int destination) => up[destination].Troubles.IsEmpty;

    [Fact]
    public async Task A_destination_that_answers_wrongly_twice_gets_no_calls_until_it_answers_well_once()
    {
        await using var good = new Service();
        await using var bad = new Service();
        using var up = await StartAsync("/healthz", good, bad);
        bad.Answer = Busy;
        await NextAsync(up, bad);
        Assert.True(IsWell(up, 1));
        await NextAsync(up, bad);
        Assert.False(IsWell(up, 1));
        Assert.All(await up.CallAsync(20), a => Assert.Equal("200", a));
        Assert.Contains($"postern_upstream_destination_healthy{{upstream=\"up\",destination=\"{bad.Name}\"}} 0\n", up.Metrics, StringComparison.Ordinal);
        bad.Answer = Service.Ok;
        await NextAsync(up, bad);
        Assert.True(IsWell(up, 1));
        var before = bad.Asked;
        await up.CallAsync(20);
        Assert.Equal(10, bad.Asked - before);
        Assert.Contains($"postern_upstream_destination_healthy{{upstream=\"up\",destination=\"{bad.Name}\"}} 1\n", up.Metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task How_many_answers_it_takes_is_configured_and_a_change_of_mind_begins_the_count_anew()
    {
        await using var good = new Service();
        await using var bad = new Service(503);
        using var up = await StartAsync("{ path: /healthz, unhealthyAfter: 3, healthyAfter: 2 }", good, bad);
        await NextAsync(up, bad);
        bad.Answer = Service.Ok;
        await NextAsync(up, bad);
        bad.Answer = Busy;
        await NextAsync(up, bad);
        await NextAsync(up, bad);
        Assert.True(IsWell(up, 1));
        await NextAsync(up, bad);
        Assert.False(IsWell(up, 1));
        bad.Answer = Service.Ok;
        await NextAsync(up, bad);
        Assert.False(IsWell(up, 1));
        await NextAsync(up, bad);
        Assert.True(IsWell(up, 1));
    }

    [Fact]
    public async Task Each_change_is_logged_once_and_says_why()
    {
        await using var good = new Service();
        await using var bad = new Service(503);
        using var up = await StartAsync("/healthz", good, bad);
        for (var i = 0; i < 5; i++)
        {
            await NextAsync(up, bad);
        }
        bad.Answer = Service.Ok;
        await NextAsync(up, bad);
        await NextAsync(up, bad);
        Assert.Equal($"warning Upstream up: destination {bad.Name} is not well and gets no calls, answered 503, not 2xx\ninformation Upstream up: destination {bad.Name} is well again\n", up.Log);
        Assert.Contains("postern_upstream_probes_total{upstream=\"up\",outcome=\"failed\"} 6\n", up.Metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_probe_is_a_GET_of_the_path_on_a_connection_of_its_own()
    {
        await using var one = new Service();
        using var up = await StartAsync("/healthz?deep=1", one);
        await NextAsync(up, one);
        await NextAsync(up, one);
        Assert.All(one.Heads, h => Assert.StartsWith($"GET /healthz?deep=1 HTTP/1.1\r\nHost: {one.Name}\r\nUser-Agent: Postern health check\r\n", h, StringComparison.Ordinal));
        Assert.Equal((3, 3), (one.Asked, one.Accepted));
    }

    [Fact]
    public async Task Connections_that_are_all_in_use_make_nobody_ill()
    {
        await using var one = new Service();
        using var up = new OneUpstream($"{{ url: \"{one.Url}\", maxConnections: 1, health: /healthz }}", time);
        await SettledAsync(up, 1);
        one.Hold();
        var call = up.CallAsync();
        await OneUpstream.UntilAsync(() => one.Asked == 2);
        var letGo = one.Release();
        await NextAsync(up, one);
        await NextAsync(up, one);
        Assert.True(IsWell(up, 0));
        Assert.Contains("outcome=\"failed\"} 0\n", up.Metrics, StringComparison.Ordinal);
        Assert.False(call.IsCompleted);
        letGo();
        Assert.Equal("200", await call);
    }

    [Fact]
    public async Task One_that_does_not_answer_in_time_is_not_well_and_is_asked_once_at_a_time()
    {
        await using var good = new Service();
        await using var bad = new Service();
        using var up = await StartAsync("{ path: /healthz, timeout: 5s, unhealthyAfter: 1 }", good, bad);
        bad.Hold();
        for (var i = 0; i < 100 && IsWell(up, 1); i++)
        {
            time.Advance(TimeSpan.FromSeconds(0.1));
            // The check waits, and the probe that has no answer.
            await OneUpstream.UntilAsync(() => time.Waiting == bad.Probes || !IsWell(up, 1));
        }
        Assert.Equal(2, bad.Probes);
        Assert.InRange(good.Probes, 3, 5);
        Assert.Equal("no whole answer within 5s", up[1].Troubles[0].Why);
        Assert.Equal("health", up[1].Troubles[0].By);
        Assert.True(IsWell(up, 0));
        bad.LetGo();
    }

    [Fact]
    public async Task One_that_takes_no_connections_is_not_well()
    {
        await using var good = new Service();
        var bad = new Service();
        using var up = await StartAsync("{ path: /healthz, unhealthyAfter: 1 }", good, bad);
        var name = bad.Name;
        await bad.DisposeAsync();
        await NextAsync(up, good);
        await NextAsync(up, good);
        Assert.StartsWith($"{name} accepted no connection", up[1].Troubles[0].Why, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("expect: 200-399", 302, true)]
    [InlineData("expect: [204, 3xx]", 204, true)]
    [InlineData("expect: [204, 3xx]", 200, false)]
    [InlineData("expect: { status: 503 }", 503, true)]
    [InlineData("interval: 2s", 302, false)]
    [InlineData("interval: 2s", 204, true)]
    public async Task The_status_that_is_expected_is_configured(string more, int status, bool well)
    {
        await using var good = new Service();
        await using var one = new Service(status);
        using var up = await StartAsync($"{{ path: /healthz, unhealthyAfter: 1, panicBelow: 0%, {more} }}", good, one);
        Assert.Equal(well, IsWell(up, 1));
    }

    [Theory]
    [InlineData("6\r\n{\"a\":1\r\n8\r\n,\"up\":tr\r\n3\r\nue}\r\n0\r\n\r\n", true)]
    [InlineData("5\r\n\"up\":\r\n0\r\n\r\n", false)]
    [InlineData("0\r\n\r\n", false)]
    public async Task The_body_that_is_expected_may_come_in_pieces(string chunks, bool well)
    {
        await using var one = new Service();
        one.Answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks;
        using var up = await StartAsync("{ path: /healthz, unhealthyAfter: 1, expect: { body: '\"up\":true' } }", one);
        Assert.Equal(well, IsWell(up, 0));
    }

    [Theory]
    [InlineData(Probe.MaxBody - 2, true)]
    [InlineData(Probe.MaxBody - 1, false)]
    public async Task No_more_of_a_body_is_read_than_64_KB(int before, bool well)
    {
        await using var one = new Service();
        one.Answer = $"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n{new string('x', before)}ok{new string('x', 100_000)}";
        using var up = await StartAsync("{ path: /healthz, unhealthyAfter: 1, timeout: 1m, expect: { body: ok } }", one);
        Assert.Equal(well, IsWell(up, 0));
    }

    [Fact]
    public async Task A_body_that_drips_counts_against_the_time()
    {
        await using var one = new Service();
        one.Answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nstarti";
        using var up = new OneUpstream(Keys("{ path: /healthz, unhealthyAfter: 1, expect: { body: started } }", one), time);
        await one.UntilAskedAsync();
        await OneUpstream.UntilAsync(() => time.Waiting == 2);
        time.Advance(TimeSpan.FromSeconds(1));
        await OneUpstream.UntilAsync(() => !IsWell(up, 0));
    }

    [Fact]
    public async Task Http2_is_asked_over_http2()
    {
        string? asked = null;
        await using var one = await KestrelUpstream.StartAsync(http2: true, async context =>
        {
            asked = $"{context.Request.Protocol} {context.Request.Path}";
            await context.Response.Body.WriteAsync("serving"u8.ToArray());
        });
        using var up = new OneUpstream($"{{ url: \"{one.Url}\", {one.Options}, health: {{ path: /grpc.health, unhealthyAfter: 1, expect: {{ body: serving }} }} }}", time);
        await SettledAsync(up, 1);
        Assert.Equal(("HTTP/2 /grpc.health", true), (asked, IsWell(up, 0)));
    }

    [Fact]
    public async Task Destinations_are_asked_at_times_that_differ()
    {
        await using var one = new Service();
        await using var other = new Service();
        using var up = await StartAsync("{ path: /healthz, interval: 100s }", one, other);
        var differ = false;
        for (var i = 0; i < 1000 && !differ; i++)
        {
            var (before, otherBefore) = (one.Asked, other.Asked);
            time.Advance(TimeSpan.FromSeconds(0.5));
            await OneUpstream.UntilAsync(() => time.Waiting == 1);
            differ = one.Asked - before != other.Asked - otherBefore;
        }
        Assert.True(differ);
    }

    [Fact]
    public async Task Where_fewer_than_half_are_well_all_are_called_which_is_logged()
    {
        await using var good = new Service();
        await using var bad = new Service(503);
        await using var worse = new Service(503);
        using var up = await StartAsync("{ path: /healthz, unhealthyAfter: 1 }", good, bad, worse);
        Assert.True(up.Set.Now.Panics);
        Assert.Contains("postern_upstream_panic{upstream=\"up\"} 1\n", up.Metrics, StringComparison.Ordinal);
        Assert.Equal(6, (await up.CallAsync(9)).Count(a => a == "503"));
        bad.Answer = Service.Ok;
        await NextAsync(up, bad);
        Assert.False(up.Set.Now.Panics);
        Assert.All(await up.CallAsync(9), a => Assert.Equal("200", a));
    }

    [Theory]
    [InlineData("30%", false)]
    [InlineData("34%", true)]
    public async Task How_few_is_configured(string below, bool panics)
    {
        await using var good = new Service();
        await using var bad = new Service(503);
        await using var worse = new Service(503);
        using var up = await StartAsync($"{{ path: /healthz, unhealthyAfter: 1, panicBelow: {below} }}", good, bad, worse);
        Assert.Equal(panics, up.Set.Now.Panics);
    }

    [Fact]
    public async Task Without_panic_nobody_is_called_where_nobody_is_well_and_the_gateway_stays_ready()
    {
        await using var bad = new Service(503);
        using var up = await StartAsync("{ path: /healthz, unhealthyAfter: 1, panicBelow: 0% }", bad);
        Assert.Equal("UpstreamEmpty", await up.CallAsync());
        Assert.Null(up.NotReady);
        Assert.True(up.Status.GetProperty("health").GetProperty("found").GetProperty(bad.Name).GetProperty("problem").GetString() is { Length: > 0 });
    }

    [Fact]
    public async Task Health_outlives_a_reload_that_connects_to_destinations_in_another_way()
    {
        await using var good = new Service();
        await using var bad = new Service(503);
        using var up = await StartAsync("/healthz", good, bad);
        await NextAsync(up, bad);
        Assert.False(IsWell(up, 1));
        var before = up[1];
        up.Reload(Keys("/healthz", good, bad)[..^2] + ", connectTimeout: 3s, maxConnections: 9 }");
        Assert.NotSame(before, up[1]);
        Assert.False(IsWell(up, 1));
        Assert.All(await up.CallAsync(10), a => Assert.Equal("200", a));
    }

    [Fact]
    public async Task Health_outlives_a_reload_that_does_not_change_it()
    {
        await using var good = new Service();
        await using var bad = new Service(503);
        using var up = await StartAsync("/healthz", good, bad);
        await NextAsync(up, bad);
        Assert.False(IsWell(up, 1));
        up.Reload(Keys("{ path: /healthz, interval: 2s, expect: 2xx }", good, bad)[..^2] + ", timeout: 9s, breaker: 50 }");
        Assert.False(IsWell(up, 1));
        Assert.All(await up.CallAsync(10), a => Assert.Equal("200", a));
        bad.Answer = Service.Ok;
        await NextAsync(up, bad);
        Assert.True(IsWell(up, 1));
    }

    [Fact]
    public async Task The_same_words_keep_the_same_check()
    {
        await using var one = new Service();
        using var up = await StartAsync("/healthz", one);
        var check = Assert.Single(up.Live<HealthCheck>());
        up.Reload(Keys("{ path: /healthz, interval: 2000ms }", one));
        Assert.Same(check, Assert.Single(up.Live<HealthCheck>()));
    }

    [Fact]
    public async Task Other_words_keep_what_was_found_and_go_on_from_there()
    {
        await using var good = new Service();
        await using var bad = new Service(503);
        using var up = await StartAsync("{ path: /healthz, unhealthyAfter: 1 }", good, bad);
        Assert.False(IsWell(up, 1));
        up.Reload(Keys("{ path: /other, unhealthyAfter: 3 }", good, bad));
        Assert.False(IsWell(up, 1));
        bad.Answer = Service.Ok;
        await OneUpstream.UntilAsync(() => time.Waiting >= 1);
        await NextAsync(up, bad);
        await OneUpstream.UntilAsync(() => IsWell(up, 1));
        Assert.StartsWith("GET /other ", bad.Heads[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_check_nobody_is_ill_any_more()
    {
        await using var good = new Service();
        await using var bad = new Service(503);
        using var up = await StartAsync("{ path: /healthz, unhealthyAfter: 1 }", good, bad);
        Assert.False(IsWell(up, 1));
        up.Reload($"{{ urls: [\"{good.Url}\", \"{bad.Url}\"], balance: roundRobin }}");
        Assert.True(IsWell(up, 1));
        Assert.Equal(5, (await up.CallAsync(10)).Count(a => a == "503"));
        Assert.Equal(0, time.Waiting);
        Assert.Contains($"postern_upstream_destination_healthy{{upstream=\"up\",destination=\"{bad.Name}\"}} NaN\n", up.Metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_destination_that_a_reload_adds_is_asked_at_once()
    {
        await using var good = new Service();
        await using var bad = new Service(503);
        using var up = await StartAsync("{ path: /healthz, unhealthyAfter: 1 }", good);
        up.Reload(Keys("{ path: /healthz, unhealthyAfter: 1 }", good, bad));
        await OneUpstream.UntilAsync(() => !IsWell(up, 1));
    }
}
