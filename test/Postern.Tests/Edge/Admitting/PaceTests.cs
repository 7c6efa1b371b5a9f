using Postern.Edge.Admitting;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.Admitting;

/// <summary>How fast a flood is refused.</summary>
public sealed class PaceTests
{
    private readonly SteppedTime time = new();

    [Fact]
    public void A_thousand_are_refused_at_once_and_then_a_thousand_a_second()
    {
        var pace = new Pace(time);
        Assert.Equal(Pace.PerSecond, Take(pace, Pace.PerSecond).Count(t => t.IsCompleted));
        Assert.Equal(0, time.Waiting);
        var held = Take(pace, 100);
        Assert.DoesNotContain(held, t => t.IsCompleted);
        Assert.Equal(100, pace.Held);
        for (var ms = 10; ms <= 120; ms += 10)
        {
            time.Advance(TimeSpan.FromMilliseconds(10));
            Assert.InRange(held.Count(t => t.IsCompleted), Math.Min(100, ms) - 11, Math.Min(100, ms) + 11);
        }
        Assert.All(held, t => Assert.True(t.IsCompleted));
        Assert.Equal((0, 0), (pace.Held, time.Waiting));
    }

    [Fact]
    public void None_is_held_for_longer_than_a_quarter_of_a_second_and_they_don_t_go_out_together()
    {
        var pace = new Pace(time);
        Take(pace, Pace.PerSecond);
        var held = Take(pace, 2000);
        var (before, most) = (0, 0);
        for (var slot = 0; slot < 25; slot++)
        {
            time.Advance(TimeSpan.FromMilliseconds(10));
            var now = held.Count(t => t.IsCompleted);
            (before, most) = (now, Math.Max(most, now - before));
        }
        Assert.All(held, t => Assert.True(t.IsCompleted));
        Assert.InRange(most, 0, 160);
        Assert.Equal((0, 0), (pace.Held, time.Waiting));
    }

    [Fact]
    public void After_a_quiet_second_they_are_refused_at_once_again()
    {
        var pace = new Pace(time);
        Take(pace, 5000);
        time.Advance(TimeSpan.FromSeconds(1.25));
        Assert.Equal(Pace.PerSecond, Take(pace, 2000).Count(t => t.IsCompleted));
    }

    [Fact]
    public void What_is_held_is_bounded()
    {
        var pace = new Pace(time);
        Assert.Equal(Pace.PerSecond + 5000, Take(pace, Pace.PerSecond + Pace.MaxHeld + 5000).Count(t => t.IsCompleted));
        Assert.Equal(Pace.MaxHeld, pace.Held);
    }

    [Fact]
    public void Who_asks_again_the_moment_it_is_answered_gets_a_thousand_a_second()
    {
        var pace = new Pace(time);
        Take(pace, Pace.PerSecond);
        var answered = 0;
        _ = AskAsync();
        for (var i = 0; i < 50; i++)
        {
            time.Advance(TimeSpan.FromMilliseconds(10));
        }
        Assert.InRange(answered, 480, 520);
        Assert.InRange(pace.Held, 0, 1);

        async Task AskAsync()
        {
            while (answered < 10_000)
            {
                await pace.TurnAsync();
                answered++;
            }
        }
    }

    private static List<Task> Take(Pace pace, int count) => [.. Enumerable.Range(0, count).Select(_ => pace.TurnAsync())];
}
