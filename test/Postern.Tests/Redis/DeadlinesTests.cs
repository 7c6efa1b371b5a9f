using System.Diagnostics;
using Postern.Redis;

namespace Postern.Tests.Redis;

/// <summary>How long a question to Redis is waited for.</summary>
public sealed class DeadlinesTests
{
    [Theory]
    [InlineData(5)]
    [InlineData(15)]
    [InlineData(50)]
    [InlineData(120)]
    public async Task A_wait_ends_hardly_early_however_short_it_is(int milliseconds)
    {
        using var deadlines = new Deadlines(TimeSpan.FromMilliseconds(milliseconds));
        var shortest = TimeSpan.MaxValue;
        for (var i = 0; i < 5; i++)
        {
            var question = new Unanswered();
            deadlines.Add(question);
            var waited = await question.Waited.WaitAsync(Stores.Patient);
            shortest = waited < shortest ? waited : shortest;
        }
        // An eighth of it, or two milliseconds: the part in which it was asked, and what a timer is early.
        var least = TimeSpan.FromMilliseconds(Math.Min(milliseconds * 0.85, milliseconds - 2));
        Assert.True(shortest >= least, $"{shortest.TotalMilliseconds} ms");
    }

    private sealed class Unanswered : IAwaited
    {
        private readonly long began = Stopwatch.GetTimestamp();
        private readonly TaskCompletionSource<TimeSpan> waited = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<TimeSpan> Waited => waited.Task;

        public bool IsDone => waited.Task.IsCompleted;

        public void Expire() => waited.TrySetResult(Stopwatch.GetElapsedTime(began));
    }
}
