using System.Collections.Concurrent;
using System.Reflection;

namespace Postern.Config;

/// <summary>The one rule of inheritance: a route's own key, else the gate's, else the default; <c>off</c> is none of them.</summary>
internal static class Sections
{
    private static readonly ConcurrentDictionary<Type, Property[]> Known = [];

    /// <summary>One key of a record.</summary>
    public sealed record Property(PropertyInfo Info, string Key, object? Default, bool RouteOnly)
    {
        public Type Type => Info.PropertyType;

        public bool OneOrMany { get; } = Info.IsDefined(typeof(OneOrManyAttribute));

        public bool Secret { get; } = Info.IsDefined(typeof(SecretAttribute));

        public FromFileAttribute? FromFile { get; } = Info.GetCustomAttribute<FromFileAttribute>();

        public bool CanBeEmpty { get; } = Info.IsDefined(typeof(CanBeEmptyAttribute));

        public bool OtherKeys { get; } = Info.IsDefined(typeof(OtherKeysAttribute));

        public bool CanBeOff { get; } = Info.IsDefined(typeof(CanBeOffAttribute));

        public NeededAttribute? Needed { get; } = Info.GetCustomAttribute<NeededAttribute>();

        public RangeAttribute? Range { get; } = Info.GetCustomAttribute<RangeAttribute>();

        public string? DefaultText { get; } = Info.GetCustomAttribute<DefaultAttribute>()?.Text;
    }

    public static Property[] Of(Type type) => Known.GetOrAdd(type, static t => [..
        from p in t.GetProperties(BindingFlags.Public | BindingFlags.Instance)
        where p.CanWrite && p.DeclaringType != typeof(Options)
        let text = p.GetCustomAttribute<DefaultAttribute>()?.Text
        select new Property(p, KeyOf(p.Name), text is null ? null : Scalars.Parse(p.PropertyType, text), p.IsDefined(typeof(RouteOnlyAttribute)))]);

    public static string KeyOf(string name) => char.ToLowerInvariant(name[0]) + name[1..];

    /// <summary>The property that a plain value of this record fills, or null.</summary>
    public static Property? ShorthandOf(Type type) =>
        type.GetCustomAttribute<ShorthandAttribute>() is { } shorthand ? Array.Find(Of(type), p => p.Info.Name == shorthand.Property) : null;

    public static T Effective<T>(SectionSet own, SectionSet? inherited) where T : Options, new()
    {
        var (mine, theirs) = (own.Find(typeof(T)), inherited?.Find(typeof(T)));
        var origin = (mine?.Origin ?? own.Origin).Fork();
        var result = new T { Origin = origin };
        foreach (var property in Of(typeof(T)))
        {
            if (own.Off.Contains(property.Key))
            {
                continue;
            }
            var value = Value(mine, property);
            if (value is null)
            {
                value = inherited is not null && inherited.Off.Contains(property.Key) ? null : Value(theirs, property) ?? property.Default;
                if (theirs?.Origin is { } gate && gate.Has(property.Key))
                {
                    origin.Adopt(property.Key, gate.At(property.Key));
                }
            }
            if (value is not null)
            {
                property.Info.SetValue(result, value);
            }
        }
        return result;
    }

    private static object? Value(Options? record, Property property) => record is null ? null : property.Info.GetValue(record);
}
