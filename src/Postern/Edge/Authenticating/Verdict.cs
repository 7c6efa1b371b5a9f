using Postern.Pipeline;

namespace Postern.Edge.Authenticating;

/// <summary>What came of a credential: who is calling, or why nobody is known.</summary>
internal readonly record struct Verdict
{
    /// <summary>The caller; null where refused.</summary>
    public Consumer? Consumer { get; private init; }

    /// <summary><see cref="Failure.None"/> where the caller is known.</summary>
    public Failure Failure { get; private init; }

    /// <summary>For the client: what is wrong with its credential, in a sentence without anything it sent; null for the failure's own words.</summary>
    public string? Detail { get; private init; }

    /// <summary>For the log: what exactly failed.</summary>
    public string? Reason { get; private init; }

    /// <summary>Seconds after which it is worth trying again.</summary>
    public int? RetryAfter { get; private init; }

    /// <summary>The scopes that a token needs, parted by spaces, where it lacks one.</summary>
    public string? Scopes { get; private init; }

    /// <summary>The caller is known.</summary>
    public static Verdict Known(Consumer consumer) => new() { Consumer = consumer };

    /// <summary>The credential is bad.</summary>
    public static Verdict Refused(Failure failure, string? detail, string? reason = null, int? retryAfter = null) =>
        new() { Failure = failure, Detail = detail, Reason = reason, RetryAfter = retryAfter };

    /// <summary>The token is good and may not be used here, because it lacks a scope that each needs (RFC 6750 §3.1 insufficient_scope).</summary>
    public static Verdict Lacks(string detail, string scopes) => new() { Failure = Failure.Forbidden, Detail = detail, Scopes = scopes };

    /// <summary>Nobody can say now whether it is good.</summary>
    public static Verdict Unavailable(string reason, int retryAfter) =>
        new() { Failure = Failure.IdentityUnavailable, Reason = reason, RetryAfter = retryAfter };
}
