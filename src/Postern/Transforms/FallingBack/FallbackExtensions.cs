using Postern.Config;

namespace Postern.Transforms.FallingBack;

/// <summary>The <c>fallback</c> section in C#.</summary>
public static class FallbackExtensions
{
    /// <summary>What is answered where the upstream fails.</summary>
    public static T Fallback<T>(this T at, FallbackOptions fallback) where T : SectionBuilder
    {
        at.Sections.Off.Remove("fallback");
        at.Sections.Set<FallbackSection>(o => o with { Fallback = fallback });
        return at;
    }

    /// <summary>A fixed answer where the upstream fails: <c>.Fallback(200, "[]")</c>.</summary>
    public static T Fallback<T>(this T at, int status, string? body = null, IReadOnlyDictionary<string, string>? headers = null) where T : SectionBuilder
    {
        var fallback = new FallbackOptions { Status = status, Body = body is null ? null : Inline.Of(body) };
        return at.Fallback(headers is null ? fallback : fallback with { Headers = headers });
    }

    /// <summary>Another URL that is asked where the upstream fails: <c>.FallbackTo("http://standby")</c>.</summary>
    public static T FallbackTo<T>(this T at, string url) where T : SectionBuilder => at.Fallback(new FallbackOptions { To = url });

    /// <summary>The upstream's failure is the answer's, whatever the gate says.</summary>
    public static RouteBuilder FallbackOff(this RouteBuilder route)
    {
        route.Sections.Set<FallbackSection>(o => o with { Fallback = null });
        route.Sections.Off.Add("fallback");
        return route;
    }
}
