using Postern.Tests.Harness;

namespace Postern.Tests.Upstreams.Breaking;

/// <summary>Breakers of single destinations, where an upstream has several.</summary>
public sealed class DestinationBreakerTests
{
    private readonly SteppedTime time = new();

    private OneUpstream Of(string breaker, params Service[] services) =>
        new($"{{ urls: [{string.Join(", ", services.Select(s => $"\"{s.Url}\""))}], balance: roundRobin, breaker: {breaker} }}", time);

    private static string State(OneUpstream up, int destination) => up.StatusOf(destination).GetProperty("breaker").GetProperty("state").GetString()!;

    private static string State(OneUpstream up) => up.Status.GetProperty("breaker").GetProperty("state").GetString()!;

    [Fact]
    public async Task A_bad_destination_is_left_alone_and_the_others_serve_on()
    {
        await using var good = new Service();
        await using var bad = new Service(500);
        using var up = Of("{ failures: 3, openFor: 5s }", good, bad);
        var answers = await up.CallAsync(100);
        Assert.Equal((3, 97), (answers.Count(a => a == "500"), answers.Count(a => a == "200")));
        Assert.Equal(3, bad.Asked);
        Assert.Equal(("closed", "open", "closed"), (State(up, 0), State(up, 1), State(up)));
        Assert.Contains($"postern_upstream_breaker_state{{upstream=\"up\",destination=\"{bad.Name}\"}} 2\n", up.Metrics, StringComparison.Ordinal);
        Assert.Equal($"warning Upstream up, destination {bad.Name}: breaker open for 5s, 3 failures in a row\n", up.Log);
    }

    [Fact]
    public async Task Many_failures_of_one_at_once_do_not_open_the_upstreams_own()
    {
        await using var good = new Service();
        await using var bad = new Service(500);
        using var up = Of("{ failures: 3, failureRate: 10%, minimumCalls: 10 }", good, bad);
        bad.Hold();
        var calls = Enumerable.Range(0, 100).Select(_ => up.CallAsync()).ToArray();
        for (var i = 0; i < 50; i++)
        {
            await bad.UntilAskedAsync();
        }
        bad.LetGo();
        Assert.Equal(50, (await Task.WhenAll(calls)).Count(a => a == "500"));
        Assert.Equal(("open", "closed"), (State(up, 1), State(up)));
        Assert.All(await up.CallAsync(20), a => Assert.Equal("200", a));
    }

    [Fact]
    public async Task Failures_of_several_open_the_upstreams_own()
    {
        await using var one = new Service(500);
        await using var other = new Service(500);
        using var up = Of("{ failures: 5, openFor: 5s }", one, other);
        Assert.Equal(["500", "500", "500", "500", "500", "UpstreamOpen 5"], await up.CallAsync(6));
        Assert.Equal(("closed", "closed", "open"), (State(up, 0), State(up, 1), State(up)));
    }

    [Fact]
    public async Task Half_open_a_destination_gets_one_call_at_once_and_the_rest_go_elsewhere()
    {
        await using var good = new Service();
        await using var bad = new Service(500);
        using var up = Of("{ failures: 1, openFor: 5s }", good, bad);
        await up.CallAsync(2);
        await bad.UntilAskedAsync();
        time.Advance(TimeSpan.FromSeconds(5));
        bad.Answer = Service.Ok;
        bad.Hold();
        var calls = Enumerable.Range(0, 100).Select(_ => Task.Run(() => up.CallAsync())).ToArray();
        await bad.UntilAskedAsync();
        await OneUpstream.UntilAsync(() => calls.Count(c => c.IsCompleted) == 99);
        Assert.Equal(2, bad.Asked);
        bad.LetGo();
        Assert.All(await Task.WhenAll(calls), a => Assert.Equal("200", a));
        await up.CallAsync(10);
        Assert.InRange(bad.Asked, 6, 8);
    }

    [Fact]
    public async Task A_probe_whose_client_leaves_gives_its_place_back()
    {
        await using var good = new Service();
        await using var bad = new Service(500);
        using var up = Of("{ failures: 1, openFor: 5s }", good, bad);
        await up.CallAsync(2);
        await bad.UntilAskedAsync();
        time.Advance(TimeSpan.FromSeconds(5));
        bad.Answer = Service.Ok;
        bad.Hold();
        using (var client = new CancellationTokenSource())
        {
            var calls = new[] { up.CallAsync(cancel: client.Token), up.CallAsync(cancel: client.Token) };
            await bad.UntilAskedAsync();
            await client.CancelAsync();
            Assert.Contains("cancelled", await Task.WhenAll(calls));
        }
        bad.LetGo();
        await up.CallAsync(10);
        Assert.InRange(bad.Asked, 6, 8);
    }

    [Theory]
    [InlineData("{ failures: 5 }")]
    [InlineData("{ failures: 1 }")]
    [InlineData("{ failureRate: 10%, minimumCalls: 1 }")]
    [InlineData("{ failureRate: 50%, minimumCalls: 20 }")]
    public async Task Half_of_them_failing_never_open_the_upstreams_own(string breaker)
    {
        await using var good = new Service();
        await using var other = new Service();
        await using var bad = new Service(500);
        await using var worse = new Service();
        worse.Answer = null;
        using var up = Of(breaker, good, bad, other, worse);
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Task.Run(() => up.CallAsync(20))));
        Assert.DoesNotContain("UpstreamOpen", string.Join(' ', answers.SelectMany(a => a)), StringComparison.Ordinal);
        Assert.Equal(("closed", "open", "closed", "open", "closed"), (State(up, 0), State(up, 1), State(up, 2), State(up, 3), State(up)));
    }

    [Fact]
    public async Task A_share_of_failures_that_most_have_opens_the_upstreams_own()
    {
        await using var one = new Service(500);
        await using var two = new Service(500);
        await using var three = new Service();
        using var up = Of("{ failureRate: 50%, minimumCalls: 9 }", one, two, three);
        // The first failure once there are nine calls opens it.
        Assert.InRange((await up.CallAsync(20)).Count(a => a == "UpstreamOpen 5"), 10, 11);
        Assert.Equal(("closed", "open"), (State(up, 0), State(up)));
    }

    [Fact]
    public async Task They_outlive_a_reload_that_adds_a_destination()
    {
        await using var good = new Service();
        await using var bad = new Service(500);
        await using var added = new Service();
        using var up = Of("{ failures: 1 }", good, bad);
        await up.CallAsync(2);
        up.Reload($"{{ urls: [\"{added.Url}\", \"{good.Url}\", \"{bad.Url}\"], balance: roundRobin, breaker: {{ failures: 1 }} }}");
        Assert.All(await up.CallAsync(20), a => Assert.Equal("200", a));
        Assert.Equal((1, "open"), (bad.Asked, State(up, 2)));
    }

    [Fact]
    public async Task A_body_that_breaks_off_counts_against_its_destination()
    {
        await using var good = new Service();
        await using var bad = new Service();
        (bad.Answer, bad.Closes) = ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it", true);
        using var up = Of("{ failureRate: 50%, minimumCalls: 4 }", good, bad);
        Assert.Equal(4, (await up.CallAsync(20)).Count(a => a == "UpstreamBroken"));
        Assert.Equal(("open", "closed"), (State(up, 1), State(up)));
    }

    [Fact]
    public async Task A_single_destination_has_none_of_its_own()
    {
        await using var service = new Service(500);
        using var up = Of("1", service);
        await up.CallAsync();
        Assert.Empty(up.Set.Members[0].Judges);
        Assert.DoesNotContain("breaker_state{upstream=\"up\",destination=", up.Metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_that_is_gone_is_not_open_for_good_in_the_metrics()
    {
        await using var good = new Service();
        await using var other = new Service();
        await using var bad = new Service(500);
        using var up = Of("1", good, other, bad);
        await up.CallAsync(3);
        var series = $"postern_upstream_breaker_state{{upstream=\"up\",destination=\"{bad.Name}\"}}";
        Assert.Contains($"{series} 2\n", up.Metrics, StringComparison.Ordinal);
        up.Reload($"{{ urls: [\"{good.Url}\", \"{other.Url}\"], balance: roundRobin, breaker: 1 }}");
        Assert.DoesNotContain($"{series} 2\n", up.Metrics, StringComparison.Ordinal);
    }
}
