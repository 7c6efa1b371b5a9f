namespace Postern.Edge.Authenticating.Jwt;

/// <summary>What a token claims before anything is verified: enough to choose who verifies it.</summary>
internal sealed record UnverifiedToken(string Algorithm, string? Issuer)
{
    /// <summary>What the token claims; null where it has not the form of a signed token (three parts, a JSON header with <c>alg</c>).</summary>
    public static UnverifiedToken? Read(string token) => throw new NotSupportedException(token);
}
