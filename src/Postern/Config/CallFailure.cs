namespace Postern.Config;

/// <summary>One way in which a call to an upstream fails, written <c>connect</c>, <c>timeout</c>, <c>reset</c>, <c>503</c> or <c>5xx</c>.</summary>
/// <param name="Kind">What happens.</param>
/// <param name="Statuses">Which statuses, where it is answered.</param>
public readonly record struct CallFailure(CallFailureKind Kind, StatusRange Statuses)
{
    /// <summary>No connection, or the call was refused before it was looked at.</summary>
    public static CallFailure Connect => new(CallFailureKind.Connect, default);

    /// <summary>No answer in time.</summary>
    public static CallFailure Timeout => new(CallFailureKind.Timeout, default);

    /// <summary>A connection that ended before its answer's head was whole, or an answer that isn't HTTP.</summary>
    public static CallFailure Reset => new(CallFailureKind.Reset, default);

    /// <summary>An answer with a status.</summary>
    public static CallFailure Status(int from, int? to = null) => new(CallFailureKind.Status, new StatusRange(from, to ?? from));

    /// <summary>Reads <c>connect</c>, <c>503</c> or <c>5xx</c>.</summary>
    public static bool TryParse(string text, out CallFailure failure)
    {
        failure = text switch { "connect" => Connect, "timeout" => Timeout, "reset" => Reset, _ => default };
        if (failure != default)
        {
            return true;
        }
        if (!StatusRange.TryParse(text, out var range))
        {
            return false;
        }
        failure = new CallFailure(CallFailureKind.Status, range);
        return true;
    }

    /// <summary>As it would be written.</summary>
    public override string ToString() => Kind == CallFailureKind.Status ? Statuses.ToString() : Sections.KeyOf(Kind.ToString());
}

/// <summary>What happens where a call fails.</summary>
public enum CallFailureKind
{
    /// <summary>An answer comes, with a status.</summary>
    Status,
    /// <summary>No connection, or the call was refused before it was looked at.</summary>
    Connect,
    /// <summary>No answer in time.</summary>
    Timeout,
    /// <summary>A connection that ended before its answer's head was whole, or an answer that isn't HTTP.</summary>
    Reset,
}
