using System.IO.Pipelines;
using Postern.Wire;

namespace Postern.Pipeline;

/// <summary>
/// An upstream's answer to an <see cref="UpstreamCall"/>: the head is whole and valid, the body is still on the wire.
/// Disposing it before the body's end gives the connection up.
/// </summary>
public abstract class UpstreamReply : HttpResponseMessage
{
    /// <summary>End-to-end fields: hop-by-hop ones and those that the upstream's <c>Connection</c> names are gone, every value is
    /// free of control characters.</summary>
    public FieldList Fields { get; protected init; } = new();

    /// <summary>The body's length as the upstream gave it (for HEAD and 304 too); null if it gave none.</summary>
    public long? Length { get; protected set; }

    /// <summary>False where there can be none: HEAD, 204, 304, a length of 0.</summary>
    public bool HasBody { get; protected set; }

    /// <summary>Trailers, after the body's end; null if there were none.</summary>
    public FieldList? Trailers { get; protected set; }

    /// <summary>
    /// The next piece of the body, valid until the next call; empty at its end. Throws <see cref="UpstreamException"/>
    /// with <see cref="Failure.UpstreamBroken"/> where the body ends early or its framing is wrong.
    /// </summary>
    public abstract ValueTask<ReadOnlyMemory<byte>> ReadAsync();

    /// <summary>What the call holds until its end; let go by <see cref="FinishAsync"/>.</summary>
    internal IDisposable? Lease { get; set; }

    /// <summary>
    /// Ends the exchange: gives the connection back or up, and waits until nothing reads the call's body any more.
    /// Always called, before the request's body goes back to its owner.
    /// </summary>
    public virtual ValueTask FinishAsync()
    {
        Dispose();
        Lease?.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>After a 101: the raw connection, both ways. Only once.</summary>
    public virtual IDuplexPipe TakeConnection() => throw new InvalidOperationException("The upstream did not switch protocols.");
}
