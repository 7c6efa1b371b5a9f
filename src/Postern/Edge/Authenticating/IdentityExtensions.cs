using Postern.Pipeline;

namespace Postern.Edge.Authenticating;

/// <summary>Who may call, in C#.</summary>
public static class IdentityExtensions
{
    /// <summary>Callers must be known, by one of these ways.</summary>
    public static T Identity<T>(this T at, params string[] ways) where T : SectionBuilder => at.Identity(optional: false, ways);

    /// <summary>Callers may be known: one without a credential is nobody and goes on, one with a bad credential is refused.</summary>
    public static T Identity<T>(this T at, bool optional, params string[] ways) where T : SectionBuilder
    {
        at.Sections.Off.Remove("identity");
        at.Sections.Set<IdentityOptions>(o => o with { Identity = new CallerOptions { Use = ways, Optional = optional, Origin = at.Sections.Origin.At("identity") } });
        return at;
    }

    /// <summary>Anyone may call: <c>identity: off</c>.</summary>
    public static T IdentityOff<T>(this T at) where T : SectionBuilder
    {
        at.Sections.Off.Add("identity");
        at.Sections.Set<IdentityOptions>(o => o with { Identity = null });
        return at;
    }
}
