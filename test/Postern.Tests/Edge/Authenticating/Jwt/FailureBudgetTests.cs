using Postern.Edge.Authenticating.Jwt;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.Authenticating.Jwt;

/// <summary>What bad signatures one address may cost.</summary>
public sealed class FailureBudgetTests
{
    private readonly FailureBudget budget = new();
    private readonly ManualTime time = new();

    [Fact]
    public void An_address_may_spend_its_burst_and_then_what_time_brings()
    {
        Assert.Equal(FailureBudget.Burst, Spend("192.0.2.1"));
        Assert.Equal(0, Spend("192.0.2.1"));
        time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.Equal(FailureBudget.PerSecond / 10, Spend("192.0.2.1"));
        time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(FailureBudget.Burst, Spend("192.0.2.1"));
    }

    [Theory]
    [InlineData("192.0.2.1", "192.0.2.2", false)]
    [InlineData("192.0.2.1", "::ffff:192.0.2.1", true)]
    [InlineData("2001:db8::1", "2001:db8::ffff:1:2:3", true)]
    [InlineData("2001:db8:0:1::1", "2001:db8:0:2::1", false)]
    [InlineData("2001:db8:0:1::1", "2001:DB8:0:1:0::2", true)]
    [InlineData("0.0.0.0", "::", false)]
    [InlineData("", "unix", true)]
    [InlineData("", "192.0.2.1", false)]
    public void All_of_a_network_of_64_bits_is_one_client(string one, string other, bool same)
    {
        Spend(one);
        Assert.Equal(same, budget.IsSpent(other, time));
    }

    [Fact]
    public void An_address_that_many_threads_take_from_is_charged_for_each()
    {
        budget.Take("192.0.2.1", time);
        Parallel.For(1, FailureBudget.Burst, _ => budget.Take("192.0.2.1", time));
        Assert.True(budget.IsSpent("192.0.2.1", time));
    }

    private int Spend(string client)
    {
        for (var spent = 0; ; spent++)
        {
            if (budget.IsSpent(client, time))
            {
                return spent;
            }
            budget.Take(client, time);
        }
    }
}
