using Postern.Config;
using Postern.Upstreams.Forwarding;
using Postern.Wire;

namespace Postern.Upstreams.Deadlines;

/// <summary>How long an upstream may take.</summary>
public sealed record DeadlineOptions : Options
{
    /// <summary>From the call, or from the last piece of its body sent, to the head of the answer, all tries and the pauses between them
    /// included; 504 past it.</summary>
    [Default("30s"), Range("1ms", "1h")] public TimeSpan? Timeout { get; init; }

    /// <summary>The same for a single try, after which <c>retry</c> may make another; 504 past the last. Default: as long as the call has.</summary>
    [Range("1ms", "1h")] public TimeSpan? TryTimeout { get; init; }

    /// <summary>How long an answer that has begun, or a WebSocket, may be silent before it is cut. <c>off</c> for no bound.</summary>
    [Default("5m"), Range("1ms", "24h"), CanBeOff] public TimeSpan? IdleTimeout { get; init; }

    /// <summary>A header field that tells the upstream, in milliseconds, how long its answer is waited for: <c>X-Time-Left</c>. Default: none.</summary>
    public string? DeadlineHeader { get; init; }

    /// <summary>Whether a gRPC call says in <c>grpc-timeout</c> how much is left of the <c>timeout</c> that is written for it. gRPC counts
    /// the whole call, the answer's last message included: false for streams that live longer.</summary>
    [Default("true")] public bool? GrpcTimeout { get; init; }

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        if (TryTimeout >= Timeout)
        {
            check.Warn(this, "tryTimeout", $"has no effect: the whole call has {Scalars.Format(Timeout.Value)}, got {Scalars.Format(TryTimeout.Value)}; write less than timeout, or remove it");
        }
        if (DeadlineHeader is { } name && (!Token.IsValid(name) || name.Contains('_') || HopByHop.IsRequestField(name) || HopByHop.IsForwarded(name) || FieldRules.IsOfTheConnection(name)))
        {
            check.Error(this, "deadlineHeader", Token.IsValid(name) && !name.Contains('_')
                ? $"'{name}' is a field of the gateway's own; write another name, such as X-Time-Left" : $"not the name of a header field, got '{name}'; write one such as X-Time-Left");
        }
    }
}
