namespace Postern.Edge.Authorizing;

/// <summary>The <c>require</c> section in C#.</summary>
public static class RequireExtensions
{
    /// <summary>What a known caller must have: each of the scopes, each of the roles, each of the claims.</summary>
    /// <param name="at">The gate or route.</param>
    /// <param name="scopes">Scopes, all of which are needed.</param>
    /// <param name="roles">Roles, all of which are needed.</param>
    /// <param name="claims">Claims by name: <c>new() { ["org_id"] = "acme" }</c>.</param>
    public static T Require<T>(this T at, string[]? scopes = null, string[]? roles = null, Dictionary<string, ClaimCondition>? claims = null) where T : SectionBuilder =>
        at.Require(new RequireOptions { Scopes = scopes, Roles = roles, Claims = claims });

    /// <summary>What a known caller must have, with all that YAML can say.</summary>
    public static T Require<T>(this T at, RequireOptions require) where T : SectionBuilder
    {
        at.Sections.Off.Remove("require");
        at.Sections.Set<RequireSection>(o => o with { Require = require with { Origin = require.Origin ?? at.Sections.Origin.At("require") } });
        return at;
    }

    /// <summary>Nothing is asked of the caller here, whatever the gate says: <c>require: off</c>.</summary>
    public static T RequireOff<T>(this T at) where T : SectionBuilder
    {
        at.Sections.Off.Add("require");
        at.Sections.Set<RequireSection>(o => o with { Require = null });
        return at;
    }
}
