namespace Postern.Config.Schema;

/// <summary>What a key may hold where nothing of it is written, in the words of the language.</summary>
internal static class Defaults
{
    /// <summary>The default of a key, or null where there is none worth saying.</summary>
    public static string? Of(Sections.Property property)
    {
        if (property.DefaultText is not null)
        {
            return property.DefaultText;
        }
        var value = property.Info.GetValue(Activator.CreateInstance(property.Info.DeclaringType!));
        return value switch
        {
            null or "" => null,
            Options => null,
            System.Collections.IEnumerable and not string => null,
            _ => Scalars.Format(value),
        };
    }
}
