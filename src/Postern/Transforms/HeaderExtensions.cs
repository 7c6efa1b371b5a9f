namespace Postern.Transforms;

/// <summary>The <c>headers</c> section in C#.</summary>
public static class HeaderExtensions
{
    /// <summary>Header fields to change on the way.</summary>
    public static T Headers<T>(this T at, HeaderOptions headers) where T : SectionBuilder
    {
        at.Sections.Set<HeadersSection>(o => o with { Headers = headers });
        return at;
    }
}
