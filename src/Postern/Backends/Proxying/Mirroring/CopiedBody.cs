using System.Buffers;
using System.IO.Pipelines;
using Postern.Pipeline;

namespace Postern.Backends.Proxying.Mirroring;

/// <summary>
/// A request's body that is copied while it is sent: whoever reads it reads the client's, and gets each piece as soon as before. The copy
/// goes on its way once the body is whole; one that grows too large, or never ends, is given up.
/// </summary>
internal sealed class CopiedBody(PipeReader body, long? length, int most, Action<CopiedBody, CopyEnd> ended) : PipeReader, IPermits
{
    private ArrayBufferWriter<byte>? copy = new(length is { } known ? (int)Math.Clamp(known, 1, most) : 512);
    private ReadResult last;
    private bool over;

    /// <summary>The copy, once the body is whole.</summary>
    public ReadOnlyMemory<byte> Copy => copy!.WrittenMemory;

    public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) => Seen(await body.ReadAsync(cancellationToken));

    public override bool TryRead(out ReadResult result)
    {
        if (!body.TryRead(out result))
        {
            return false;
        }
        Seen(result);
        return true;
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        var whole = !over && Keep(last.Buffer.Slice(0, consumed), last.Buffer.Slice(consumed).IsEmpty && last.IsCompleted);
        last = default;
        body.AdvanceTo(consumed, examined);
        if (whole)
        {
            End(CopyEnd.Whole);
        }
    }

    public override void CancelPendingRead() => body.CancelPendingRead();

    public override void Complete(Exception? exception = null) => body.Complete(exception);

    public override ValueTask CompleteAsync(Exception? exception = null) => body.CompleteAsync(exception);

    /// <summary>The request has ended: what is not whole by now never will be.</summary>
    void IPermits.Return(string key) => End(CopyEnd.Cut);

    private ReadResult Seen(ReadResult result) => last = result;

    /// <summary>Copies what is taken; true where the body is whole by it. Who knows a body's length reads no further than that.</summary>
    private bool Keep(ReadOnlySequence<byte> taken, bool isLast)
    {
        if (copy!.WrittenCount + taken.Length > most)
        {
            End(CopyEnd.TooLarge);
            return false;
        }
        foreach (var piece in taken)
        {
            copy.Write(piece.Span);
        }
        return isLast || copy.WrittenCount == length;
    }

    private void End(CopyEnd how)
    {
        if (!over)
        {
            over = true;
            ended(this, how);
            // The request may go on for long.
            copy = null;
        }
    }
}

/// <summary>What became of the copy of a body.</summary>
internal enum CopyEnd
{
    /// <summary>It is whole.</summary>
    Whole,
    /// <summary>It is larger than may be copied.</summary>
    TooLarge,
    /// <summary>The request ended before its body did.</summary>
    Cut,
}
