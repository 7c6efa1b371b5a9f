using Postern.Config;

namespace Postern.Edge.Guarding;

/// <summary>The guard's keys in C#.</summary>
public static class GuardExtensions
{
    /// <summary>The largest request body; null for no bound.</summary>
    public static T MaxBody<T>(this T at, ByteSize? size) where T : SectionBuilder
    {
        if (size is null)
        {
            at.Sections.Off.Add("maxBody");
        }
        at.Sections.Set<GuardOptions>(o => o with { MaxBody = size });
        return at;
    }
}
