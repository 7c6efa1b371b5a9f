using System.Globalization;
using Postern.Pipeline;

namespace Postern.Backends.Composing;

/// <summary>Why a source gave nothing.</summary>
/// <param name="Reason">A word, for logs and metrics: <c>timeout</c>, <c>503</c>, <c>invalid</c>.</param>
/// <param name="Why">For the log, never for a client.</param>
/// <param name="Told">What the client is told where the source is required.</param>
internal sealed record SourceFailure(string Reason, string Why, Failure Told)
{
    /// <summary>The upstream's own failure, where that was it.</summary>
    public Failure Cause { get; init; }

    /// <summary>The status that was no success; 0 where there was none.</summary>
    public int Status { get; init; }

    /// <summary>Seconds after which trying again may help; null where nobody knows.</summary>
    public int? RetryAfter { get; init; }

    /// <summary>What a 401 asks for, where the caller's own credential was sent; null else.</summary>
    public string? Challenge { get; init; }

    /// <summary>The call was given up because nobody waited for it any more; it says nothing of the source.</summary>
    public bool IsGivenUp { get; init; }

    /// <summary>It took longer than it may.</summary>
    public static SourceFailure Late(string why) => new("timeout", why, Failure.SourceTimeout) { Cause = Failure.UpstreamTimeout };

    /// <summary>Its answer is not JSON, or not as it must be.</summary>
    public static SourceFailure Invalid(string why) => new("invalid", why, Failure.SourceFailed);

    /// <summary>Its answer has too many bytes.</summary>
    public static SourceFailure TooLarge(string why) => new("too-large", why, Failure.SourceFailed);

    /// <summary>A value that the call needs isn't there, or can't stand where it should.</summary>
    public static SourceFailure Needs(string why) => new("needs", why, Failure.SourceFailed);

    /// <summary>What should not happen.</summary>
    public static SourceFailure Fault(Exception e) => new("error", $"{e.GetType().Name}: {e.Message}", Failure.SourceFailed);

    /// <summary>Nobody waits for it any more.</summary>
    public static SourceFailure GivenUp { get; } = new("given-up", "nobody waited for it any more", Failure.SourceFailed) { IsGivenUp = true };

    /// <summary>It answered, but not with success.</summary>
    public static SourceFailure Answered(int status, int? retryAfter, string? challenge) => new(
        status.ToString(CultureInfo.InvariantCulture), $"it answered {status}", status switch
        {
            401 => Failure.SourceUnauthenticated,
            403 => Failure.SourceForbidden,
            404 => Failure.SourceNotFound,
            429 or 503 => Failure.SourceUnavailable,
            504 => Failure.SourceTimeout,
            _ => Failure.SourceFailed,
        })
    {
        Status = status,
        RetryAfter = retryAfter,
        Challenge = challenge,
    };

    /// <summary>The call itself failed.</summary>
    public static SourceFailure Of(UpstreamException e)
    {
        var (reason, told) = e.Failure switch
        {
            Failure.UpstreamUnreachable => ("connect", Failure.SourceUnavailable),
            Failure.UpstreamOpen => ("open", Failure.SourceUnavailable),
            Failure.UpstreamFull or Failure.UpstreamBusy => ("full", Failure.SourceUnavailable),
            Failure.UpstreamEmpty => ("empty", Failure.SourceUnavailable),
            Failure.UpstreamTimeout => ("timeout", Failure.SourceTimeout),
            Failure.UpstreamGone or Failure.UpstreamBroken => ("reset", Failure.SourceFailed),
            _ => ("invalid", Failure.SourceFailed),
        };
        return new(reason, e.Message, told) { Cause = e.Failure, RetryAfter = e.RetryAfter };
    }
}
