using System.Diagnostics;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Postern.Wire;

namespace Postern.Pipeline;

/// <summary>
/// One request to an upstream, as a proxied request makes it. It is an <see cref="HttpRequestMessage"/>, so that any
/// <see cref="HttpMessageHandler"/> can stand in the chain; what the wire needs is kept beside it, as the bytes they
/// were (a <see cref="Uri"/> would normalise the path) and without a copy into header collections.
/// <para>A plain <see cref="HttpRequestMessage"/> sent over an upstream's chain becomes a call before the first handler, and its
/// <see cref="UpstreamReply"/> a plain <see cref="HttpResponseMessage"/> behind it.</para>
/// </summary>
public sealed class UpstreamCall : HttpRequestMessage
{
    /// <summary>Path and query exactly as they are sent: <c>/a%2Fb?x=1</c>.</summary>
    public string Target { get; set; } = "/";

    /// <summary>The <c>Host</c> to send; null for the destination's own.</summary>
    public string? Host { get; set; }

    /// <summary>End-to-end fields. Framing, <c>Host</c>, <c>Connection</c> and <c>Expect</c> are not among them.</summary>
    public FieldList Fields { get => field ??= new(); init; }

    /// <summary>Every field has been checked before, and is Latin-1; else the one who writes them checks them.</summary>
    internal bool FieldsAreChecked { get; set; }

    /// <summary>The body to send, or null for none. Whoever sends it reads it to the end or leaves it; the owner completes it.</summary>
    public PipeReader? Body { get; set; }

    /// <summary>The body's length; null with a body means chunked.</summary>
    public long? BodyLength { get; set; }

    /// <summary>The body's trailers, asked for once it has been read to its end; null for none.</summary>
    public Func<IHeaderDictionary?>? BodyTrailers { get; set; }

    /// <summary>Whether the client waits for <c>100 Continue</c>: the body is first read when the upstream asks for it.</summary>
    public bool ExpectContinue { get; set; }

    /// <summary>Whether the body was asked for, or not waited for any longer.</summary>
    internal bool BodyBegun { get; set; }

    /// <summary>The protocol asked for (<c>websocket</c>): a 101 is then welcome, and only then.</summary>
    public string? Upgrade { get; set; }

    /// <summary>How long the upstream may take to answer; null for the upstream's own <c>timeout</c>.</summary>
    public TimeSpan? Timeout { get; set; }

    /// <summary>Who answers, <c>host:port</c>; set by balancing, read by the log.</summary>
    public string? DestinationName { get; set; }

    /// <summary>The destination that balancing chose; forwarding's own business.</summary>
    internal object? Destination { get; set; }

    /// <summary>Where this try is counted while it lasts, until <see cref="Settle"/>.</summary>
    internal CallCount? Counted { get; private set; }

    /// <summary>When this try began, in ticks of the <see cref="Stopwatch"/>.</summary>
    internal long TriedAt { get; private set; }

    /// <summary>A try begins, and counts.</summary>
    internal void Enter(CallCount count)
    {
        (Counted, TriedAt) = (count, Stopwatch.GetTimestamp());
        count.Enter();
    }

    /// <summary>
    /// The try is over, or has an answer that counts on for as long as it lasts. The next handler around balancing that waits for
    /// the answer says so: balancing itself would have to wait for nothing else.
    /// </summary>
    internal void Settle(UpstreamReply? reply)
    {
        if (Counted is { } count)
        {
            Counted = null;
            if (reply is null)
            {
                count.Leave();
            }
            else
            {
                count.Took(Stopwatch.GetTimestamp() - TriedAt);
                reply.Hold(count);
            }
        }
    }

    /// <summary>What let this try in where it counts who is in: its judge's own business.</summary>
    internal object? AdmittedBy { get; set; }

    /// <summary>Which try this is, from 1; set by retrying.</summary>
    internal int Attempt { get; set; } = 1;

    /// <summary>Destinations that this call has tried in vain, which balancing avoids where there are others; null for none.</summary>
    internal List<object>? Tried { get; set; }

    /// <summary>The call's time is over: what is cancelled then was not the client's wish.</summary>
    internal bool TimeIsOver { get; set; }

    /// <summary>Set to <see cref="Environment.TickCount64"/> whenever a piece of the body went out: a slow upload is no slow upstream.</summary>
    internal long LastProgress { get; set; }

    /// <summary>The request this call serves; null for a call from code.</summary>
    public Exchange? Exchange { get; init; }
}
