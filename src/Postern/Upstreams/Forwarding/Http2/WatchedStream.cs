namespace Postern.Upstreams.Forwarding.Http2;

/// <summary>
/// A connection's bytes as they are, and on the way in a look at each frame's head: that the upstream closes the connection is what
/// the platform's client keeps to itself, and what tells a request that was only late for it from one that the upstream refuses.
/// </summary>
internal sealed class WatchedStream(Stream inner, Wire wire) : Stream
{
    private const byte GoAway = 7;

    private int rest, length, at;

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int count;
        try
        {
            count = await inner.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception)
        {
            wire.Closes();
            throw;
        }
        if (count == 0 && !buffer.IsEmpty)
        {
            wire.Closes();
        }
        Look(buffer.Span[..count]);
        return count;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => inner.WriteAsync(buffer, cancellationToken);

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => inner.WriteAsync(buffer, offset, count, cancellationToken);

    public override void Write(byte[] buffer, int offset, int count) => inner.Write(buffer, offset, count);

    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

    public override void Flush() => inner.Flush();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
        }
        base.Dispose(disposing);
    }

    // RFC 9113 §4.1: three bytes of length, one of type, five that say nothing here.
    private void Look(ReadOnlySpan<byte> bytes)
    {
        for (var i = 0; i < bytes.Length;)
        {
            if (rest > 0)
            {
                var passed = Math.Min(rest, bytes.Length - i);
                (rest, i) = (rest - passed, i + passed);
                continue;
            }
            var next = bytes[i++];
            switch (at++)
            {
                case < 3:
                    length = (length << 8) | next;
                    break;
                case 3 when next == GoAway:
                    wire.Closes();
                    break;
                case 8:
                    (rest, length, at) = (length, 0, 0);
                    break;
            }
        }
    }
}
