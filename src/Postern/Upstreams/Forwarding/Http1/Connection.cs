using System.Buffers;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Threading.Tasks.Sources;
using Postern.Wire;

namespace Postern.Upstreams.Forwarding.Http1;

/// <summary>
/// One open connection: a socket, the bytes received and not yet read, and one receive. That receive is kept armed while the
/// connection waits in its pool; it then sees at once that the upstream closed it, and later takes the next answer's head.
/// The object is the receive's event and the source of its task, so that receiving allocates nothing.
/// </summary>
internal sealed class Connection : SocketAsyncEventArgs, IValueTaskSource<int>
{
    private const int SmallBuffer = 8 * 1024;
    private const int LargeBuffer = 64 * 1024;

    private readonly ConnectionPool pool;
    private ManualResetValueTaskSourceCore<int> received;
    private byte[] bytes = ArrayPool<byte>.Shared.Rent(SmallBuffer);
    private int start, end;
    private bool armed;
    private int pending, arrived, closed, ended;

    public Connection(Socket socket, ConnectionPool pool) : base(true) => (Socket, this.pool) = (socket, pool);

    public Socket Socket { get; }

    /// <summary>Reads heads and trailers; remembers strings from one answer to the next.</summary>
    public HeadReader Head { get; } = new();

    /// <summary>Whether it has served a call before: then the upstream may have closed it without our knowing.</summary>
    public bool Reused { get; set; }

    /// <summary>A send failed. The kernel reports a reset once, so a later end of the stream may be that reset.</summary>
    public bool SendFailed { get; private set; }

    /// <summary>Neighbours in the pool's list, when it was put there, and whether it is there; the pool's lock guards them.</summary>
    public Connection? Newer, Older;
    public long IdleSince;
    public volatile bool Idle;

    /// <summary>Received and not yet read.</summary>
    public ReadOnlySpan<byte> Unread => bytes.AsSpan(start, end - start);

    /// <summary>Something came, or the end, while nobody had asked for anything.</summary>
    public bool HasArrived => Volatile.Read(ref arrived) != 0;

    /// <summary>Reads <paramref name="count"/> bytes; they stay where they are until the next receive.</summary>
    public ReadOnlyMemory<byte> Take(int count)
    {
        start += count;
        return bytes.AsMemory(start - count, count);
    }

    public void Skip(int count) => start += count;

    /// <summary>Makes the head reader ready for trailers; they outlive the exchange, so they get a list of their own.</summary>
    public FieldList Trailers()
    {
        var trailers = new FieldList();
        Head.BeginTrailers(trailers);
        return trailers;
    }

    /// <summary>Starts a receive, unless one is under way. Its result waits for <see cref="ReceiveAsync"/>.</summary>
    public void Arm()
    {
        if (armed)
        {
            return;
        }
        armed = true;
        MakeRoom();
        received.Reset();
        Volatile.Write(ref arrived, 0);
        Volatile.Write(ref pending, 1);
        try
        {
            SetBuffer(bytes, end, bytes.Length - end);
            if (!Socket.ReceiveAsync(this))
            {
                Complete();
            }
        }
        catch (ObjectDisposedException)
        {
            SocketError = SocketError.OperationAborted;
            Complete();
        }
    }

    /// <summary>Receives behind what is unread: how many bytes, 0 at the stream's end, less where the connection broke.</summary>
    public ValueTask<int> ReceiveAsync()
    {
        Arm();
        return new ValueTask<int>(this, received.Version);
    }

