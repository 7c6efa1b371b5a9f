using System.Collections.Frozen;

namespace Postern.Pipeline;

/// <summary>One row: what a client is told when Postern itself answers.</summary>
/// <param name="Failure">The reason.</param>
/// <param name="Status">The HTTP status.</param>
/// <param name="Code">Stable, for programs: <c>upstream-timeout</c>.</param>
/// <param name="Title">The same for every occurrence (RFC 9457 §3.1.3).</param>
/// <param name="Detail">What it means and what the caller can do; a stage may say something more exact.</param>
internal sealed record FailureRow(Failure Failure, int Status, string Code, string Title, string Detail);

/// <summary>The one table behind every answer that Postern makes itself; <c>docs/errors.md</c> is generated from it.</summary>
internal static class FailureTable
{
    public static readonly FailureRow[] Rows =
    [
        new(Failure.BadRequest, 400, "bad-request", "Bad request", "The request is not valid HTTP."),
        new(Failure.BadPath, 400, "bad-path", "Ambiguous path", "The path could be read in two ways; send it normalised, without '.' or '..' segments, '//', backslashes or encoded slashes."),
        new(Failure.BadInput, 400, "bad-input", "Bad request", "A value that this URL takes is missing, or can't be read."),
        new(Failure.SeveralCredentials, 400, "several-credentials", "Several credentials", "The request has more than one credential; send one."),
        new(Failure.Unauthenticated, 401, "unauthenticated", "Unauthorized", "This URL is for known callers, and the request has no credential that it takes; see the WWW-Authenticate header."),
        new(Failure.InvalidToken, 401, "invalid-token", "Unauthorized", "The bearer token is not valid."),
        new(Failure.InvalidKey, 401, "invalid-key", "Unauthorized", "The API key is not valid."),
        new(Failure.SourceUnauthenticated, 401, "source-unauthenticated", "Unauthorized", "A service that this answer needs doesn't know the caller; 'source' says which."),
        new(Failure.Forbidden, 403, "forbidden", "Forbidden", "The caller is known, but may not do this."),
        new(Failure.ForeignOrigin, 403, "foreign-origin", "Forbidden", "The admin port takes no requests that a page of another origin makes."),
        new(Failure.NotInPlan, 403, "not-in-plan", "Forbidden", "The caller's plan doesn't include this."),
        new(Failure.SourceForbidden, 403, "source-forbidden", "Forbidden", "A service that this answer needs doesn't let the caller; 'source' says which."),
        new(Failure.NotFound, 404, "route-not-found", "Not found", "No route of this gateway answers to this URL."),
        new(Failure.SourceNotFound, 404, "source-not-found", "Not found", "What this URL is about doesn't exist; 'source' says which service says so."),
        new(Failure.MethodNotAllowed, 405, "method-not-allowed", "Method not allowed", "This URL answers to other methods; see the Allow header."),
        new(Failure.HeadTimeout, 408, "head-timeout", "Request timeout", "The request's head did not come in time."),
        new(Failure.BodyTooSlow, 408, "body-too-slow", "Request timeout", "The request's body came too slowly."),
        new(Failure.BodyTooLarge, 413, "body-too-large", "Content too large", "The request's body is larger than this route allows."),
        new(Failure.TargetTooLong, 414, "target-too-long", "URI too long", "The request line is longer than this listener allows."),
        new(Failure.UnsupportedMedia, 415, "unsupported-media", "Unsupported media type", "This URL takes a body of another kind; JSON is sent as application/json."),
        new(Failure.ForeignHost, 421, "foreign-host", "Misdirected request", "The admin port answers to localhost and loopback addresses only."),
        new(Failure.ReloadRefused, 422, "reload-refused", "Configuration not taken", "The configuration has errors; what had none runs, the rest keeps its last good one."),
        new(Failure.WeightsRefused, 422, "weights-refused", "Weights not taken", "The weights are not taken, and those before go on."),
        new(Failure.RateLimited, 429, "rate-limited", "Too many requests", "A limit is used up; see the RateLimit and Retry-After headers."),
        new(Failure.HeadTooLarge, 431, "head-too-large", "Request header fields too large", "The request's header fields are more, or larger together, than this listener allows."),
        new(Failure.ClientGone, 499, "client-gone", "Client closed the request", "The client left before there was an answer; seen in logs only."),
        new(Failure.Internal, 500, "internal", "Internal error", "The gateway failed; the trace id leads to the reason in its log."),
        new(Failure.UpstreamUnreachable, 502, "upstream-unreachable", "Bad gateway", "The service behind this URL can't be reached."),
        new(Failure.UpstreamGone, 502, "upstream-gone", "Bad gateway", "The service behind this URL closed the connection without an answer."),
        new(Failure.UpstreamProtocol, 502, "upstream-protocol", "Bad gateway", "The service behind this URL gave an invalid answer."),
        new(Failure.UpstreamBroken, 502, "upstream-broken", "Bad gateway", "The service behind this URL broke off within its answer; the connection was ended."),
        new(Failure.SourceFailed, 502, "source-failed", "Bad gateway", "A service that this answer needs failed, or gave an answer that can't be used; 'source' says which."),
        new(Failure.UpstreamBusy, 503, "upstream-busy", "Service unavailable", "Every connection to the service behind this URL is in use; try again."),
        new(Failure.UpstreamFull, 503, "upstream-full", "Service unavailable", "As many calls to the service behind this URL are in progress as are allowed; try again."),
        new(Failure.UpstreamOpen, 503, "upstream-open", "Service unavailable", "The service behind this URL has failed too often and isn't called for now; try again later."),
        new(Failure.UpstreamEmpty, 503, "upstream-empty", "Service unavailable", "The service behind this URL has no address that can be called; try again later."),
        new(Failure.SourceUnavailable, 503, "source-unavailable", "Service unavailable", "A service that this answer needs can't be called for now; 'source' says which."),
        new(Failure.TooManyAtOnce, 503, "too-many-at-once", "Service unavailable", "As many requests as are allowed at once are in progress; try again."),
        new(Failure.IdentityUnavailable, 503, "identity-unavailable", "Service unavailable", "For now the gateway can't find out who is calling; try again."),
        new(Failure.LimitsUnreachable, 503, "limits-unreachable", "Service unavailable", "Redis, where limits are counted, doesn't answer; try again."),
        new(Failure.UpstreamTimeout, 504, "upstream-timeout", "Gateway timeout", "The service behind this URL did not answer in time."),
        new(Failure.SourceTimeout, 504, "source-timeout", "Gateway timeout", "A service that this answer needs did not answer in time; 'source' says which."),
        new(Failure.HttpVersion, 505, "http-version", "HTTP version not supported", "This listener speaks HTTP/1.0, HTTP/1.1 and HTTP/2."),
        new(Failure.Loop, 508, "loop-detected", "Loop detected", "The request has passed through this gateway too often; a route leads back to it."),
    ];

    private static readonly FrozenDictionary<Failure, FailureRow> ByFailure = Rows.ToFrozenDictionary(r => r.Failure);

    public static FailureRow Of(Failure failure) => ByFailure[failure];
}
