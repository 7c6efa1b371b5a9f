using Postern.Config;

namespace Postern.Server.Listening;

/// <summary>
/// How the gateway leaves. Ready says no, and it serves on until balancers have noticed; then it takes no new connection,
/// lets those there are end with their answers, and cuts what is left after the time-out.
/// </summary>
internal sealed class Drain(TrafficServer traffic, DrainOptions options, TimeProvider time)
{
    /// <summary>How long an idle connection stays open after the sockets have closed: a client that is about to send on it
    /// gets its answer, and is told to close, where an end at once would cost it the request.</summary>
    private static readonly TimeSpan IdleGrace = TimeSpan.FromSeconds(1);

    private volatile bool began;

    /// <summary>Whether <c>/readyz</c> says no.</summary>
    public bool Began => began;

    /// <summary>Runs the whole of it; true if nothing had to be cut.</summary>
    public async Task<bool> RunAsync()
    {
        began = true;
        // Balancers notice in the first half. In the second, answers ask their clients for another connection, which the
        // balancer makes to another instance, so that few are left when the sockets close.
        var half = options.Delay / 2;
        await Task.Delay(half, time);
        traffic.WindDown();
        await Task.Delay(options.Delay - half, time);

        var closed = time.GetTimestamp();
        await traffic.CloseSocketsAsync();
        do
        {
            // Each round ends the connections that had no request in the last one.
            traffic.CloseIdle();
            var left = options.Timeout - time.GetElapsedTime(closed);
            await WaitAsync(left < IdleGrace ? left : IdleGrace);
        }
        while (!traffic.Empty.IsCompleted && time.GetElapsedTime(closed) < options.Timeout);
        var clean = traffic.Empty.IsCompleted;
        await traffic.DisposeAsync();
        return clean;
    }

    private async Task WaitAsync(TimeSpan atMost)
    {
        if (atMost > TimeSpan.Zero)
        {
            using var waited = new CancellationTokenSource();
            await Task.WhenAny(traffic.Empty, Task.Delay(atMost, time, waited.Token));
            await waited.CancelAsync();
        }
    }
}
