using Microsoft.Extensions.Logging;
using Postern.Tests.Harness;
using Postern.Upstreams.Retrying;

namespace Postern.Tests.Upstreams.Retrying;

/// <summary>How many tries beyond the first there may be.</summary>
public sealed class RetryBudgetTests
{
    private readonly SteppedTime time = new();

    [Fact]
    public void An_upstream_that_gets_few_calls_still_gets_a_few_retries_a_second()
    {
        var budget = new RetryBudget("up", 0.1, 3, time);
        Assert.Equal(3, Fail(budget, 20));
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(3, Fail(budget, 5));
    }

    [Theory]
    [InlineData(0.1, 1000, 100), InlineData(0.2, 1000, 200), InlineData(1, 50, 50), InlineData(0, 1000, 3)]
    public void The_share_is_of_the_calls_that_came(double share, int calls, int retries) =>
        Assert.InRange(Fail(new RetryBudget("up", share, 3, time), calls), retries, retries + (share is > 0 and < 1 ? 1 : 0));

    /// <summary>However fast the calls come, and for however long they all fail.</summary>
    [Theory]
    [InlineData(40), InlineData(100), InlineData(1000)]
    public void Where_every_call_fails_there_are_no_more_than_a_tenth_on_top(int perSecond)
    {
        var budget = new RetryBudget("up", 0.1, 3, time);
        var (calls, retries) = (0, 0);
        for (var tick = 0; tick < 600; tick++)
        {
            calls += perSecond / 20;
            retries += Fail(budget, perSecond / 20);
            time.Advance(TimeSpan.FromMilliseconds(50));
        }
        Assert.InRange(retries, calls * 0.099, calls * 0.1 + 3);
    }

    [Fact]
    public void What_was_spent_and_what_came_is_forgotten_after_ten_seconds()
    {
        var budget = new RetryBudget("up", 0.1, 0, time);
        Assert.Equal(10, Fail(budget, 100));
        Assert.Equal(0, budget.Left);
        Succeed(budget, 100);
        Assert.Equal(10, budget.Left);
        time.Advance(TimeSpan.FromSeconds(9));
        Assert.Equal(10, budget.Left);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(0, budget.Left);
        Assert.False(budget.TrySpend());
    }

    [Fact]
    public async Task Under_races_no_more_is_spent_than_there_is()
    {
        var budget = new RetryBudget("up", 0.1, 0, time);
        Succeed(budget, 1000);
        var spent = 0;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 1000; i++)
            {
                if (budget.TrySpend())
                {
                    Interlocked.Increment(ref spent);
                }
            }
        })));
        Assert.Equal(100, spent);
    }

    [Fact]
    public void The_log_says_once_that_it_is_used_up_and_once_that_it_suffices_again()
    {
        var log = new Lines();
        var budget = new RetryBudget("up", 0.1, 3, time);
        budget.Start(time, log);
        for (var i = 0; i < 30; i++)
        {
            Fail(budget, 100);
            time.Advance(TimeSpan.FromMilliseconds(500));
        }
        Assert.Single(log.Written);
        time.Advance(TimeSpan.FromSeconds(10));
        Succeed(budget, 5);
        Assert.Equal(2, log.Written.Count);
        Assert.StartsWith("Upstream up: the budget for retries is used up", log.Written[0], StringComparison.Ordinal);
        Assert.StartsWith("Upstream up: the budget for retries suffices again, after 2", log.Written[1], StringComparison.Ordinal);
    }

    private static int Fail(RetryBudget budget, int calls)
    {
        var retries = 0;
        for (var i = 0; i < calls; i++)
        {
            budget.Count();
            retries += budget.TrySpend() ? 1 : 0;
        }
        return retries;
    }

    private static void Succeed(RetryBudget budget, int calls)
    {
        for (var i = 0; i < calls; i++)
        {
            budget.Count();
        }
    }

    private sealed class Lines : ILogger
    {
        public List<string> Written { get; } = [];

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Written.Add(formatter(state, exception));
    }
}
