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
public sealed class UpstreamCall : HttpRequestMessage, IEnding
{
    // Less than 0 for null, which as a field of its own would make each call larger.
    private long bodyLength = -1, timeout = -1;
    private Guards? guards;

    /// <summary>Tells an upstream which try it gets, from the second on; said by a proxy in front, that the request is one already.</summary>
    internal const string AttemptField = "X-Postern-Attempt";

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
    public long? BodyLength { get => bodyLength < 0 ? null : bodyLength; set => bodyLength = value ?? -1; }

    /// <summary>The body's trailers, asked for once it has been read to its end; null for none.</summary>
    public Func<IHeaderDictionary?>? BodyTrailers { get; set; }

    /// <summary>Whether the client waits for <c>100 Continue</c>: the body is first read when the upstream asks for it.</summary>
    public bool ExpectContinue { get; set; }

    /// <summary>Whether the body was asked for, or not waited for any longer.</summary>
    internal bool BodyBegun { get; set; }

    /// <summary>The protocol asked for (<c>websocket</c>): a 101 is then welcome, and only then.</summary>
    public string? Upgrade { get; set; }

    /// <summary>How long the upstream may take to answer; null for the upstream's own <c>timeout</c>.</summary>
    public TimeSpan? Timeout { get => timeout < 0 ? null : new TimeSpan(timeout); set => timeout = value?.Ticks ?? -1; }

    /// <summary>Who answers, <c>host:port</c>; null until balancing has chosen.</summary>
    public string? DestinationName => Destination?.Name;

    /// <summary>The destination that balancing chose; forwarding's own business.</summary>
    internal IDestination? Destination { get; set; }

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
    /// <param name="reply">The answer; null where there is none.</param>
    /// <param name="failed">Why.</param>
    internal void Settle(UpstreamReply? reply, Exception? failed = null)
    {
        if (Counted is not { } count)
        {
            return;
        }
        var witness = TryWitness;
        (Counted, TryWitness) = (null, null);
        if (reply is null)
        {
            count.Leave();
        }
        else
        {
            count.Took(Stopwatch.GetTimestamp() - TriedAt);
            // One that is told of the end counts it out itself: each thing that an answer holds costs every call.
            reply.Hold((IEnding?)witness ?? count);
        }
        witness?.Saw(this, reply, failed);
    }

    /// <summary>Who is told by <see cref="Settle"/> how this try came out, and then counts it out of those in hand; set by balancing.</summary>
    internal IWitness? TryWitness { get => guards?.OfTry; set => Guarded(value is not null)?.OfTry = value; }

    /// <summary>As what its destination's breaker let this try in; 0 where it has none. The breaker's own business.</summary>
    internal int AdmittedAs { get => guards?.AdmittedAs ?? 0; set => Guarded(value != 0)?.AdmittedAs = value; }

    /// <summary>Who is told by <see cref="End"/> how the call came out; set by the breaker.</summary>
    internal IWitness? CallWitness { get => guards?.OfCall; set => Guarded(value is not null)?.OfCall = value; }

    /// <summary>As what the upstream's breaker let the call in; 0 where it has none. The breaker's own business.</summary>
    internal int LetInAs { get => guards?.LetInAs ?? 0; set => Guarded(value != 0)?.LetInAs = value; }

    /// <summary>A place in the upstream's bulkhead, which the call gives back when it has ended; see <see cref="End"/>.</summary>
    internal Admission? Place { get => guards?.Place; set => Guarded(value is not null)?.Place = value; }

    /// <summary>Who is asked for another try once the first is over; set by retrying.</summary>
    internal ITries? Tries { get => guards?.Tries; set => Guarded(value is not null)?.Tries = value; }

    /// <summary>The first try's own deadline; retrying's own business.</summary>
    internal object? TryLimit { get => guards?.TryLimit; set => Guarded(value is not null)?.TryLimit = value; }

    /// <summary>The call has failed, or has an answer that holds its place for as long as it lasts. The deadline says so, which waits for every call anyhow.</summary>
    /// <param name="reply">The answer; null where there is none.</param>
    /// <param name="failed">Why.</param>
    internal void End(UpstreamReply? reply, Exception? failed = null)
    {
        CallWitness?.Saw(this, reply, failed);
        if (reply is null)
        {
            Leave();
        }
        else if (Place is not null || CallWitness is not null)
        {
            reply.Hold(this);
        }
    }

    void IEnding.Ended(UpstreamReply reply)
    {
        CallWitness?.Ended(reply);
        Leave();
    }

