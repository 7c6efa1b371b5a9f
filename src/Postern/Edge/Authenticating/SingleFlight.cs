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
    private readonly int share = Math.Max(1, most / 4);
    // By the hash of a network: two that meet in one place share their share, and no network needs remembering.
    private readonly int[] clients = new int[1024];
    private int count;

    /// <summary>The verdict of the flight that is under way for this credential, or of a new one; null where too many are under way.</summary>
    /// <param name="digest">The credential's digest.</param>
    /// <param name="judge">Judges it; called at most once, and not by this thread.</param>
    /// <param name="client">Whose flight a new one is: one client has at most a quarter of them. Null: nobody's.</param>
    public Task<Verdict>? Join(Digest digest, Func<Task<Verdict>> judge, Network? client = null)
    {
        if (flights.TryGetValue(digest, out var flight))
        {
            return flight;
        }
        var place = client is { } network ? network.GetHashCode() & (clients.Length - 1) : -1;
        if (!Begin(place))
        {
            return null;
        }
        var begun = new TaskCompletionSource<Verdict>(TaskCreationOptions.RunContinuationsAsynchronously);
        flight = flights.GetOrAdd(digest, begun.Task);
        if (flight != begun.Task)
        {
            End(place);
            return flight;
        }
        ThreadPool.UnsafeQueueUserWorkItem(_ => _ = FlyAsync(digest, judge, place, begun), null);
        return flight;
    }

    private async Task FlyAsync(Digest digest, Func<Task<Verdict>> judge, int place, TaskCompletionSource<Verdict> begun)
    {
        try
        {
            var verdict = await judge();
            Land(digest, place);
            begun.SetResult(verdict);
        }
        catch (Exception e)
        {
            Land(digest, place);
            begun.SetException(e);
        }
    }

    private void Land(Digest digest, int place)
    {
        flights.TryRemove(digest, out _);
        End(place);
    }

    private bool Begin(int place)
    {
        if (Interlocked.Increment(ref count) > most)
        {
            Interlocked.Decrement(ref count);
            return false;
        }
        if (place >= 0 && Interlocked.Increment(ref clients[place]) > share)
        {
            End(place);
            return false;
        }
        return true;
    }

    private void End(int place)
    {
        Interlocked.Decrement(ref count);
        if (place >= 0)
        {
            Interlocked.Decrement(ref clients[place]);
        }
    }
}
