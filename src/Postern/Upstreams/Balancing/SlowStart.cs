namespace Postern.Upstreams.Balancing;

/// <summary>
/// Lets the weight of a destination that is new or was in trouble grow in a straight line, from a tenth to all of it: caches are
/// cold, and code isn't compiled. Those an upstream begins with are all equally new, so they begin with all of it.
/// </summary>
internal sealed class SlowStart(TimeSpan duration, Action step) : IDisposable
{
    /// <summary>Weights are multiplied by this while one grows.</summary>
    private const int Fine = 100;

    private const double Least = 0.1;

    private static readonly TimeSpan ShortestStep = TimeSpan.FromMilliseconds(100);

    private readonly TimeSpan every = TimeSpan.FromTicks(Math.Clamp(duration.Ticks / 50, ShortestStep.Ticks, TimeSpan.TicksPerSecond));
    private TimeProvider? time;
    private ITimer? timer;
    private bool running;

    /// <summary>From now on time passes.</summary>
    public void Start(TimeProvider time)
    {
        this.time = time;
        if (duration > TimeSpan.Zero)
        {
            timer = time.CreateTimer(_ => step(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>These are there: those that have not been before begin slowly, where there are others that have.</summary>
    public void Arrive(IReadOnlyCollection<Destination> destinations)
    {
        var areOthers = destinations.Any(d => d.IsKnown);
        foreach (var destination in destinations.Where(d => !d.IsKnown))
        {
            destination.IsKnown = true;
            if (areOthers)
            {
                Begin(destination);
            }
        }
    }

    /// <summary>The destination begins, now; whoever says so asks for the weights next.</summary>
    public void Begin(Destination destination)
    {
        if (timer is not null)
        {
            destination.SlowSince = time!.GetTimestamp();
        }
    }

    /// <summary>What the members weigh at this moment. Not to be asked by two at once.</summary>
    public int[] Weights(Member[] members)
    {
        var weights = new int[members.Length];
        var growing = false;
        for (var i = 0; i < members.Length; i++)
        {
            var share = Share(members[i].Destination);
            growing |= share < 1;
            weights[i] = Math.Max(1, (int)(members[i].Weight * Fine * share));
        }
        if (growing != running)
        {
            running = growing;
            timer!.Change(growing ? every : Timeout.InfiniteTimeSpan, growing ? every : Timeout.InfiniteTimeSpan);
        }
        return weights;
    }

    public void Dispose() => timer?.Dispose();

    private double Share(Destination destination)
    {
        var since = destination.SlowSince;
        return timer is null || since == Destination.NotSlow ? 1 : Math.Clamp(time!.GetElapsedTime(since) / duration, Least, 1);
    }
}
