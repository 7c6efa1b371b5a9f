using System.Buffers;
using System.IO.Pipelines;
using Postern.Pipeline;

namespace Postern.Upstreams.Retrying;

/// <summary>
/// A request's body that can be sent again: it keeps what is read of it, up to a cap, and gives that out once more after
/// <see cref="Rewind"/>, then goes on where the client is. A try that failed early has not read all of it, so the first waits
/// for nothing and a later one for no more than it needs.
/// </summary>
internal sealed class ReplayBody(UpstreamCall call, PipeReader client, int most) : PipeReader, IEnding
{
    private const int FirstSize = 4096;

    private byte[] kept = [];
    private int count, given;
    private bool keeping = true, ends, whole;
    private ReadOnlySequence<byte> last;
    private volatile bool cancelled;

    /// <summary>Whether all that was read is still at hand.</summary>
    public bool CanRewind => keeping;

    /// <summary>Begins again. The try before must have ended.</summary>
    public void Rewind()
    {
        given = 0;
        cancelled = false;
        call.Replays = count > 0;
    }

    /// <summary>There will be no other try.</summary>
    public void Settle() => keeping = false;

    /// <summary>Nobody reads any more.</summary>
    public void Release()
    {
        if (kept.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(kept);
            (kept, count, given, keeping, whole) = ([], 0, 0, false, false);
        }
    }

    void IEnding.Ended(UpstreamReply reply) => Release();

    public override bool TryRead(out ReadResult result)
    {
        if (Replay(out result))
        {
            return true;
        }
        return client.TryRead(out result) && Seen(ref result);
    }

    public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        if (Replay(out var result))
        {
            return result;
        }
        do
        {
            result = await client.ReadAsync(cancellationToken).ConfigureAwait(false);
        }
        while (!Seen(ref result));
        return result;
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        var read = last.Slice(0, consumed);
        if (given < count || whole)
        {
            given += (int)read.Length;
            return;
        }
        if (keeping && read.Length > 0)
        {
            Keep(read);
        }
        given = count;
        whole = keeping && ends && read.Length == last.Length;
        client.AdvanceTo(consumed, examined);
    }

    public override void CancelPendingRead()
    {
        cancelled = true;
        client.CancelPendingRead();
    }

    /// <summary>The body is its owner's to complete.</summary>
    public override void Complete(Exception? exception = null) { }

    /// <summary>What was kept and not given out again, if there is any.</summary>
    private bool Replay(out ReadResult result)
    {
        var any = given < count || whole;
        last = any ? new ReadOnlySequence<byte>(kept, given, count - given) : default;
        result = any ? new ReadResult(last, isCanceled: false, isCompleted: whole) : default;
        return any;
    }

    /// <summary>Takes note of what the client sent; false where the read was cancelled for a try that has ended since.</summary>
    private bool Seen(ref ReadResult result)
    {
        if (result.IsCanceled && !cancelled)
        {
            client.AdvanceTo(result.Buffer.Start);
            return false;
        }
        (last, ends) = (result.Buffer, result.IsCompleted);
        call.Replays = false;
        return true;
    }

    private void Keep(ReadOnlySequence<byte> read)
    {
        if (count + read.Length > most)
        {
            keeping = false;
            return;
        }
        var needed = count + (int)read.Length;
        if (needed > kept.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Min(Math.Max(Math.Max(needed, kept.Length * 2), FirstSize), Math.Max(most, needed)));
            kept.AsSpan(0, count).CopyTo(larger);
            if (kept.Length > 0)
            {
                ArrayPool<byte>.Shared.Return(kept);
            }
            kept = larger;
        }
        read.CopyTo(kept.AsSpan(count));
        count = needed;
    }
}
