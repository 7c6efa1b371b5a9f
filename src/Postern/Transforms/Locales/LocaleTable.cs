using System.Collections.Frozen;
using System.Globalization;
using System.Text;

namespace Postern.Transforms.Locales;

/// <summary>
/// The table of locales that comes with the gateway, so that an amount is the same bytes on every machine, whatever its ICU is or
/// whether it has one. A locale's lines are read once it is asked for.
/// </summary>
internal static class LocaleTable
{
    private static readonly FrozenDictionary<string, string[]> Sections = Read();

    private static readonly string[] Currencies = Sections["currencies"];

    /// <summary>The tags there are, in the table's order: a language alone is the first of its locales.</summary>
    public static IReadOnlyList<string> Tags { get; } = [.. Lines().Where(l => l.StartsWith('[')).Select(l => l[1..^1]).Where(t => t != "currencies")];

    /// <summary>How many digits of an amount follow its point, where that isn't two.</summary>
    public static FrozenDictionary<string, int> Digits { get; } =
        Pairs(Currencies, "digits").ToFrozenDictionary(p => p.Key, p => int.Parse(p.Value, CultureInfo.InvariantCulture));

    /// <summary>What most locales write for a currency, where that isn't its code.</summary>
    public static FrozenDictionary<string, string> UsualSymbols { get; } = Pairs(Currencies, "symbols").ToFrozenDictionary();

    /// <summary>The lines of a locale.</summary>
    public static string[] Of(string tag) => Sections[tag];

    /// <summary>What stands behind a key.</summary>
    public static string Value(string[] lines, string key) =>
        Array.Find(lines, l => l.Length > key.Length && l[key.Length] == '=' && l.StartsWith(key, StringComparison.Ordinal)) is { } line ? Unescaped(line[(key.Length + 1)..]) : "";

    /// <summary>The same as a list.</summary>
    public static string[] Values(string[] lines, string key) => Value(lines, key).Split(';');

    /// <summary>The same as a list of pairs.</summary>
    public static IEnumerable<KeyValuePair<string, string>> Pairs(string[] lines, string key) =>
        from entry in Values(lines, key) where entry.Length > 0 let space = entry.IndexOf(' ') select KeyValuePair.Create(entry[..space], entry[(space + 1)..]);

    private static FrozenDictionary<string, string[]> Read()
    {
        var sections = new Dictionary<string, string[]>(StringComparer.Ordinal);
        var (name, lines) = ("", new List<string>());
        foreach (var line in Lines().Append("[]"))
        {
            if (!line.StartsWith('['))
            {
                lines.Add(line);
                continue;
            }
            sections[name] = [.. lines];
            (name, lines) = (line[1..^1], []);
        }
        return sections.ToFrozenDictionary(StringComparer.Ordinal);
    }

    private static string[] Lines()
    {
        using var table = new StreamReader(typeof(LocaleTable).Assembly.GetManifestResourceStream("locales.txt")!, Encoding.UTF8);
        return [.. table.ReadToEnd().Split('\n').Where(l => l.Length > 0 && l[0] != '#')];
    }

    private static string Unescaped(string text)
    {
        for (int at; (at = text.IndexOf("\\u", StringComparison.Ordinal)) >= 0;)
        {
            text = $"{text[..at]}{(char)ushort.Parse(text.AsSpan(at + 2, 4), NumberStyles.HexNumber, CultureInfo.InvariantCulture)}{text[(at + 6)..]}";
        }
        return text;
    }
}
