using System.Diagnostics;

namespace Postern.Tests.Harness;

/// <summary>Waits for what other processes do and nobody announces.</summary>
internal static class Until
{
    /// <summary>Done once it holds; fails where it doesn't in time.</summary>
    public static Task TrueAsync(Func<bool> holds, string complaint, TimeSpan? within = null) =>
        TrueAsync(() => Task.FromResult(holds()), () => complaint, within);

    /// <summary>Done once it holds; fails where it doesn't in time, with what <paramref name="complaint"/> says then.</summary>
    public static async Task TrueAsync(Func<Task<bool>> holds, Func<string> complaint, TimeSpan? within = null)
    {
        var began = Stopwatch.GetTimestamp();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (!await holds())
        {
            Assert.True(Stopwatch.GetElapsedTime(began) < (within ?? RunningTool.Patience), complaint());
            await timer.WaitForNextTickAsync();
        }
    }
}
