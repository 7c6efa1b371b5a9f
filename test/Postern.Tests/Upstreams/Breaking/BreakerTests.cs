using System.Diagnostics;
using Postern.Tests.Harness;

namespace Postern.Tests.Upstreams.Breaking;

/// <summary>The breaker of an upstream with one destination, called through its whole chain.</summary>
public sealed class BreakerTests
{
    private readonly SteppedTime time = new();

    private OneUpstream Of(Service service, string breaker, string more = "") => new($"{{ url: \"{service.Url}\", breaker: {breaker}{more} }}", time);

    private void Pass(double seconds) => time.Advance(TimeSpan.FromSeconds(seconds));

    [Fact]
    public async Task After_so_many_failures_in_a_row_nothing_goes_through_and_callers_are_told_when_to_come_back()
    {
        await using var service = new Service(500);
        using var up = Of(service, "{ failures: 3, openFor: 5s }");
        Assert.Equal(["500", "500", "500", "UpstreamOpen 5", "UpstreamOpen 5"], await up.CallAsync(5));
        Assert.Equal(3, service.Asked);
        Pass(1.5);
        Assert.Equal("UpstreamOpen 4", await up.CallAsync());
        Pass(3.4);
        Assert.Equal("UpstreamOpen 1", await up.CallAsync());
        Assert.Equal(3, service.Asked);
    }

    [Fact]
    public async Task A_success_between_them_begins_the_count_anew()
    {
        await using var service = new Service(500);
        using var up = Of(service, "3");
        for (var i = 0; i < 5; i++)
        {
            service.Answer = Service.Of(500);
            Assert.Equal(["500", "500"], await up.CallAsync(2));
            service.Answer = Service.Ok;
            Assert.Equal("200", await up.CallAsync());
        }
    }

    [Fact]
    public async Task A_probe_that_succeeds_closes_it()
    {
        await using var service = new Service(503);
        using var up = Of(service, "{ failures: 2, openFor: 5s }");
        await up.CallAsync(2);
        service.Answer = Service.Ok;
        Assert.Equal("UpstreamOpen 5", await up.CallAsync());
        Pass(5);
        Assert.Equal(["200", "200", "200"], await up.CallAsync(3));
    }

    [Fact]
    public async Task A_probe_that_fails_opens_it_for_twice_as_long_up_to_the_longest()
    {
        await using var service = new Service(503);
        using var up = Of(service, "{ failures: 2, openFor: 2s, maxOpenFor: 7s }");
        await up.CallAsync(2);
        foreach (var (wait, next) in new[] { (2, 4), (4, 7), (7, 7) })
        {
            Pass(wait - 0.001);
            Assert.Equal("UpstreamOpen 1", await up.CallAsync());
            Pass(0.001);
            Assert.Equal(["503", $"UpstreamOpen {next}"], await up.CallAsync(2));
        }
        Assert.Equal(5, service.Asked);
    }

    [Fact]
    public async Task Without_more_words_it_opens_for_twice_openFor_at_most()
    {
        await using var service = new Service(503);
        using var up = Of(service, "{ failures: 1, openFor: 4s }");
        await up.CallAsync();
        Pass(4);
        Assert.Equal(["503", "UpstreamOpen 8"], await up.CallAsync(2));
        Pass(8);
        Assert.Equal(["503", "UpstreamOpen 8"], await up.CallAsync(2));
    }

