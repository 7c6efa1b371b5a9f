using System.Collections.Concurrent;
using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml;
using System.Xml.Linq;

namespace Postern.Config.Schema;

/// <summary>
/// The summaries that stand above the options in the code: one text for the code's readers, the schema and the reference.
/// They come from the XML file that the compiler puts beside the library; without it there are none.
/// </summary>
internal static partial class Docs
{
    private static readonly ConcurrentDictionary<Assembly, Dictionary<string, XElement>> Files = [];

    /// <summary>What a record is for.</summary>
    public static string? Of(Type type, bool markdown = false) => Summary(type.Assembly, "T:" + Name(type), markdown);

    /// <summary>What a key does.</summary>
    public static string? Of(PropertyInfo property, bool markdown = false) =>
        Summary(property.DeclaringType!.Assembly, $"P:{Name(property.DeclaringType!)}.{property.Name}", markdown);

    /// <summary>What one choice of an enum means.</summary>
    public static string? Of(Type type, string choice, bool markdown = false) =>
        Summary(type.Assembly, $"F:{Name(type)}.{Enum.GetNames(type).First(n => Sections.KeyOf(n) == choice)}", markdown);

    private static string Name(Type type) => type.FullName!.Replace('+', '.');

    private static string? Summary(Assembly assembly, string member, bool markdown)
    {
        if (!Files.GetOrAdd(assembly, Read).TryGetValue(member, out var summary))
        {
            return null;
        }
        var text = new StringBuilder();
        Append(text, summary, markdown);
        return Blanks().Replace(text.ToString(), " ").Trim();
    }

    private static void Append(StringBuilder text, XElement element, bool markdown)
    {
        foreach (var node in element.Nodes())
        {
            switch (node)
            {
                case XText words:
                    text.Append(words.Value);
                    break;
                case XElement { Name.LocalName: "c" or "code" } code:
                    Code(text, code.Value, markdown);
                    break;
                case XElement { Name.LocalName: "see" or "seealso" or "paramref" } reference:
                    Code(text, Target(reference), markdown);
                    break;
                case XElement { Name.LocalName: "para" or "item" or "br" } block:
                    text.Append(' ');
                    Append(text, block, markdown);
                    text.Append(' ');
                    break;
                case XElement other:
                    Append(text, other, markdown);
                    break;
            }
        }
    }

    private static void Code(StringBuilder text, string code, bool markdown) => text.Append(markdown ? $"`{code}`" : code);

    /// <summary>A reference to a property is its key; to anything else, the last part of its name.</summary>
    private static string Target(XElement reference)
    {
        var name = reference.Attribute("cref")?.Value ?? reference.Attribute("langword")?.Value ?? reference.Attribute("name")?.Value ?? reference.Value;
        var last = name.Split('(')[0].Split('.')[^1].Split(':')[^1];
        return name.StartsWith("P:", StringComparison.Ordinal) || name.StartsWith("F:", StringComparison.Ordinal) ? Sections.KeyOf(last) : last;
    }

    private static Dictionary<string, XElement> Read(Assembly assembly)
    {
        var beside = assembly.Location.Length > 0 ? assembly.Location : Path.Combine(AppContext.BaseDirectory, assembly.GetName().Name + ".dll");
        try
        {
            return XDocument.Load(Path.ChangeExtension(beside, ".xml")).Descendants("member")
                .Where(m => m.Attribute("name") is not null && m.Element("summary") is not null)
                .ToDictionary(m => m.Attribute("name")!.Value, m => m.Element("summary")!);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or XmlException)
        {
            return [];
        }
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blanks();
}
