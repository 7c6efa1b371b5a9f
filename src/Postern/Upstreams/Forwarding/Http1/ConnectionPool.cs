using Postern.Pipeline;

namespace Postern.Upstreams.Forwarding.Http1;

/// <summary>
/// The connections to one destination. The one used last is taken first, so that a quiet time leaves few open. At most so
/// many are open at once; past that, calls wait in order for one to come back or to close, for as long as a connection may
/// take to open.
/// </summary>
internal sealed class ConnectionPool(Dialer dialer)
{
    private readonly Lock gate = new();
    private readonly Queue<TaskCompletionSource<Connection?>> waiting = new();
    private readonly TimeProvider time = dialer.Settings.Time;
    private readonly int max = dialer.Settings.MaxConnections;
    private Connection? newest, oldest;
    private int open;   // those being opened count too
    private bool retired;

    /// <summary>An idle connection that the upstream has not closed, or null.</summary>
    /// <param name="probe">Ask the kernel too: the request can't be sent a second time.</param>
    public Connection? TryTake(bool probe)
    {
        while (true)
        {
            Connection? connection;
            lock (gate)
            {
                connection = newest;
                if (connection is null)
                {
                    return null;
                }
                Unlink(connection);
            }
            if (connection.IsQuiet(probe))
            {
                return connection;
            }
            Close(connection);
        }
    }

    /// <summary>A new connection, or, where no more may be open, the next that comes back.</summary>
    /// <param name="fresh">Rather a new connection than one that was idle, of which the upstream may have tired.</param>
    /// <param name="cancel">Ends the waiting and the connecting.</param>
    public async ValueTask<Connection> TakeAsync(bool fresh, CancellationToken cancel)
    {
        TaskCompletionSource<Connection?>? turn = null;
        Connection? idle = null;
        lock (gate)
        {
            if (open < max)
            {
                open++;
            }
            else if (oldest is not null)
            {
                idle = fresh ? oldest : newest!;
                Unlink(idle);
            }
            else
            {
                turn = new(TaskCreationOptions.RunContinuationsAsynchronously);
                waiting.Enqueue(turn);
            }
        }
        if (turn is not null)
        {
            idle = await WaitAsync(turn, cancel).ConfigureAwait(false);
            fresh = false;
        }
        if (idle is not null)
        {
            if (!fresh && idle.IsQuiet(probe: true))
            {
                return idle;
            }
            // It gives its place to a new one.
            idle.Close();
        }
        try
        {
            var socket = await dialer.ConnectAsync(cancel).ConfigureAwait(false);
            IdleSweep.Watch(this, time);
            return new Connection(socket, this);
        }
        catch
        {
            Release();
            throw;
        }
    }

    /// <summary>Takes a connection back whose last answer was read to its end. It is handed on, kept, or closed.</summary>
    public void Return(Connection connection)
    {
        if (!connection.TryReset())
        {
            Close(connection);
            return;
        }
        connection.Reused = true;
        connection.Arm();
        if (connection.HasArrived)
        {
            Close(connection);
            return;
        }
        lock (gate)
        {
            while (waiting.TryDequeue(out var turn))
            {
                if (turn.TrySetResult(connection))
                {
                    return;
                }
            }
            Link(connection);
        }
        // The receive may have ended before it could see the connection in the list.
        Interlocked.MemoryBarrier();
        if (connection.HasArrived)
        {
            Drop(connection);
        }
        else if (Volatile.Read(ref retired))
        {
            Sweep(TimeSpan.Zero);
        }
    }

    /// <summary>Closes a connection that a call gives up.</summary>
    public void Close(Connection connection)
    {
        connection.Close();
        Release();
    }

    /// <summary>Closes an idle connection on which something came; does nothing if a call has just taken it.</summary>
    public void Drop(Connection connection)
    {
        lock (gate)
        {
            if (!connection.Idle)
            {
                return;
            }
            Unlink(connection);
        }
        Close(connection);
    }

    /// <summary>Closes idle connections now, and those in use when they come back.</summary>
    public void Retire()
    {
        lock (gate)
        {
            retired = true;
        }
        Sweep(TimeSpan.Zero);
    }

    /// <summary>Closes what has been idle for <paramref name="age"/>; how many connections are open then.</summary>
    public int Sweep(TimeSpan age)
    {
        while (true)
        {
            Connection? connection;
            lock (gate)
            {
                connection = oldest;
                if (connection is null || time.GetElapsedTime(connection.IdleSince) < age)
                {
                    return open;
                }
                Unlink(connection);
            }
            Close(connection);
        }
    }

    private async ValueTask<Connection?> WaitAsync(TaskCompletionSource<Connection?> turn, CancellationToken cancel)
    {
        try
        {
            return await turn.Task.WaitAsync(dialer.Settings.ConnectTimeout, time, cancel).ConfigureAwait(false);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            if (!turn.TrySetCanceled(CancellationToken.None))
            {
                // It came at the last moment: a time-out takes it gladly, a cancelled call passes it on.
                var late = await turn.Task.ConfigureAwait(false);
                if (e is TimeoutException)
                {
                    return late;
                }
                PassOn(late);
            }
            if (e is TimeoutException)
            {
                throw new UpstreamException(Failure.UpstreamBusy, $"all {max} connections to {dialer.Authority} were in use for {dialer.Settings.ConnectTimeout}");
            }
            throw;
        }
    }

    private void PassOn(Connection? late)
    {
        if (late is null)
        {
            Release();
        }
        else
        {
            Close(late);
        }
    }

    /// <summary>One place is free: the next in the queue may open a connection.</summary>
    private void Release()
    {
        lock (gate)
        {
            while (waiting.TryDequeue(out var turn))
            {
                if (turn.TrySetResult(null))
                {
                    return;
                }
            }
            open--;
        }
    }

    private void Link(Connection connection)
    {
        connection.IdleSince = time.GetTimestamp();
        connection.Older = newest;
        connection.Newer = null;
        if (newest is null)
        {
            oldest = connection;
        }
        else
        {
            newest.Newer = connection;
        }
        newest = connection;
        connection.Idle = true;
    }

    private void Unlink(Connection connection)
    {
        connection.Idle = false;
        if (connection.Newer is null)
        {
            newest = connection.Older;
        }
        else
        {
            connection.Newer.Older = connection.Older;
        }
        if (connection.Older is null)
        {
            oldest = connection.Newer;
        }
        else
        {
            connection.Older.Newer = connection.Newer;
        }
        connection.Newer = connection.Older = null;
    }
}
