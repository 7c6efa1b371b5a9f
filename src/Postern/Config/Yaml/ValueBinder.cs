using System.Text.RegularExpressions;

namespace Postern.Config.Yaml;

/// <summary>
/// Nodes → the values of options records, by what the records' properties are. Every value leaves its place behind in
/// the <see cref="Origin"/> of the record; one that can't be read is said so once, and a stand-in keeps its seat.
/// </summary>
internal sealed partial class ValueBinder(Check check, Substitution substitution, Sources sources, ConfigReader reader, KeyFinder keys)
{
    /// <summary>Notes where <paramref name="step"/> stands and, for a plain value, fills in its secrets.</summary>
    public Origin Place(Origin parent, string step, Node node, ScalarNode? key = null, bool secret = false)
    {
        if (node is not ScalarNode scalar)
        {
            return parent.Add(step, node.File, node.Line, node.Column);
        }
        if (scalar.IsNull && key is not null)
        {
            return parent.Add(step, key.File, key.Line, key.Column);
        }
        var filled = substitution.Fill(scalar.Text, Path.GetDirectoryName(node.File) ?? "");
        var at = parent.Add(step, node.File, node.Line, node.Column, filled.Text, filled.Secret || secret);
        if (filled.Problem is not null)
        {
            check.Break(at, filled.Problem);
        }
        return at;
    }

    /// <summary>The value of <paramref name="type"/> written at <paramref name="at"/>, or null where it is none.</summary>
    public object? Bind(Type type, bool oneOrMany, Node node, Origin at, string? need = null)
    {
        type = Words.Bare(type);
        need ??= Words.Of(type, oneOrMany);
        if (at.Broken)
        {
            return null;
        }
        if (type == typeof(Inline))
        {
            return Inline(node, at);
        }
        if (node is ScalarNode { IsNull: true })
        {
            var entry = Words.ListOf(type) ?? type;
            var fix = Words.IsRecord(entry) ? $"write its keys ({string.Join(", ", Sections.Of(entry).Select(p => p.Key))})" : Fixes.Of(entry, "") ?? "write one";
            check.Break(at, $"{need} is needed, got nothing; {fix} or remove the line");
            return null;
        }
        if (Words.ListOf(type) is { } listed)
        {
            return List(listed, oneOrMany, node, at, need);
        }
        if (Words.MapOf(type) is { } held)
        {
            return Map(held, node, at);
        }
        if (type == typeof(FileText) || type == typeof(FileBytes))
        {
            return File(type, node, at, need);
        }
        return Words.IsRecord(type) ? Record(type, node, at, need) : Plain(type, node, at, need);
    }

    /// <summary>Says that a key is not known here, and which one was meant.</summary>
    public void Unknown(ScalarNode key, Origin mapping, IReadOnlyList<string> known, bool section = false)
    {
        var (message, meant) = keys.Unknown(key.Text, known, section);
        check.Error(new Origin(key.File, key.Line, key.Column, mapping.Path), message);
        if (meant is not null && !mapping.Has(meant))
        {
            mapping.Add(meant, key.File, key.Line, key.Column).Broken = true;
        }
    }

    /// <summary>Says which keys of a mapping were written twice.</summary>
    public void Repeated(MappingNode node, Origin at)
    {
        foreach (var (again, first) in node.Repeated)
        {
            check.Error(new Origin(again.File, again.Line, again.Column, at.Path),
                $"'{again.Text}' is written twice, first at {first.File}:{first.Line}:{first.Column}; remove one of them");
        }
    }

    public const string Space = "a space is missing behind ':'";

    /// <summary>Whether it reads <c>key:value</c>, which YAML takes for one text.</summary>
    public static bool LacksSpace(Node node) => node is ScalarNode { Quoted: false, Text: var text } && NoSpace().IsMatch(text);

    /// <summary>What was written, as far as it may be shown.</summary>
    public static string Got(Node node, Origin at) => node switch
    {
        MappingNode => "a mapping",
        SequenceNode => "a list",
        ScalarNode { IsNull: true } => "nothing",
        _ when at.Secret => Redaction.Mark,
        _ => $"'{Cut(at.Text ?? "")}'",
    };

    /// <summary>The same where a record of that type is wanted: what stands there instead may be the secret that it is about.</summary>
    private static string Got(Node node, Origin at, Type wanted) => node is ScalarNode { IsNull: false } && IsSecret(wanted) ? "a text" : Got(node, at);

    private static bool IsSecret(Type type) => type.IsDefined(typeof(SecretAttribute), inherit: false);

    private object? Plain(Type type, Node node, Origin at, string need)
    {
        if (node is not ScalarNode || at.Text is not { } text)
        {
            var quote = node is MappingNode map && IsBraced(map);
            var fix = quote ? "quote a value that begins with '{'" : type == typeof(string) ? "write one plain value, in quotes if it has brackets" : Fixes.Of(type, "");
            check.Break(at, $"{need} is needed, got {Got(node, at)}{(fix is null ? "" : "; " + fix)}");
            return null;
        }
        var value = Scalars.Parse(type, text);
        if (value is null)
        {
            var mend = at.Secret ? null : Fixes.Of(type, text);
            check.Break(at, $"{need} is needed, got {Got(node, at)}{(mend is null ? "" : "; " + mend)}");
        }
        return value;
    }