    [Fact]
    public async Task One_that_opens_again_soon_after_it_has_closed_goes_on_growing_and_a_quiet_time_forgets_it()
    {
        await using var service = new Service(503);
        using var up = Of(service, "{ failures: 1, openFor: 1s, maxOpenFor: 1m }");
        await up.CallAsync();
        Pass(1);
        service.Answer = Service.Ok;
        Assert.Equal("200", await up.CallAsync());
        service.Answer = Service.Of(503);
        Assert.Equal(["503", "UpstreamOpen 2"], await up.CallAsync(2));
        Pass(2);
        service.Answer = Service.Ok;
        Assert.Equal("200", await up.CallAsync());
        Pass(10);
        service.Answer = Service.Of(503);
        Assert.Equal(["503", "UpstreamOpen 1"], await up.CallAsync(2));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task Half_open_it_lets_exactly_so_many_through_at_once(int probes)
    {
        await using var service = new Service(500);
        using var up = Of(service, $"{{ failures: 1, openFor: 5s, probes: {probes} }}");
        await up.CallAsync();
        Pass(5);
        service.Answer = Service.Ok;
        service.Hold();
        var calls = Enumerable.Range(0, 200).Select(_ => Task.Run(() => up.CallAsync())).ToArray();
        for (var i = 0; i < 1 + probes; i++)
        {
            await service.UntilAskedAsync();
        }
        await OneUpstream.UntilAsync(() => calls.Count(c => c.IsCompleted) == 200 - probes);
        Assert.Equal((1 + probes, probes), (service.Asked, service.MostAtOnce));
        service.LetGo();
        var answers = await Task.WhenAll(calls);
        Assert.Equal(probes, answers.Count(a => a == "200"));
        Assert.Equal(200 - probes, answers.Count(a => a == "UpstreamOpen 1"));
        Assert.Equal("200", await up.CallAsync());
        Assert.Contains("postern_upstream_breaker_state{upstream=\"up\"} 0\n", up.Metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_closes_only_when_all_probes_have_succeeded()
    {
        await using var service = new Service(500);
        using var up = Of(service, "{ failures: 1, openFor: 5s, maxOpenFor: 5s, probes: 2 }");
        await up.CallAsync();
        Pass(5);
        service.Answer = Service.Ok;
        Assert.Equal("200", await up.CallAsync());
        service.Answer = Service.Of(500);
        Assert.Equal(["500", "UpstreamOpen 5"], await up.CallAsync(2));
        Pass(5);
        service.Answer = Service.Ok;
        Assert.Equal(["200", "200"], await up.CallAsync(2));
        Assert.Equal("closed", up.Status.GetProperty("breaker").GetProperty("state").GetString());
    }

    [Fact]
    public async Task A_probe_whose_client_leaves_gives_its_place_back()
    {
        await using var service = new Service(500);
        using var up = Of(service, "{ failures: 1, openFor: 5s }");
        await up.CallAsync();
        await service.UntilAskedAsync();
        Pass(5);
        service.Answer = Service.Ok;
        service.Hold();
        using (var client = new CancellationTokenSource())
        {
            var probe = up.CallAsync(cancel: client.Token);
            await service.UntilAskedAsync();
            Assert.Equal("UpstreamOpen 1", await up.CallAsync());
            await client.CancelAsync();
            Assert.Equal("cancelled", await probe);
        }
        service.LetGo();
        Assert.Equal("half-open", up.Status.GetProperty("breaker").GetProperty("state").GetString());
        Assert.Equal(["200", "200"], await up.CallAsync(2));
    }

    [Fact]
    public async Task A_probe_that_does_not_end_gives_its_place_to_another()
    {
        await using var service = new Service(500);
        using var up = Of(service, "{ failures: 1, openFor: 5s }");
        await up.CallAsync();
        await service.UntilAskedAsync();
        Pass(5);
        service.Answer = Service.Ok;
        service.Hold();
        var stuck = up.CallAsync();
        await service.UntilAskedAsync();
        Pass(59.9);
        Assert.Equal("UpstreamOpen 1", await up.CallAsync());
        Pass(0.1);
        var other = up.CallAsync();
        await service.UntilAskedAsync();
        Assert.Equal("UpstreamOpen 1", await up.CallAsync());
        service.LetGo();
        Assert.Equal(["200", "200"], await Task.WhenAll(stuck, other));
        Assert.Equal("200", await up.CallAsync());
    }

    [Fact]
    public async Task What_was_sent_before_it_opened_says_nothing_once_it_has_closed_again()
    {
        await using var service = new Service(500);
        using var up = Of(service, "{ failures: 2, openFor: 5s }");
        service.Hold();
        var old = Enumerable.Range(0, 6).Select(_ => up.CallAsync()).ToArray();
        for (var i = 0; i < 6; i++)
        {
            await service.UntilAskedAsync();
        }
        var letGo = service.Release();
        Assert.Equal(["500", "500", "UpstreamOpen 5"], await up.CallAsync(3));
        Pass(5);
        service.Answer = Service.Ok;
        Assert.Equal("200", await up.CallAsync());
        service.Answer = Service.Of(500);
        letGo();
        Assert.All(await Task.WhenAll(old), a => Assert.Equal("500", a));
        service.Answer = Service.Ok;
        Assert.Equal("200", await up.CallAsync());
        Assert.Equal("closed", up.Status.GetProperty("breaker").GetProperty("state").GetString());
    }

    [Fact]
    public async Task A_share_of_failures_opens_it_once_there_are_enough_calls()
    {
        await using var service = new Service(500);
        using var up = Of(service, "{ failureRate: 50%, minimumCalls: 10, window: 10s }");
        Assert.DoesNotContain("UpstreamOpen", string.Join(' ', await up.CallAsync(9)), StringComparison.Ordinal);
        Assert.Equal("500", await up.CallAsync());
        Assert.Equal("UpstreamOpen 5", await up.CallAsync());
    }

    [Fact]
    public async Task A_smaller_share_does_not_and_what_is_older_than_the_window_is_forgotten()
    {
        await using var service = new Service();
        using var up = Of(service, "{ failureRate: 50%, minimumCalls: 10, window: 10s }");
        await up.CallAsync(11);
        service.Answer = Service.Of(500);
        Assert.All(await up.CallAsync(10), a => Assert.Equal("500", a));
        Pass(10);
        Assert.All(await up.CallAsync(9), a => Assert.Equal("500", a));
        Pass(10);
        Assert.All(await up.CallAsync(10), a => Assert.Equal("500", a));
        Assert.Equal("UpstreamOpen 5", await up.CallAsync());
    }

    [Fact]
    public async Task What_counts_is_configured()
    {
        await using var service = new Service(500);
        using var up = Of(service, "{ failures: 2, on: [connect, 503] }");
        Assert.All(await up.CallAsync(10), a => Assert.Equal("500", a));
        service.Answer = null;
        Assert.All(await up.CallAsync(4), a => Assert.Equal("UpstreamGone", a));
        service.Answer = Service.Of(503);
        Assert.Equal(["503", "503", "UpstreamOpen 5"], await up.CallAsync(3));
    }

    [Fact]
    public async Task Closed_connections_and_answers_that_are_no_HTTP_count()
    {
        await using var service = new Service();
        using var up = Of(service, "2");
        service.Answer = null;
        Assert.Equal("UpstreamGone", await up.CallAsync());
        (service.Answer, service.Closes) = ("nonsense\r\n\r\n", true);
        Assert.Equal(["UpstreamProtocol", "UpstreamOpen 5"], await up.CallAsync(2));
    }

    [Fact]
    public async Task No_connection_counts()
    {
        var gone = new Service();
        using var up = Of(gone, "2");
        await gone.DisposeAsync();
        Assert.Equal(["UpstreamUnreachable", "UpstreamUnreachable", "UpstreamOpen 5"], await up.CallAsync(3));
    }

    [Fact]
    public async Task An_answer_that_does_not_come_in_time_counts()
    {
        await using var service = new Service();
        using var up = Of(service, "2", ", timeout: 20ms");
        service.Hold();
        Assert.Equal(["UpstreamTimeout", "UpstreamTimeout", "UpstreamOpen 5"], await up.CallAsync(3));
    }

    [Fact]
    public async Task A_client_that_leaves_never_counts()
    {
        await using var service = new Service();
        using var up = Of(service, "{ failures: 2, failureRate: 1%, minimumCalls: 1 }");
        service.Hold();
        for (var i = 0; i < 10; i++)
        {
            using var client = new CancellationTokenSource();
            var call = up.CallAsync(cancel: client.Token);
            await service.UntilAskedAsync();
            await client.CancelAsync();
            Assert.Equal("cancelled", await call);
        }
        service.LetGo();
        Assert.Equal("200", await up.CallAsync());
    }

    [Fact]
    public async Task Nor_is_it_a_success_between_failures()
    {
        await using var service = new Service(500);
        using var up = Of(service, "3");
        await up.CallAsync(2);
        await service.UntilAskedAsync();
        await service.UntilAskedAsync();
        service.Hold();
        using var client = new CancellationTokenSource();
        var call = up.CallAsync(cancel: client.Token);
        await service.UntilAskedAsync();
        await client.CancelAsync();
        Assert.Equal("cancelled", await call);
        service.LetGo();
        Assert.Equal(["500", "UpstreamOpen 5"], await up.CallAsync(2));
    }

    [Fact]
    public async Task A_body_that_breaks_off_is_a_failure()
    {
        await using var service = new Service();
        (service.Answer, service.Closes) = ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it", true);
        using var up = Of(service, "{ failureRate: 50%, minimumCalls: 4 }");
        Assert.Equal(["UpstreamBroken", "UpstreamBroken", "UpstreamBroken", "UpstreamBroken", "UpstreamOpen 5"], await up.CallAsync(5));
    }

    [Fact]
    public async Task A_body_that_nobody_reads_to_its_end_is_none()
    {
        await using var service = new Service();
        service.Answer = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it";
        using var up = Of(service, "{ failures: 2, failureRate: 1%, minimumCalls: 1 }");
        for (var i = 0; i < 5; i++)
        {
            await (await up.SendAsync()).FinishAsync();
        }
    }

    [Fact]
    public async Task Open_it_answers_within_a_millisecond()
    {
        await using var service = new Service(500);
        using var up = Of(service, "1");
        await up.CallAsync();
        var times = new List<double>();
        for (var i = 0; i < 500; i++)
        {
            var began = Stopwatch.GetTimestamp();
            Assert.Equal("UpstreamOpen 5", await up.CallAsync());
            times.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
        }
        Assert.InRange(times.Order().ElementAt(250), 0, 1);
    }

    [Fact]
    public async Task Its_state_outlives_a_reload_that_does_not_change_it()
    {
        await using var service = new Service(500);
        using var up = Of(service, "{ failures: 1 }");
        await up.CallAsync();
        up.Reload($"{{ url: \"{service.Url}\", timeout: 7s, breaker: {{ openFor: 5s, failures: 1 }}, maxConnections: 7 }}");
        Assert.Equal("UpstreamOpen 5", await up.CallAsync());
        up.Reload($"{{ url: \"{service.Url}\", breaker: {{ failures: 2 }} }}");
        Assert.Equal("500", await up.CallAsync());
        up.Reload($"{{ url: \"{service.Url}\" }}");
        Assert.All(await up.CallAsync(10), a => Assert.Equal("500", a));
        Assert.Contains("postern_upstream_breaker_state{upstream=\"up\"} NaN\n", up.Metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Each_change_is_logged_once_and_counted()
    {
        await using var service = new Service(500);
        using var up = Of(service, "{ failures: 2, openFor: 2s }");
        await up.CallAsync(10);
        for (var i = 0; i < 5; i++)
        {
            Pass(4);
            await up.CallAsync(10);
        }
        service.Answer = Service.Ok;
        Pass(4);
        await up.CallAsync(10);
        Assert.Equal("warning Upstream up: breaker open for 2s, 2 failures in a row\ninformation Upstream up: breaker closed\n", up.Log);
        Assert.Contains("postern_upstream_breaker_opened_total{upstream=\"up\"} 6\n", up.Metrics, StringComparison.Ordinal);
        Assert.Contains("postern_upstream_breaker_refused_total{upstream=\"up\"} 53\n", up.Metrics, StringComparison.Ordinal);
    }
}
