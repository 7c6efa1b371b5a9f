using Postern.Pipeline;
using Postern.Upstreams.Balancing;
using Postern.Upstreams.Breaking;
using Postern.Upstreams.Resolving;

namespace Postern.Tests.Upstreams.Balancing;

/// <summary>Whom a call avoids, who is asked whether it may come, and who hears how it ended.</summary>
public sealed class BalancingHandlerTests
{
    [Theory]
    [InlineData(Balance.PowerOfTwo)]
    [InlineData(Balance.RoundRobin)]
    [InlineData(Balance.Random)]
    [InlineData(Balance.LeastRequests)]
    [InlineData(Balance.Hash)]
    public async Task A_second_try_goes_elsewhere(Balance rule)
    {
        using var up = Balanced.Of(u => u.Balance(rule).Destination("http://a:1").Destination("http://b:1").Destination("http://c:1"));
        for (var i = 0; i < 100; i++)
        {
            var call = Balanced.Call("X", "y", $"10.0.0.{i}");
            var names = new HashSet<string>();
            for (var tries = 0; tries < 3; tries++)
            {
                Assert.True(names.Add(await up.PickAsync(call)));
                (call.Tried ??= []).Add(call.Destination!);
            }
            // All have been tried: any is better than none.
            Assert.Contains(await up.PickAsync(call), names);
        }
    }

    [Theory]
    [InlineData(Balance.PowerOfTwo)]
    [InlineData(Balance.RoundRobin)]
    [InlineData(Balance.Random)]
    [InlineData(Balance.LeastRequests)]
    public async Task A_second_try_takes_nobodys_turn(Balance rule)
    {
        using var up = Balanced.Of(u => u.Balance(rule).Destination("http://dead:1").Destination("http://well:1"));
        var met = 0;
        for (var i = 0; i < 1000; i++)
        {
            var call = new UpstreamCall();
            if (await up.PickAsync(call) == "dead:1")
            {
                met++;
                call.Tried = [call.Destination!];
                Assert.Equal("well:1", await up.PickAsync(call));
            }
        }
        Assert.InRange(met, 400, 600);
    }

    [Fact]
    public async Task Of_a_hundred_the_only_one_not_tried_is_found()
    {
        using var up = Balanced.Of([.. Enumerable.Range(0, 100).Select(i => $"http://d{i}:1")]);
        var call = new UpstreamCall { Tried = [.. up.Set.Members.Where((_, i) => i != 77).Select(m => m.Destination)] };
        Assert.Equal("d77:1", await up.PickAsync(call));
    }

    [Fact]
    public async Task The_try_that_is_over_is_counted_out_and_the_one_that_lasts_is_not()
    {
        using var up = Balanced.Of("http://a:1");
        var (one, other) = (new UpstreamCall(), new UpstreamCall());
        await up.SendAsync(one);
        var reply = await up.SendAsync(other);
        Assert.Equal(2, up.Set.Members[0].Destination.Calls.Value);
        one.Settle(null);
        other.Settle(reply);
        Assert.Equal(1, up.Set.Members[0].Destination.Calls.Value);
        await reply.FinishAsync();
        Assert.Equal(0, up.Set.Members[0].Destination.Calls.Value);
    }

    [Fact]
    public async Task Without_a_destination_that_may_be_called_it_fails_at_once()
    {
        // There is nobody to panic for: the DNS knows none.
        using var none = Balanced.Of(u => u.Destination("http://nowhere.invalid:1").Resolve(new ResolveOptions { Servers = ["127.0.0.1:1"], Timeout = TimeSpan.FromMilliseconds(100) }));
        var e = await Assert.ThrowsAsync<UpstreamException>(() => none.SendAsync());
        Assert.Equal(Failure.UpstreamEmpty, e.Failure);
    }

    [Fact]
    public async Task One_whose_breaker_is_open_is_passed_over_and_its_share_spreads_over_all_others()
    {
        using var up = Balanced.Of(u => u.Balance(Balance.RoundRobin).Breaker(b => b with { Failures = 1 }).Destination("http://a:1").Destination("http://b:1").Destination("http://c:1"));
        up.Next = call => call.DestinationName == "b:1"
            ? Task.FromException<HttpResponseMessage>(new UpstreamException(Failure.UpstreamUnreachable, "no"))
            : Task.FromResult<HttpResponseMessage>(new EmptyReply());
        await Assert.ThrowsAsync<UpstreamException>(async () => await up.CountAsync(3));
        var counts = await up.CountAsync(1000);
        Assert.DoesNotContain("b:1", counts.Keys);
        Assert.All(counts.Values, c => Assert.InRange(c, 400, 600));
    }

    [Fact]
    public async Task When_no_destination_takes_calls_it_fails_at_once_and_says_when_to_come_back()
    {
        using var up = Balanced.Of(u => u.Breaker(b => b with { Failures = 1, OpenFor = TimeSpan.FromSeconds(7) }).Destination("http://a:1").Destination("http://b:1"));
        var calls = 0;
        up.Next = call =>
        {
            calls++;
            return Task.FromException<HttpResponseMessage>(new UpstreamException(Failure.UpstreamGone, "no"));
        };
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal(Failure.UpstreamGone, (await Assert.ThrowsAsync<UpstreamException>(() => up.SendAsync())).Failure);
        }
        var e = await Assert.ThrowsAsync<UpstreamException>(() => up.SendAsync());
        Assert.Equal((Failure.UpstreamOpen, 2), (e.Failure, calls));
        Assert.InRange(e.RetryAfter!.Value, 6, 7);
        Assert.All(up.Set.Members, m => Assert.Equal(0, m.Destination.Calls.Value));
    }
}