    /// <summary>What <c>{id}</c> is without quotes.</summary>
    private static bool IsBraced(MappingNode map) => map.Count == 1 && map.Entries.First().Value is ScalarNode { IsNull: true };

    private object? List(Type entry, bool oneOrMany, Node node, Origin at, string need)
    {
        if (node is not SequenceNode sequence)
        {
            if (oneOrMany && node is MappingNode given && !Words.IsRecord(entry) && !IsBraced(given))
            {
                check.Break(at, $"{need} is needed, got a mapping; write one value, or a list: [a, b]");
                return null;
            }
            if (oneOrMany)
            {
                at.Adopt("[0]", at);
                return Bind(entry, false, node, at, need) is { } only ? Listed(entry, [only]) : null;
            }
            var fix = node is ScalarNode && at is { Secret: false, Text: { } text } && !IsSecret(entry) ? $"write [{Cut(text)}]" : "begin each entry with '-'";
            check.Break(at, $"a list is needed, got {Got(node, at, entry)}; {fix}");
            return null;
        }
        if (sequence.Items.Count == 0)
        {
            check.Break(at, "the list is empty; write an entry or remove the line");
            return null;
        }
        var entries = new List<object>();
        foreach (var item in sequence.Items)
        {
            var place = Place(at, $"[{entries.Count}]", item, secret: at.Secret);
            entries.Add(Bind(entry, false, item, place) ?? StandIn(entry, place));
        }
        return Listed(entry, entries);
    }

    private object? Map(Type held, Node node, Origin at)
    {
        if (node is not MappingNode mapping)
        {
            check.Break(at, $"a mapping is needed, got {Got(node, at)}; write a line 'name: value' for each");
            return null;
        }
        Repeated(mapping, at);
        var entries = new List<(string, object)>();
        foreach (var (key, value) in mapping.Entries)
        {
            var place = Place(at, key.Text, value, key, at.Secret);
            if (key.Text.IndexOf(":{", StringComparison.Ordinal) is > 0 and var colon)
            {
                check.Break(place, $"{Space}, got '{Cut(key.Text)}'; write '{Cut(key.Text[..colon])}: {{'");
            }
            entries.Add((key.Text, Bind(held, false, value, place) ?? StandIn(held, place)));
        }
        return Map(held, entries);
    }

    private static object Map(Type held, List<(string, object)> entries) =>
        typeof(ValueBinder).GetMethod(nameof(Mapped), Static)!.MakeGenericMethod(held).Invoke(null, [entries])!;

    private object? Record(Type type, Node node, Origin at, string need)
    {
        if (node is not MappingNode mapping)
        {
            if (Sections.ShorthandOf(type) is { } plain && (Words.ListOf(plain.Type) is null ? node is ScalarNode : plain.OneOrMany || node is SequenceNode))
            {
                at.Adopt(plain.Key, at);
                return Bind(plain.Type, plain.OneOrMany, node, at, need) is { } value ? With(type, at, plain, value) : null;
            }
            check.Break(at, $"{need} is needed, got {Got(node, at, type)}; {(LacksSpace(node) ? Space : Fixes.Of(type, ""))}");
            return null;
        }
        Repeated(mapping, at);
        var (record, properties) = (New(type, at), Sections.Of(type));
        var (rest, others) = (Array.Find(properties, p => p.OtherKeys), new List<(string, object)>());
        foreach (var (key, value) in mapping.Entries)
        {
            if (Array.Find(properties, p => p.Key == key.Text && !p.OtherKeys) is not { } property)
            {
                if (rest is not null && Words.MapOf(rest.Type) is { } held)
                {
                    if (Words.IsRecord(held) && value is ScalarNode { IsNull: false } && Nearest.Of(key.Text, properties.Where(p => !p.OtherKeys).Select(p => p.Key)) is not null)
                    {
                        Unknown(key, at, [.. properties.Where(p => !p.OtherKeys).Select(p => p.Key)]);
                        continue;
                    }
                    var here = Place(at, key.Text, value, key, at.Secret);
                    others.Add((key.Text, Bind(held, false, value, here) ?? StandIn(held, here)));
                    continue;
                }
                Unknown(key, at, [.. properties.Select(p => p.Key)]);
                continue;
            }
            var place = Place(at, key.Text, value, key, property.Secret || at.Secret);
            if (property.FromFile is { } from && value is ScalarNode { IsNull: false })
            {
                property.Info.SetValue(record, Included(property.Type, value, place, from));
            }
            else if (property.CanBeEmpty && value is ScalarNode { IsNull: true } or SequenceNode { Items.Count: 0 })
            {
                // Its default is no entries, or it is another to have none.
                if (value is SequenceNode && property.Info.GetValue(record) is null)
                {
                    property.Info.SetValue(record, Listed(Words.ListOf(property.Type)!, []));
                }
                continue;
            }
            else if (property.FromFile is not null && value is not MappingNode)
            {
                check.Break(place, $"the path of a file is needed, got {Got(value, place)}; write {property.Needed?.Example ?? "one"}");
            }
            else if (Bind(property.Type, property.OneOrMany, value, place) is { } bound)
            {
                property.Info.SetValue(record, bound);
            }
        }
        if (others.Count > 0)
        {
            rest!.Info.SetValue(record, Map(Words.MapOf(rest.Type)!, others));
        }
        at.Incomplete = mapping.Entries.Any(e => !at.Has(e.Key.Text) || at.At(e.Key.Text).Broken);
        return record;
    }

