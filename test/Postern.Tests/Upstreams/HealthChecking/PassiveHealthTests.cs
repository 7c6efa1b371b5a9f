using Postern.Tests.Harness;

namespace Postern.Tests.Upstreams.HealthChecking;

/// <summary>Destinations that are taken out for how their calls end.</summary>
public sealed class PassiveHealthTests
{
    private readonly SteppedTime time = new();

    private OneUpstream Of(string health, params Service[] services) => new(Keys(health, services), time);

    private static string Keys(string health, params Service[] services) =>
        $"{{ urls: [{string.Join(", ", services.Select(s => $"\"{s.Url}\""))}], balance: roundRobin, health: {health} }}";

    private void Pass(double seconds) => time.Advance(TimeSpan.FromSeconds(seconds));

    private static bool IsOut(OneUpstream up, int destination) => up[destination].Troubles.Any(t => t.By == "ejected");

    private static int Times(OneUpstream up, int destination) => up.StatusOf(destination).GetProperty("ejections").GetProperty("count").GetInt32();

    /// <summary>Calls until the last destination is out.</summary>
    private static async Task FailAsync(OneUpstream up, Service bad)
    {
        bad.Answer = Service.Of(500);
        for (var i = 0; i < 100 && !IsOut(up, up.Set.Members.Length - 1); i++)
        {
            await up.CallAsync();
        }
        Assert.True(IsOut(up, up.Set.Members.Length - 1));
        bad.Answer = Service.Ok;
    }

    [Fact]
    public async Task After_so_many_failures_in_a_row_a_destination_gets_no_calls_for_a_while()
    {
        await using var good = new Service();
        await using var bad = new Service(500);
        using var up = Of("{ passive: { failures: 3, ejectFor: 5s } }", good, bad);
        Assert.Equal(3, (await up.CallAsync(40)).Count(a => a == "500"));
        Assert.Equal((3, "3 failures in a row"), (bad.Asked, up[1].Troubles[0].Why));
        bad.Answer = Service.Ok;
        Pass(4.999);
        await up.CallAsync(10);
        Assert.Equal(3, bad.Asked);
        Pass(0.001);
        await up.CallAsync(10);
        Assert.Equal(8, bad.Asked);
        Assert.Equal($"warning Upstream up: destination {bad.Name} is ejected for 5s, 3 failures in a row\ninformation Upstream up: destination {bad.Name} is called again, its time is over\n", up.Log);
        Assert.Contains($"postern_upstream_ejections_total{{upstream=\"up\",destination=\"{bad.Name}\"}} 1\n", up.Metrics, StringComparison.Ordinal);
        Assert.Contains("postern_upstream_ejected{upstream=\"up\"} 0\n", up.Metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_success_between_them_begins_the_count_anew()
    {
        await using var good = new Service();
        await using var bad = new Service();
        using var up = Of("{ passive: 3 }", good, bad);
        for (var i = 0; i < 30; i++)
        {
            bad.Answer = i % 3 == 2 ? Service.Ok : Service.Of(500);
            await up.CallAsync(2);
        }
        Assert.False(IsOut(up, 1));
    }

    [Fact]
    public async Task No_connection_no_answer_and_no_HTTP_are_failures_too()
    {
        await using var good = new Service();
        var gone = new Service();
        await using var silent = new Service();
        await using var rude = new Service();
        (silent.Answer, rude.Answer, rude.Closes) = (null, "nonsense\r\n\r\n", true);
        using var up = Of("{ passive: 2, maxEjected: 100%, panicBelow: 0% }", good, gone, silent, rude);
        await gone.DisposeAsync();
        await up.CallAsync(12);
        Assert.Equal([false, true, true, true], Enumerable.Range(0, 4).Select(i => IsOut(up, i)));
    }

    [Fact]
    public async Task A_client_that_leaves_never_counts()
    {
        await using var good = new Service();
        await using var slow = new Service();
        using var up = Of("{ passive: { failures: 1, failureRate: 1%, minimumCalls: 1 } }", good, slow);
        slow.Hold();
        for (var i = 0; i < 5; i++)
        {
            using var client = new CancellationTokenSource();
            var calls = new[] { up.CallAsync(cancel: client.Token), up.CallAsync(cancel: client.Token) };
            await slow.UntilAskedAsync();
            await client.CancelAsync();
            await Task.WhenAll(calls);
        }
        Assert.False(IsOut(up, 1));
    }

    [Fact]
    public async Task What_counts_is_configured()
    {
        await using var good = new Service();
        await using var bad = new Service(500);
        using var up = Of("{ passive: { failures: 2, on: 503 } }", good, bad);
        await up.CallAsync(20);
        Assert.False(IsOut(up, 1));
        bad.Answer = Service.Of(503);
        await up.CallAsync(4);
        Assert.True(IsOut(up, 1));
    }

    [Fact]
    public async Task A_share_of_failures_ejects_once_there_are_enough_calls()
    {
        await using var good = new Service();
        await using var bad = new Service();
        using var up = Of("{ passive: { failureRate: 50%, minimumCalls: 20, window: 10s } }", good, bad);
        for (var i = 0; i < 19; i++)
        {
            bad.Answer = i % 2 == 0 ? Service.Of(500) : Service.Ok;
            await up.CallAsync(2);
        }
        Assert.False(IsOut(up, 1));
        Pass(10);
        for (var i = 0; i < 20; i++)
        {
            Assert.False(IsOut(up, 1));
            bad.Answer = i % 2 == 0 ? Service.Ok : Service.Of(500);
            await up.CallAsync(2);
        }
        Assert.Equal("10 of 20 calls failed within 10 s", up[1].Troubles[0].Why);
    }

    [Fact]
    public async Task A_body_that_breaks_off_is_a_failure()
    {
        await using var good = new Service();
        await using var bad = new Service();
        (bad.Answer, bad.Closes) = ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it", true);
        using var up = Of("{ passive: { failureRate: 50%, minimumCalls: 4 } }", good, bad);
        Assert.Equal(4, (await up.CallAsync(20)).Count(a => a == "UpstreamBroken"));
    }

    [Fact]
    public async Task Bodies_that_break_off_one_after_the_other_are_failures_in_a_row_and_a_whole_one_ends_it()
    {
        const string Half = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it";
        await using var good = new Service();
        await using var bad = new Service();
        using var up = Of("{ passive: { failures: 3 } }", good, bad);
        foreach (var round in new[] { 2, 2, 3 })
        {
            (bad.Answer, bad.Closes) = (Half, true);
            Assert.Equal(round, (await up.CallAsync(2 * round)).Count(a => a == "UpstreamBroken"));
            Assert.Equal(round == 3, IsOut(up, 1));
            (bad.Answer, bad.Closes) = (Service.Ok, false);
            await up.CallAsync(2);
        }
        Assert.Equal("3 failures in a row", up[1].Troubles[0].Why);
    }

    [Fact]
    public async Task The_time_out_grows_with_each_time_up_to_the_longest_and_shrinks_while_it_works()
    {
        await using var good = new Service();
        await using var bad = new Service();
        using var up = Of("{ passive: { failures: 2, ejectFor: 5s, maxEjectFor: 12s } }", good, bad);
        foreach (var seconds in new[] { 5, 10, 12, 12 })
        {
            await FailAsync(up, bad);
            Pass(seconds - 0.001);
            Assert.True(IsOut(up, 1));
            Pass(0.001);
            Assert.False(IsOut(up, 1));
        }
        Assert.Equal(4, Times(up, 1));
        // Of four times, three are forgotten: the next is the second again.
        Pass(15);
        await FailAsync(up, bad);
        Pass(9.999);
        Assert.True(IsOut(up, 1));
        Pass(0.001);
        Assert.False(IsOut(up, 1));
        Pass(3600);
        await FailAsync(up, bad);
        Pass(5);
        Assert.False(IsOut(up, 1));
    }

    [Theory]
    [InlineData("50%", 2)]
    [InlineData("49%", 1)]
    [InlineData("75%", 3)]
    [InlineData("100%", 4)]
    [InlineData("0%", 0)]
    public async Task No_more_are_out_at_once_than_may_be(string most, int expected)
    {
        await using var one = new Service(500);
        await using var two = new Service(500);
        await using var three = new Service(500);
        await using var four = new Service(500);
        using var up = Of($"{{ passive: 2, maxEjected: {most} }}", one, two, three, four);
        await up.CallAsync(100);
        Assert.Equal(expected, Enumerable.Range(0, 4).Count(i => IsOut(up, i)));
        Assert.Equal(expected < 4 ? 1 : 0, up.Log.Split('\n').Count(l => l.Contains("would be ejected", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Who_is_out_makes_room_when_it_comes_back()
    {
        await using var one = new Service(500);
        await using var two = new Service(500);
        using var up = Of("{ passive: 2 }", one, two);
        await up.CallAsync(20);
        Assert.NotEqual(IsOut(up, 0), IsOut(up, 1));
        var (first, service) = IsOut(up, 0) ? (0, one) : (1, two);
        service.Answer = Service.Ok;
        Pass(5);
        await up.CallAsync(4);
        Assert.Equal((false, true), (IsOut(up, first), IsOut(up, 1 - first)));
    }

    [Fact]
    public async Task What_ends_badly_while_it_is_out_does_not_count()
    {
        await using var good = new Service();
        await using var bad = new Service(500);
        using var up = Of("{ passive: 2 }", good, bad);
        bad.Hold();
        var calls = Enumerable.Range(0, 40).Select(_ => up.CallAsync()).ToArray();
        for (var i = 0; i < 20; i++)
        {
            await bad.UntilAskedAsync();
        }
        bad.LetGo();
        await Task.WhenAll(calls);
        bad.Answer = Service.Ok;
        Pass(5);
        Assert.False(IsOut(up, 1));
        Assert.All(await up.CallAsync(10), a => Assert.Equal("200", a));
        Assert.Equal(1, Times(up, 1));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_probe_that_finds_it_well_brings_back_one_that_gave_no_answers_but_not_one_that_gave_bad_ones(bool silent)
    {
        await using var good = new Service();
        await using var bad = new Service();
        using var up = Of("{ path: /healthz, passive: { failures: 2, ejectFor: 30s } }", good, bad);
        await OneUpstream.UntilAsync(() => time.Waiting == 1 && bad.Asked == 1);
        (bad.Answer, bad.Closes) = (silent ? null : Service.Of(500), true);
        await up.CallAsync(4);
        Assert.True(IsOut(up, 1));
        (bad.Answer, bad.Closes) = (Service.Ok, false);
        var asked = bad.Asked;
        Pass(2.2);
        await OneUpstream.UntilAsync(() => bad.Asked == asked + 1 && time.Waiting == (IsOut(up, 1) ? 2 : 1));
        if (silent)
        {
            // It is told after it is done.
            await OneUpstream.UntilAsync(() => !IsOut(up, 1) && up.Log.EndsWith("is called again, a probe found it well\n", StringComparison.Ordinal));
        }
        else
        {
            Assert.True(IsOut(up, 1));
        }
    }

    [Fact]
    public async Task Ejections_outlive_reloads_of_other_options_and_end_with_their_own()
    {
        await using var good = new Service();
        await using var bad = new Service();
        await using var more = new Service();
        using var up = Of("{ passive: 2 }", good, bad);
        await FailAsync(up, bad);
        up.Reload(Keys("{ passive: 3, panicBelow: 10% }", more, good, bad));
        Assert.True(IsOut(up, 2));
        Assert.Equal(0, (await up.CallAsync(10)).Count(a => a != "200") + bad.Asked - 2);
        Pass(5);
        Assert.False(IsOut(up, 2));
        await FailAsync(up, bad);
        up.Reload($"{{ urls: [\"{good.Url}\", \"{bad.Url}\"], balance: roundRobin }}");
        Assert.False(IsOut(up, 1));
        Assert.Equal(0, time.Waiting);
    }

    [Fact]
    public async Task Ejections_and_breakers_outlive_a_reload_that_connects_to_destinations_in_another_way()
    {
        await using var good = new Service();
        await using var bad = new Service();
        await using var more = new Service();
        using var up = new OneUpstream(Keys("{ passive: 2 }", good, more, bad)[..^2] + ", breaker: { failures: 2, openFor: 1m } }", time);
        await FailAsync(up, bad);
        Assert.True(IsOut(up, 2));
        up.Reload(Keys("{ passive: 2 }", good, more, bad)[..^2] + ", breaker: { failures: 2, openFor: 1m }, connectTimeout: 3s }");
        Assert.True(IsOut(up, 2));
        Assert.Equal("open", up.StatusOf(2).GetProperty("breaker").GetProperty("state").GetString());
        Assert.Contains($"breaker_state{{upstream=\"up\",destination=\"{bad.Name}\"}} 2\n", up.Metrics, StringComparison.Ordinal);
        Pass(5);
        Assert.False(IsOut(up, 2));
        Assert.Equal(0, time.Waiting);
    }

    [Fact]
    public async Task A_breaker_beside_it_counts_for_itself()
    {
        await using var good = new Service();
        await using var bad = new Service(500);
        using var up = new OneUpstream(Keys("{ passive: 4 }", good, bad)[..^2] + ", breaker: { failures: 2, openFor: 1s, maxOpenFor: 1s } }", time);
        await up.CallAsync(20);
        Assert.Equal((2, false), (bad.Asked, IsOut(up, 1)));
        Pass(1);
        await up.CallAsync(20);
        Pass(1);
        await up.CallAsync(20);
        Assert.Equal((4, true), (bad.Asked, IsOut(up, 1)));
    }
}
