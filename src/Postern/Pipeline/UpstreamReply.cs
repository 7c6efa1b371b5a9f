using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http;
using Postern.Wire;

namespace Postern.Pipeline;

/// <summary>
/// An upstream's answer to an <see cref="UpstreamCall"/>: the head is whole and valid, the body is still on the wire.
/// Disposing it before the body's end gives the connection up.
/// </summary>
public abstract class UpstreamReply : HttpResponseMessage
{
    /// <summary>As many as are usual; a chain with more pays for a list.</summary>
    private const int UsualEndings = 4;

    /// <summary>How much of an answer that is thrown away is read.</summary>
    private const int MostDiscarded = 64 * 1024;

    private Endings endings;
    private IEnding[]? more;
    private int held;
    private long length = -1;

    /// <summary>End-to-end fields: hop-by-hop ones and those that the upstream's <c>Connection</c> names are gone, every value is
    /// free of control characters. Gone once the reply is finished: the list serves the connection's next answer.</summary>
    public FieldList Fields { get; protected set; } = null!;

    /// <summary>The body's length as the upstream gave it (for HEAD and 304 too); null if it gave none.</summary>
    public long? Length { get => length < 0 ? null : length; protected set => length = value ?? -1; }

    /// <summary>The reason phrase where it isn't the usual one of its status; null else, and over HTTP/2.</summary>
    public string? Reason { get; protected set; }

    /// <summary>False where there can be none: HEAD, 204, 304, a length of 0.</summary>
    public bool HasBody { get; protected set; }

    /// <summary>Trailers, after the body's end; null if there were none.</summary>
    public FieldList? Trailers { get; protected set; }

    /// <summary>
    /// The next piece of the body, valid until the next call; empty at its end. Throws <see cref="UpstreamException"/>
    /// with <see cref="Failure.UpstreamBroken"/> where the body ends early or its framing is wrong.
    /// </summary>
    public abstract ValueTask<ReadOnlyMemory<byte>> ReadAsync();

    /// <summary>The status that those who judge the upstream by its answers see: its own, or of a gRPC answer that is a failure from its head on the one that HTTP has for it.</summary>
    internal virtual int JudgedAs => (int)StatusCode;

    /// <summary>What the trailers of a gRPC answer make of it after all, as HTTP says it; 0 where they change nothing.</summary>
    internal virtual int EndedAs => 0;

    /// <summary>Why the body broke off, for those who judge the upstream by it; null where it didn't, or this side ended it.</summary>
    internal Exception? Broken { get; private set; }

    /// <summary>Notes that the body broke off, by the upstream's doing.</summary>
    private protected UpstreamException Break(string message, Exception? inner = null) => Break(new UpstreamException(Failure.UpstreamBroken, message, inner));

    /// <summary>Notes that the body broke off, and why.</summary>
    private protected UpstreamException Break(UpstreamException broken)
    {
        Broken = broken;
        return broken;
    }

    /// <summary>Has something told of the call's end, after all that was held later.</summary>
    internal void Hold(IEnding ending)
    {
        if (held < UsualEndings)
        {
            endings[held] = ending;
        }
        else
        {
            if (more is null || more.Length == held - UsualEndings)
            {
                Array.Resize(ref more, held - UsualEndings + 2);
            }
            more[held - UsualEndings] = ending;
        }
        held++;
    }

    /// <summary>
    /// Ends the exchange: gives the connection back, or up where the answer was not read to its end, and waits until the
    /// request's body is no longer read. Only then may the body's owner complete it. More than one call does no harm.
    /// </summary>
    public ValueTask FinishAsync()
    {
        var ending = EndAsync();
        if (!ending.IsCompletedSuccessfully)
        {
            return ReleaseAfterAsync(ending);
        }
        Release();
        return default;
    }

    /// <summary>Throws the answer away and ends the exchange. What is there of it is read: where that is all, its connection is kept.</summary>
    internal async ValueTask DiscardAsync()
    {
        try
        {
            for (var room = MostDiscarded; room > 0 && HasBody;)
            {
                var piece = ReadAsync();
                if (!piece.IsCompleted)
                {
                    _ = ForgetAsync(piece);
                    break;
                }
                var length = (await piece).Length;
                room = length == 0 ? 0 : room - length;
            }
        }
        catch (Exception e) when (IsEnd(e))
        {
            // It is thrown away anyhow; and a client that leaves meanwhile must not keep its end from being told.
        }
        await FinishAsync();
    }

    /// <summary>A read that ends when the reply is finished.</summary>
    private static async Task ForgetAsync(ValueTask<ReadOnlyMemory<byte>> reading)
    {
        try
        {
            await reading;
        }
        catch (Exception e) when (IsEnd(e))
        {
        }
    }

    private static bool IsEnd(Exception e) => e is UpstreamException or OperationCanceledException or ObjectDisposedException or BadHttpRequestException or IOException;

    /// <summary>Ends the exchange on the wire; see <see cref="FinishAsync"/>.</summary>
    protected virtual ValueTask EndAsync()
    {
        Dispose();
        return default;
    }

    private async ValueTask ReleaseAfterAsync(ValueTask ending)
    {
        try
        {
            await ending;
        }
        finally
        {
            Release();
        }
    }

    private void Release()
    {
        while (held > 0)
        {
            held--;
            (held < UsualEndings ? endings[held] : more![held - UsualEndings]).Ended(this);
        }
    }

    /// <summary>After a 101: the raw connection, both ways, until the reply is finished. Completing its output ends what is sent. Only once.</summary>
    public virtual IDuplexPipe TakeConnection() => throw new InvalidOperationException("The upstream did not switch protocols.");

    [InlineArray(UsualEndings)]
    private struct Endings
    {
        private IEnding first;
    }
}
