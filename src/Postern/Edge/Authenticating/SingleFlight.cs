using System.Collections.Concurrent;

namespace Postern.Edge.Authenticating;

/// <summary>
/// Judges a credential once for all requests that carry it at the same time. The work belongs to none of them: whoever leaves
/// doesn't end it for the others. It begins on the thread pool, away from the thread that reads sockets.
/// </summary>
/// <param name="most">How many different credentials are judged at once; more are turned away.</param>
internal sealed class SingleFlight(int most)
{
    private readonly ConcurrentDictionary<Digest, Task<Verdict>> flights = new();
    private int count;

    /// <summary>The verdict of the flight that is under way for this credential, or of a new one; null where too many are under way.</summary>
    public Task<Verdict>? Join(Digest digest, Func<Task<Verdict>> judge)
    {
        if (flights.TryGetValue(digest, out var flight))
        {
            return flight;
        }
        if (Interlocked.Increment(ref count) > most)
        {
            Interlocked.Decrement(ref count);
            return null;
        }
        var begun = new TaskCompletionSource<Verdict>(TaskCreationOptions.RunContinuationsAsynchronously);
        flight = flights.GetOrAdd(digest, begun.Task);
        if (flight != begun.Task)
        {
            Interlocked.Decrement(ref count);
            return flight;
        }
        ThreadPool.UnsafeQueueUserWorkItem(_ => _ = FlyAsync(digest, judge, begun), null);
        return flight;
    }

    private async Task FlyAsync(Digest digest, Func<Task<Verdict>> judge, TaskCompletionSource<Verdict> begun)
    {
        try
        {
            var verdict = await judge();
            Land(digest);
            begun.SetResult(verdict);
        }
        catch (Exception e)
        {
            Land(digest);
            begun.SetException(e);
        }
    }

    private void Land(Digest digest)
    {
        flights.TryRemove(digest, out _);
        Interlocked.Decrement(ref count);
    }
}
