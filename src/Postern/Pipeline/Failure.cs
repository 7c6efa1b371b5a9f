namespace Postern.Pipeline;

/// <summary>
/// Every reason for which Postern itself answers a request. Each has one row in <see cref="FailureTable"/>; its code is
/// stable and is what clients, logs and metrics see.
/// </summary>
public enum Failure
{
    /// <summary>Nothing failed.</summary>
    None,
    /// <summary>The request isn't the HTTP it claims to be: control characters, a bad field name, contradicting lengths.</summary>
    BadRequest,
    /// <summary>The head did not come in time.</summary>
    HeadTimeout,
    /// <summary>The request line is longer than the listener allows.</summary>
    TargetTooLong,
    /// <summary>The header fields are more, or larger together, than the listener allows.</summary>
    HeadTooLarge,
    /// <summary>A version of HTTP that isn't spoken here.</summary>
    HttpVersion,
    /// <summary>The path holds what upstreams read differently: <c>..</c>, <c>%2f</c>, <c>//</c>, a backslash, bad percent-encoding.</summary>
    BadPath,
    /// <summary>No gate or no route answers to this URL.</summary>
    NotFound,
    /// <summary>The path is known, the method is not.</summary>
    MethodNotAllowed,
    /// <summary>A value that the route's code takes is missing, or isn't what it takes.</summary>
    BadInput,
    /// <summary>The body isn't of a kind that the route's code takes.</summary>
    UnsupportedMedia,
    /// <summary>The body is larger than the route allows.</summary>
    BodyTooLarge,
    /// <summary>The body came slower than the listener's minimum.</summary>
    BodyTooSlow,
    /// <summary>The request has been through this gateway too often.</summary>
    Loop,
    /// <summary>The client left before there was an answer; nobody reads this one, the log does.</summary>
    ClientGone,
    /// <summary>No connection to the upstream could be made.</summary>
    UpstreamUnreachable,
    /// <summary>Every connection to the upstream was in use for too long.</summary>
    UpstreamBusy,
    /// <summary>As many calls to the upstream are in progress as its bulkhead lets in.</summary>
    UpstreamFull,
    /// <summary>The upstream's breaker is open: it has failed too often, and is not called for a while.</summary>
    UpstreamOpen,
    /// <summary>The upstream has no destination that may be called.</summary>
    UpstreamEmpty,
    /// <summary>The upstream did not answer in time.</summary>
    UpstreamTimeout,
    /// <summary>The upstream closed the connection before its answer's head was whole.</summary>
    UpstreamGone,
    /// <summary>The upstream answered with something that isn't HTTP, or isn't allowed here.</summary>
    UpstreamProtocol,
    /// <summary>The upstream died within its body; the client's connection was ended, so that it can't take half for a whole.</summary>
    UpstreamBroken,
    /// <summary>A source without which there is no answer says that there is no such thing.</summary>
    SourceNotFound,
    /// <summary>A source without which there is no answer doesn't know the caller.</summary>
    SourceUnauthenticated,
    /// <summary>A source without which there is no answer doesn't let the caller.</summary>
    SourceForbidden,
    /// <summary>A source without which there is no answer can't be called.</summary>
    SourceUnavailable,
    /// <summary>A source without which there is no answer did not answer in time.</summary>
    SourceTimeout,
    /// <summary>A source without which there is no answer failed, or gave what can't be used.</summary>
    SourceFailed,
    /// <summary>The caller must be known, and sent nothing to be known by.</summary>
    Unauthenticated,
    /// <summary>The bearer token isn't valid: malformed, expired, not from here or not for here, signed by nobody known.</summary>
    InvalidToken,
    /// <summary>The API key isn't known, has expired or was revoked.</summary>
    InvalidKey,
    /// <summary>The request has more than one credential, so that it could be from two callers.</summary>
    SeveralCredentials,
    /// <summary>The caller is known and may not do this.</summary>
    Forbidden,
    /// <summary>The caller's tier doesn't have what this route offers.</summary>
    NotInPlan,
    /// <summary>The caller has used up a limit.</summary>
    RateLimited,
    /// <summary>As many requests are in progress as the gate, or this consumer, may have.</summary>
    TooManyAtOnce,
    /// <summary>Nobody can be known for now: keys were never fetched, or who must be asked doesn't answer.</summary>
    IdentityUnavailable,
    /// <summary>A page from elsewhere tried to make a browser call the admin port.</summary>
    ForeignOrigin,
    /// <summary>The admin port was called by a name that isn't its own.</summary>
    ForeignHost,
    /// <summary>The configuration was not taken, wholly or for some gates.</summary>
    ReloadRefused,
    /// <summary>Weights that the admin port was given were not taken.</summary>
    WeightsRefused,
    /// <summary>What a consumer has used up was given back by this instance only: the store that counts it doesn't answer.</summary>
    LimitsUnreachable,
    /// <summary>A fault of the gateway.</summary>
    Internal,
}
