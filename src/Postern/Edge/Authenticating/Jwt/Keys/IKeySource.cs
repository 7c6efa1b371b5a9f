using Postern.Pipeline;

namespace Postern.Edge.Authenticating.Jwt.Keys;

/// <summary>Where the keys of an issuer come from. Nothing here is fetched by a request; an unknown key id alone may cause a fetch, and that one is shared.</summary>
internal interface IKeySource : ILive
{
    /// <summary>While it is not ready: seconds after which it is worth trying again.</summary>
    int RetryAfter { get; }

    /// <summary>Whether there are keys to verify with.</summary>
    bool HasKeys { get; }

    /// <summary>
    /// The key that a token names and that fits its algorithm. Where the token names none, the only key that fits. Null where
    /// there is no such key, or more than one.
    /// </summary>
    VerificationKey? Find(string? kid, string algorithm);

    /// <summary>
    /// For a key id that isn't known: fetches the keys anew, once for all who ask at the same time. Done at once, with nothing
    /// fetched, while the last fetch of this kind is less than 30 s ago, and where keys are not fetched at all. Never fails.
    /// </summary>
    Task RefetchAsync();
}
