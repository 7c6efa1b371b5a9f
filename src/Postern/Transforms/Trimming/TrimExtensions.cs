using Postern.Config;

namespace Postern.Transforms.Trimming;

/// <summary><c>drop</c>, <c>pick</c> and <c>rename</c> in C#.</summary>
public static class TrimExtensions
{
    /// <summary>Fields that never reach the client: <c>.Drop("debugInfo", "items[].cost")</c>.</summary>
    public static T Drop<T>(this T at, params IReadOnlyList<string> paths) where T : SectionBuilder => at.Trim("drop", o => o with { Drop = new ValueList<string>([.. paths]) });

    /// <summary>The only fields that reach the client: <c>.Pick("id", "author.name")</c>.</summary>
    public static T Pick<T>(this T at, params IReadOnlyList<string> paths) where T : SectionBuilder => at.Trim("pick", o => o with { Pick = new ValueList<string>([.. paths]) });

    /// <summary>A field gets another name, one more with each call: <c>.Rename("user.fullName", "name")</c>.</summary>
    public static T Rename<T>(this T at, string path, string name) where T : SectionBuilder =>
        at.Trim("rename", o => o with { Rename = With(o.Rename, path, name) });

    /// <summary>Nothing is dropped on this route, whatever the gate says.</summary>
    public static RouteBuilder DropOff(this RouteBuilder route) => route.Off("drop", o => o with { Drop = null });

    /// <summary>Nothing is picked on this route, whatever the gate says.</summary>
    public static RouteBuilder PickOff(this RouteBuilder route) => route.Off("pick", o => o with { Pick = null });

    /// <summary>Nothing is renamed on this route, whatever the gate says.</summary>
    public static RouteBuilder RenameOff(this RouteBuilder route) => route.Off("rename", o => o with { Rename = null });

    private static T Trim<T>(this T at, string key, Func<TrimSection, TrimSection> change) where T : SectionBuilder
    {
        at.Sections.Off.Remove(key);
        at.Sections.Set(change);
        return at;
    }

    private static RouteBuilder Off(this RouteBuilder route, string key, Func<TrimSection, TrimSection> change)
    {
        route.Sections.Set(change);
        route.Sections.Off.Add(key);
        return route;
    }

    private static ValueMap<string> With(IReadOnlyDictionary<string, string>? before, string path, string name)
    {
        var map = new OrderedDictionary<string, string>(before ?? new Dictionary<string, string>()) { [path] = name };
        return new ValueMap<string>(map);
    }
}
