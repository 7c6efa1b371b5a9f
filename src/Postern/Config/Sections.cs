using System.Collections.Concurrent;
using System.Reflection;

namespace Postern.Config;

/// <summary>The one rule of inheritance: a route's own key, else the gate's, else the default; <c>off</c> is none of them.</summary>
internal static class Sections
{
    private static readonly ConcurrentDictionary<Type, Property[]> Known = [];

    /// <summary>One key of a feature's record.</summary>
    public sealed record Property(PropertyInfo Info, string Key, object? Default, bool RouteOnly);

    public static Property[] Of(Type type) => Known.GetOrAdd(type, static t => [..
        from p in t.GetProperties(BindingFlags.Public | BindingFlags.Instance)
        where p.CanWrite && p.DeclaringType != typeof(Options)
        let text = p.GetCustomAttribute<DefaultAttribute>()?.Text
        select new Property(p, KeyOf(p.Name), text is null ? null : Scalars.Parse(p.PropertyType, text), p.IsDefined(typeof(RouteOnlyAttribute)))]);

    public static string KeyOf(string name) => char.ToLowerInvariant(name[0]) + name[1..];

    public static T Effective<T>(SectionSet own, SectionSet? inherited) where T : Options, new()
    {
        var (mine, theirs) = (own.Find(typeof(T)), inherited?.Find(typeof(T)));
        var result = new T { Origin = mine?.Origin ?? own.Origin };
        foreach (var property in Of(typeof(T)))
        {
            var value = Pick(property);
            if (value is not null)
            {
                property.Info.SetValue(result, value);
            }
        }
        return result;

        object? Pick(Property property)
        {
            foreach (var (set, record) in new[] { (own, mine), (inherited, theirs) })
            {
                if (set is not null && set.Off.Contains(property.Key))
                {
                    return null;
                }
                if (record is not null && property.Info.GetValue(record) is { } value)
                {
                    return value;
                }
            }
            return property.Default;
        }
    }
}
