using Postern.Config;

namespace Postern.Edge.Authenticating;

/// <summary>Whether a route wants a known caller.</summary>
public sealed record IdentityOptions : Options
{
    /// <summary><c>off</c>: anyone may call. The only value so far, and the default.</summary>
    public string? Identity { get; init; }

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        if (Identity is not null)
        {
            check.Error(this, "identity", $"only 'off' is known here, got '{Identity}'; write identity: off");
        }
    }
}