    private void Leave()
    {
        var place = Place;
        (Place, CallWitness) = (null, null);
        place?.Return("");
    }

    /// <summary>Which try this is, from 1; set by retrying.</summary>
    internal int Attempt { get; set; } = 1;

    /// <summary>Whether retrying sends it again where the upstream refuses it, so that nobody else need.</summary>
    internal bool IsTriedAgain { get; set; }

    /// <summary>Whether the request is itself another try of one in front: it is never tried again here.</summary>
    internal bool IsRetry { get; set; }

    /// <summary>Whether what a request says of itself in <see cref="AttemptField"/> makes it another try.</summary>
    internal static bool IsLaterTry(string? attempt) => int.TryParse(attempt, System.Globalization.NumberStyles.None, null, out var number) && number > 1;

    /// <summary>Destinations that this call has tried in vain, which balancing avoids where there are others; null for none.</summary>
    internal List<IDestination>? Tried { get; set; }

    /// <summary>The call's time is over: what is cancelled then was not the client's wish.</summary>
    internal bool TimeIsOver { get; set; }

    /// <summary>The time of this try is over, not the call's.</summary>
    internal bool TryIsOver { get; set; }

    /// <summary>More of the request's body is waited for, which the client hasn't sent yet.</summary>
    internal bool AwaitsBody { get; set; }

    /// <summary>The time was over while that was so: how long the upstream would have taken, nobody knows.</summary>
    internal bool BodyWasOwed { get; set; }

    /// <summary>How long the answer's head may take, in milliseconds: of the whole call, or of this try where that is less; 0 for no bound.</summary>
    internal int Allowed { get; set; }

    /// <summary>When the answer's head must be there, as <see cref="Environment.TickCount64"/> counts; <see cref="long.MaxValue"/> for no bound.</summary>
    internal long Due { get; set; } = long.MaxValue;

    /// <summary>Whether the caller itself waits for less than the gateway would.</summary>
    internal bool IsShortened { get; set; }

    /// <summary>When whoever makes this call and others has to end them all, as <see cref="Environment.TickCount64"/> counts; <see cref="long.MaxValue"/> for no bound.</summary>
    internal long Latest { get; init; } = long.MaxValue;

    /// <summary>Whether it began so early that being without an answer by then is the upstream's doing, and not that of those it had to wait for.</summary>
    internal bool HadItAll { get; init; }

    /// <summary>Milliseconds until then; a body that moves gives more, as it does to the deadline itself.</summary>
    internal long TimeLeft => Due == long.MaxValue ? long.MaxValue : Math.Max(0, Math.Max(Due, LastProgress + Allowed) - Environment.TickCount64);

    /// <summary>When bytes of a body moved last, as <see cref="Environment.TickCount64"/> counts; 0 for never.</summary>
    internal long LastProgress { get; private set; }

    /// <summary>What goes out was kept from the try before: that it moves says nothing of the client's upload.</summary>
    internal bool Replays { get; set; }

    /// <summary>Whether bytes of the answer's body are waited for; while they aren't, it is the client that is slow.</summary>
    internal bool Waits { get; private set; }

    /// <summary>A piece of the body went out: a slow upload is no slow upstream.</summary>
    internal void Sent()
    {
        if (!Replays)
        {
            LastProgress = Environment.TickCount64;
        }
    }

    /// <summary>From here on nothing but the upstream's next bytes is waited for.</summary>
    internal void Wait()
    {
        LastProgress = Environment.TickCount64;
        Waits = true;
    }

    /// <summary>They came, or won't.</summary>
    internal void Received()
    {
        Waits = false;
        LastProgress = Environment.TickCount64;
    }

    /// <summary>Why reading the answer's body failed although nothing is wrong with the connection: this side has cut it. Null if it hasn't.</summary>
    internal UpstreamException? Cut => TimeIsOver ? new(Failure.UpstreamTimeout, "the upstream sent nothing more of its answer within idleTimeout") : null;

    private Guards? Guarded(bool needed) => needed ? guards ??= new() : guards;

    /// <summary>What only calls have that somebody watches or counts: the others needn't carry the room for it.</summary>
    private sealed class Guards
    {
        public IWitness? OfTry, OfCall;
        public Admission? Place;
        public ITries? Tries;
        public object? TryLimit;
        public int AdmittedAs, LetInAs;
    }

    /// <summary>The request this call serves; null for a call from code.</summary>
    public Exchange? Exchange { get; init; }
}