    /// <summary>Sends all of it; false where the connection broke.</summary>
    public ValueTask<bool> SendAsync(ReadOnlyMemory<byte> message)
    {
        try
        {
            // Nearly every request fits into the kernel's buffer, and a plain send costs a fraction of an asynchronous one.
            var sent = Socket.Send(message.Span, SocketFlags.None, out var error);
            if (error == SocketError.Success && sent == message.Length)
            {
                return new(true);
            }
            if (error is SocketError.Success or SocketError.WouldBlock)
            {
                return SendRestAsync(message[(error == SocketError.Success ? sent : 0)..]);
            }
        }
        catch (ObjectDisposedException)
        {
        }
        SendFailed = true;
        return new(false);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> SendRestAsync(ReadOnlyMemory<byte> message)
    {
        try
        {
            while (message.Length > 0)
            {
                message = message[await Socket.SendAsync(message, SocketFlags.None).ConfigureAwait(false)..];
            }
            return true;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            SendFailed = true;
            return false;
        }
    }

    /// <summary>Nothing has come, not even the end. A probe asks the kernel too, for requests that can't be sent twice.</summary>
    public bool IsQuiet(bool probe)
    {
        try
        {
            return !HasArrived && (!probe || (!Socket.Poll(0, SelectMode.SelectRead) && !HasArrived));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return false;
        }
    }

    /// <summary>A long body follows: receive more of it at a time.</summary>
    public void Expect(long length)
    {
        if (length > bytes.Length && start == end && bytes.Length < LargeBuffer && !armed)
        {
            Exchange((int)Math.Min(length, LargeBuffer));
        }
    }

    /// <summary>The last receive filled the buffer: there is likely more to come than it holds.</summary>
    public bool IsFull => end == bytes.Length;

    /// <summary>Nothing is unread, so that the next answer can't begin with leftovers.</summary>
    public bool TryReset()
    {
        if (start != end || armed || SendFailed)
        {
            return false;
        }
        if (bytes.Length > SmallBuffer)
        {
            Exchange(SmallBuffer);
        }
        return true;
    }

    /// <summary>Ends whatever is under way, now, so that the upstream notices: its socket is reset. From any thread.</summary>
    public void Abort() => Socket.Close(0);

    /// <summary>Ends the connection in order.</summary>
    public void Close()
    {
        if (Interlocked.Exchange(ref closed, 1) != 0)
        {
            return;
        }
        if (Volatile.Read(ref pending) == 0)
        {
            End();
            return;
        }
        try
        {
            // Closing a socket with a receive under way resets it; this ends the receive, and that the connection.
            Socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            Socket.Dispose();
        }
    }

    protected override void OnCompleted(SocketAsyncEventArgs e) => Complete();

    private void Complete()
    {
        Interlocked.Exchange(ref arrived, 1);
        Interlocked.Exchange(ref pending, 0);
        if (Idle)
        {
            pool.Drop(this);
        }
        else if (Volatile.Read(ref closed) != 0)
        {
            End();
        }
        received.SetResult(SocketError == SocketError.Success ? BytesTransferred : -1);
    }

    private void End()
    {
        if (Interlocked.Exchange(ref ended, 1) == 0)
        {
            Socket.Dispose();
            ArrayPool<byte>.Shared.Return(bytes);
            bytes = [];
            start = end = 0;
            Dispose();
        }
    }

    int IValueTaskSource<int>.GetResult(short token)
    {
        var count = received.GetResult(token);
        armed = false;
        end += Math.Max(count, 0);
        return count;
    }

    ValueTaskSourceStatus IValueTaskSource<int>.GetStatus(short token) => received.GetStatus(token);

    void IValueTaskSource<int>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        received.OnCompleted(continuation, state, token, flags);

    private void MakeRoom()
    {
        if (start == end)
        {
            start = end = 0;
        }
        else if (bytes.Length - end < SmallBuffer / 4)
        {
            // The reader bounds what it leaves unread, so this ends.
            if (end - start > bytes.Length / 2)
            {
                Exchange(bytes.Length * 2);
            }
            else
            {
                Unread.CopyTo(bytes);
                (start, end) = (0, end - start);
            }
        }
    }

    private void Exchange(int size)
    {
        var other = ArrayPool<byte>.Shared.Rent(size);
        Unread.CopyTo(other);
        (start, end) = (0, end - start);
        ArrayPool<byte>.Shared.Return(bytes);
        bytes = other;
    }
}
