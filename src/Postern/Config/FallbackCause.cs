namespace Postern.Config;

/// <summary>One way in which a request goes without its upstream's answer, written <c>connect</c>, <c>timeout</c>, <c>open</c>, <c>503</c> or <c>5xx</c>.</summary>
/// <param name="Kind">What happens.</param>
/// <param name="Statuses">Which statuses, where it is one.</param>
public readonly record struct FallbackCause(FallbackCauseKind Kind, StatusRange Statuses)
{
    /// <summary>No connection, or the call was refused before it was looked at.</summary>
    public static FallbackCause Connect => new(FallbackCauseKind.Connect, default);

    /// <summary>No answer in time.</summary>
    public static FallbackCause Timeout => new(FallbackCauseKind.Timeout, default);

    /// <summary>A connection that ended before its answer's head was whole, or an answer that isn't HTTP.</summary>
    public static FallbackCause Reset => new(FallbackCauseKind.Reset, default);

    /// <summary>The breaker is open.</summary>
    public static FallbackCause Open => new(FallbackCauseKind.Open, default);

    /// <summary>As many calls, or connections, are in progress as may be.</summary>
    public static FallbackCause Full => new(FallbackCauseKind.Full, default);

    /// <summary>There is no destination that may be called.</summary>
    public static FallbackCause Empty => new(FallbackCauseKind.Empty, default);

    /// <summary>The client would get one of these statuses, whoever made the answer.</summary>
    public static FallbackCause Status(int from, int? to = null) => new(FallbackCauseKind.Status, new StatusRange(from, to ?? from));

    /// <summary>Reads <c>connect</c>, <c>503</c> or <c>5xx</c>.</summary>
    public static bool TryParse(string text, out FallbackCause cause)
    {
        foreach (var kind in Enum.GetValues<FallbackCauseKind>())
        {
            if (kind != FallbackCauseKind.Status && WordOf(kind) == text)
            {
                cause = new FallbackCause(kind, default);
                return true;
            }
        }
        var isStatus = StatusRange.TryParse(text, out var range);
        cause = new FallbackCause(FallbackCauseKind.Status, range);
        return isStatus;
    }

    /// <summary>As it would be written.</summary>
    public override string ToString() => Kind == FallbackCauseKind.Status ? Statuses.ToString() : WordOf(Kind);

    /// <summary>The word for a kind, in the configuration, in <c>Postern-Fallback</c>, in logs and metrics.</summary>
    internal static string WordOf(FallbackCauseKind kind) => Sections.KeyOf(kind.ToString());
}

/// <summary>Why a request goes without its upstream's answer.</summary>
public enum FallbackCauseKind
{
    /// <summary>The answer has a certain status.</summary>
    Status,
    /// <summary>No connection, or the call was refused before it was looked at.</summary>
    Connect,
    /// <summary>No answer in time.</summary>
    Timeout,
    /// <summary>A connection that ended before its answer's head was whole, or an answer that isn't HTTP.</summary>
    Reset,
    /// <summary>The breaker is open.</summary>
    Open,
    /// <summary>As many calls, or connections, are in progress as may be.</summary>
    Full,
    /// <summary>There is no destination that may be called.</summary>
    Empty,
}
