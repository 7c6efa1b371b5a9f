using Microsoft.IdentityModel.Tokens;

namespace Postern.Edge.Authenticating.Jwt.Keys;

/// <summary>A key that verifies signatures. As long as its issuer publishes it unchanged it is the same object.</summary>
internal sealed class VerificationKey
{
    private volatile bool retired;

    /// <summary>Its id as published (<c>kid</c>); empty where it has none.</summary>
    public required string Id { get; init; }

    /// <summary>The key; its public part, or the shared secret.</summary>
    public required SecurityKey Key { get; init; }

    /// <summary>All that it may be used for: what its kind can, and where the issuer names an algorithm only that one.</summary>
    public required IReadOnlyList<string> Algorithms { get; init; }

    /// <summary>Everything that makes two keys differ.</summary>
    public required string Material { get; init; }

    /// <summary>Whether it is no longer to be believed, nor what was verified with it: its issuer has withdrawn it, or could not be asked for too long.</summary>
    public bool Retired => retired;

    /// <summary>Whether it may verify signatures of this algorithm (RFC 7518 §3.1).</summary>
    public bool Fits(string algorithm)
    {
        for (var i = 0; i < Algorithms.Count; i++)
        {
            if (Algorithms[i] == algorithm)
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>From now on nothing it verified counts.</summary>
    public void Retire() => retired = true;
}
