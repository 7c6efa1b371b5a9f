using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Postern.Edge.Guarding;

/// <summary>
/// A chunked body that fails where it becomes larger than its route allows. The server's own bound counts the framing of
/// the chunks too, and so would refuse a body that is just large enough.
/// </summary>
internal sealed class BoundedBody(PipeReader body, long max) : PipeReader, IRequestBodyPipeFeature
{
    private long taken;
    private ReadResult last;

    public PipeReader Reader => this;

    public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) => Check(await body.ReadAsync(cancellationToken));

    public override bool TryRead(out ReadResult result)
    {
        if (!body.TryRead(out result))
        {
            return false;
        }
        Check(result);
        return true;
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        taken += last.Buffer.Slice(0, consumed).Length;
        last = default;
        body.AdvanceTo(consumed, examined);
    }

    public override void CancelPendingRead() => body.CancelPendingRead();

    public override void Complete(Exception? exception = null) => body.Complete(exception);

    public override ValueTask CompleteAsync(Exception? exception = null) => body.CompleteAsync(exception);

    private ReadResult Check(ReadResult result)
    {
        if (taken + result.Buffer.Length > max)
        {
            body.AdvanceTo(result.Buffer.Start);
            throw new BadHttpRequestException("The request's body is larger than its route allows.", StatusCodes.Status413PayloadTooLarge);
        }
        return last = result;
    }
}
