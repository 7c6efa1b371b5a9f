using Postern.Config;

namespace Postern.Upstreams.Retrying;

/// <summary>Whether calls to an upstream that fail are tried again.</summary>
public sealed record RetrySection : Options
{
    /// <summary>Tries calls that failed again: those that can be sent twice without harm (GET, HEAD, OPTIONS, PUT, DELETE, and POST or PATCH
    /// with an <c>Idempotency-Key</c>), as long as nothing of an answer has reached the client. None where nothing is written.</summary>
    [CanBeOff] public RetryOptions? Retry { get; init; }
}

/// <summary>When a call is tried again, and how often.</summary>
[Shorthand(nameof(Attempts))]
public sealed record RetryOptions : Options
{
    /// <summary>What is tried again where nothing is written.</summary>
    internal static readonly CallFailure[] Usual = [CallFailure.Connect, CallFailure.Status(502, 504)];

    /// <summary>How many tries a call has in all, the first among them.</summary>
    [Range("1", "10")] public int Attempts { get; init; } = 2;

    /// <summary>What is tried again: <c>connect</c> (no connection, or the call was refused unseen), <c>reset</c>, <c>timeout</c>, statuses. 502 stands
    /// for what would become one too (<c>connect</c>, <c>reset</c>), 504 for <c>timeout</c>; 429 is tried again only after a <c>Retry-After</c>
    /// that fits the deadline. Default: <c>[connect, 502, 503, 504]</c>.</summary>
    [OneOrMany] public IReadOnlyList<CallFailure>? On { get; init; }

    /// <summary>How many tries beyond the first there may be, as a share of the upstream's calls of the last 10 seconds. Default: <c>10%</c>.</summary>
    [Range("0%", "100%")] public Percent? Budget { get; init; }

    /// <summary>How many there may be each second, whatever the budget: for an upstream that gets few calls.</summary>
    [Range("0", "1000")] public int MinPerSecond { get; init; } = 5;

    /// <summary>How long is waited before another try: a random time, up to the first of the two; up to twice that before each further one, and
    /// never longer than the second. Default: <c>25ms..250ms</c>.</summary>
    public DurationRange? Backoff { get; init; }

    /// <summary>The longest body that is kept to be sent again; a call with a longer one is tried again only if nothing of it was sent. Default: <c>64KB</c>.</summary>
    [Range("0", "16MB")] public ByteSize? Body { get; init; }

    /// <summary>What is tried again.</summary>
    internal IReadOnlyList<CallFailure> Listed => On ?? Usual;

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        for (var i = 0; i < Listed.Count; i++)
        {
            if (Problem(Listed[i]) is { } problem)
            {
                check.Error(this, $"on[{i}]", problem);
            }
        }
        if (Backoff is { } backoff && backoff.To > TimeSpan.FromMinutes(1))
        {
            check.Error(this, "backoff", $"nobody waits that long for another try, got {backoff}; write 1m or less");
        }
    }

    private static string? Problem(CallFailure failure)
    {
        if (failure.Kind != CallFailureKind.Status)
        {
            return null;
        }
        var statuses = failure.Statuses;
        if (statuses.Has(500))
        {
            return $"500 is never tried again: the service may have done half of what was asked, got {failure}; write 502, 503, 504";
        }
        for (var status = statuses.From; status <= statuses.To; status++)
        {
            if (status < 500 && status is not (408 or 425 or 429))
            {
                return $"{status} is never tried again: {(status < 400 ? "it is no failure" : "the answer would be the same")}, got {failure}; write 502, 503, 504";
            }
        }
        return null;
    }
}