    /// <summary>A value of whatever kind.</summary>
    private Inline Inline(Node node, Origin at)
    {
        switch (node)
        {
            case SequenceNode list:
                return Config.Inline.List([.. list.Items.Select((item, i) => Inline(item, Place(at, $"[{i}]", item, secret: at.Secret)))], at);
            case MappingNode mapping:
                Repeated(mapping, at);
                return Config.Inline.Mapping([.. mapping.Entries.Select(e => KeyValuePair.Create(e.Key.Text, Inline(e.Value, Place(at, e.Key.Text, e.Value, e.Key, at.Secret))))], at);
            default:
                var scalar = (ScalarNode)node;
                return Config.Inline.Plain(at.Text ?? scalar.Text, scalar.Quoted, at);
        }
    }

    /// <summary>The text of a file, or its bytes.</summary>
    private object? File(Type type, Node node, Origin at, string need)
    {
        if (Plain(typeof(string), node, at, need) is not string path)
        {
            return null;
        }
        var full = Path.Combine(Path.GetDirectoryName(node.File) ?? "", path);
        object? found;
        string? problem;
        if (type == typeof(FileText))
        {
            (var text, problem) = sources.Read(full, Sources.MaxSecret);
            found = text is null ? null : new FileText(full, text);
        }
        else
        {
            (var bytes, problem) = sources.ReadBytes(full);
            found = bytes is null ? null : new FileBytes(full, bytes);
        }
        if (problem is not null)
        {
            check.Break(at, $"can't read '{path}': {problem}");
        }
        return found;
    }

    /// <summary>A record from a file of its own.</summary>
    private Options? Included(Type type, Node node, Origin at, FromFileAttribute from)
    {
        if (at.Broken || at.Text is not { Length: > 0 } path)
        {
            return null;
        }
        if (path == from.Word)
        {
            var meant = (Options)type.GetProperty(char.ToUpperInvariant(path[0]) + path[1..])!.GetValue(null)!;
            meant.Origin = at;
            return meant;
        }
        var full = Path.Combine(Path.GetDirectoryName(node.File) ?? "", path);
        var found = FileOf(type, full, at, from.Make);
        at.Broken |= found is null;
        return found;
    }

    /// <summary>A record from a file that holds nothing else; one with nothing in it says nothing.</summary>
    public Options? FileOf(Type type, string path, Origin at, string? make)
    {
        Options? found = null;
        reader.Included(
            path, at, root => found = (Options?)Record(type, root, new Origin(root.File, root.Line, root.Column, ""), Words.Of(type)),
            empty: () => found = New(type, new Origin(path, 1, 1, "")), make: make);
        return found;
    }

    private static Options With(Type type, Origin at, Sections.Property property, object value)
    {
        var record = New(type, at);
        property.Info.SetValue(record, value);
        return record;
    }

    public static Options New(Type type, Origin at)
    {
        var record = (Options)Activator.CreateInstance(type)!;
        record.Origin = at;
        return record;
    }

    /// <summary>Keeps the seat of an entry that couldn't be read, so that those behind it keep their numbers.</summary>
    private static object StandIn(Type type, Origin at) =>
        type == typeof(string) ? "" : type == typeof(FileText) ? new FileText("", "") : type == typeof(FileBytes) ? new FileBytes("", default) : type == typeof(Inline) ? Config.Inline.Of("") : Words.IsRecord(type) ? New(type, at) : Activator.CreateInstance(type)!;

    private const System.Reflection.BindingFlags Static = System.Reflection.BindingFlags.Static | System.Reflection.BindingFlags.NonPublic;

    private static object Listed(Type entry, List<object> entries) =>
        typeof(ValueBinder).GetMethod(nameof(ListOf), Static)!.MakeGenericMethod(entry).Invoke(null, [entries])!;

    private static ValueList<T> ListOf<T>(List<object> entries) => new([.. entries.Cast<T>()]);

    private static ValueMap<T> Mapped<T>(List<(string Key, object Value)> entries)
    {
        var map = new OrderedDictionary<string, T>(entries.Count);
        entries.ForEach(e => map.Add(e.Key, (T)e.Value));
        return new ValueMap<T>(map);
    }

    private static string Cut(string text)
    {
        var shown = text.Length > 60 ? text[..57] + "…" : text;
        return shown.Any(char.IsControl) ? string.Concat(shown.Select(c => c == '\n' ? "\\n" : char.IsControl(c) ? "?" : c.ToString())) : shown;
    }

    [GeneratedRegex(@"^[A-Za-z]+:[^\s/]")]
    private static partial Regex NoSpace();
}
