using Postern.Config;

namespace Postern.Pipeline;

/// <summary>Whether a route wants a known caller. Stands here because authorization, limits and caches ask the same of a route.</summary>
public sealed record IdentityOptions : Options
{
    /// <summary>Which of the ways under the root's <c>identity</c> know this route's callers; <c>off</c>: anyone may call.
    /// Every route must say it or take it from its gate.</summary>
    public CallerOptions? Identity { get; init; }
}

/// <summary>The callers of a route.</summary>
[Shorthand(nameof(Use))]
public sealed record CallerOptions : Options
{
    /// <summary>Names of ways. What a request carries decides which one applies.</summary>
    [Needed(Example = "[customers]"), OneOrMany] public IReadOnlyList<string>? Use { get; init; }

    /// <summary>True: a request without a credential is anyone's and goes on; one with a bad credential is still refused.</summary>
    public bool Optional { get; init; }

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        for (var i = 0; i < Use?.Count; i++)
        {
            if (Use[i] == "off")
            {
                check.Error(this, $"use[{i}]", "'off' stands alone; write identity: off");
            }
            else if (Use.Take(i).Contains(Use[i]))
            {
                check.Error(this, $"use[{i}]", $"'{Use[i]}' is here already; remove one");
            }
        }
    }
}

/// <summary>Whom a route is for.</summary>
public enum Callers
{
    /// <summary>Anyone; credentials are not looked at.</summary>
    Anyone,
    /// <summary>Anyone, and those with a credential are known.</summary>
    KnownOrNot,
    /// <summary>Known callers only.</summary>
    Known,
}
