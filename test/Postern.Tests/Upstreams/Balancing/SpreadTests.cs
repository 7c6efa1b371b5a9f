using Postern.Pipeline;
using Postern.Upstreams.Balancing;

namespace Postern.Tests.Upstreams.Balancing;

/// <summary>How calls spread: within 2 % of what the weights say.</summary>
public sealed class SpreadTests
{
    private const int Calls = 20_000;

    [Theory]
    [InlineData("powerOfTwo", "1,1,1")]
    [InlineData("roundRobin", "1,1,1")]
    [InlineData("random", "1,1,1")]
    [InlineData("leastRequests", "1,1,1")]
    [InlineData("powerOfTwo", "5,3,1")]
    [InlineData("roundRobin", "5,3,1")]
    [InlineData("random", "5,3,1")]
    [InlineData("leastRequests", "5,3,1")]
    [InlineData("roundRobin", "9973,5003,1")]
    [InlineData("powerOfTwo", "1,1")]
    [InlineData("random", "50,50,100,0")]
    public async Task Each_gets_its_share(string rule, string weights) => await SpreadsAsync(rule, weights, call => Task.CompletedTask);

    [Theory]
    [InlineData("powerOfTwo", "1,1,1,1")]
    [InlineData("leastRequests", "1,1,1,1")]
    [InlineData("random", "1,1,1,1")]
    [InlineData("roundRobin", "2,1,1,1")]
    [InlineData("leastRequests", "3,1")]
    [InlineData("powerOfTwo", "3,1")]
    public async Task Each_gets_its_share_while_calls_are_in_flight(string rule, string weights)
    {
        var inFlight = new Queue<UpstreamCall>();
        await SpreadsAsync(rule, weights, call =>
        {
            inFlight.Enqueue(call);
            if (inFlight.Count > 64)
            {
                inFlight.Dequeue().Settle(null);
            }
            return Task.CompletedTask;
        }, settle: false);
    }

    [Theory]
    [InlineData("powerOfTwo", "5,2,1", 1)]
    [InlineData("powerOfTwo", "3,1", 1)]
    [InlineData("leastRequests", "5,2,1", 1)]
    [InlineData("leastRequests", "3,1", 2)]
    [InlineData("leastRequests", "5,2,1", 5)]
    public async Task Each_gets_its_share_while_few_calls_are_in_flight(string rule, string weights, int few)
    {
        var inFlight = new Queue<UpstreamCall>();
        await SpreadsAsync(rule, weights, call =>
        {
            inFlight.Enqueue(call);
            if (inFlight.Count > few)
            {
                inFlight.Dequeue().Settle(null);
            }
            return Task.CompletedTask;
        }, settle: false);
    }

    [Fact]
    public async Task Round_robin_by_weight_never_sends_many_in_a_row_to_the_heaviest()
    {
        using var up = Balanced.Of(u => u.Balance(Balance.RoundRobin).Destination("http://a:1", 5).Destination("http://b:1").Destination("http://c:1"));
        var order = "";
        for (var i = 0; i < 7; i++)
        {
            order += (await up.PickAsync())[0];
        }
        // What nginx does with 5, 1, 1, from whichever turn it begins.
        Assert.Contains(order, "aabacaaaabacaa");
    }

    [Theory]
    [InlineData(Balance.LeastRequests)]
    [InlineData(Balance.PowerOfTwo)]
    public async Task The_busy_one_is_left_alone(Balance rule)
    {
        using var up = Balanced.Of(u => u.Balance(rule).Destination("http://a:1").Destination("http://b:1"));
        up.Set.Members[0].Destination.Calls.Enter();
        Assert.Equal(100, (await up.CountAsync(100))["b:1"]);
    }

    [Fact]
    public async Task Who_weighs_three_times_as_much_may_have_three_times_the_calls()
    {
        using var up = Balanced.Of(u => u.Balance(Balance.LeastRequests).Destination("http://a:1", 3).Destination("http://b:1"));
        for (var i = 0; i < 400; i++)
        {
            await up.SendAsync();
        }
        Assert.Equal([300, 100], up.Set.Members.Select(m => m.Destination.Calls.Value));
    }

    private static async Task SpreadsAsync(string rule, string weights, Func<UpstreamCall, Task> afterwards, bool settle = true)
    {
        int[] each = [.. weights.Split(',').Select(int.Parse)];
        using var up = Balanced.Of(u =>
        {
            u.Balance(Enum.Parse<Balance>(rule, ignoreCase: true));
            for (var i = 0; i < each.Length; i++)
            {
                u.Destination($"http://d{i}:1", each[i]);
            }
        });
        var counts = new Dictionary<string, int>();
        for (var i = 0; i < Calls; i++)
        {
            var call = new UpstreamCall();
            await up.SendAsync(call);
            if (settle)
            {
                call.Settle(null);
            }
            await afterwards(call);
            counts[call.DestinationName!] = counts.GetValueOrDefault(call.DestinationName!) + 1;
        }
        for (var i = 0; i < each.Length; i++)
        {
            var ideal = (double)Calls * each[i] / each.Sum();
            Assert.InRange(counts.GetValueOrDefault($"d{i}:1"), Math.Floor(ideal * 0.98), Math.Ceiling(ideal * 1.02) + 1);
        }
    }
}
