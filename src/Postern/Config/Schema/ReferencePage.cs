using System.Text;

namespace Postern.Config.Schema;

/// <summary>The reference of the language, <c>docs/configuration.md</c>: a table for each place, from the records and what stands above them.</summary>
internal sealed class ReferencePage
{
    private readonly Grammar grammar;
    private readonly StringBuilder page = new();
    private readonly Dictionary<Type, string> places = [];
    private readonly List<(Type Type, string Place)> waiting = [];

    private ReferencePage(Grammar grammar) => this.grammar = grammar;

    /// <summary>The page as markdown.</summary>
    public static string Write(Grammar grammar)
    {
        var writer = new ReferencePage(grammar);
        writer.Page();
        return writer.page.ToString();
    }

    private void Page()
    {
        page.Append(Introduction);
        Heading("The main file");
        Table(grammar.Root.SelectMany(Sections.Of), "", ("upstreams", "mapping by name", GateKeys.Upstreams), ("gates", "mapping by name", GateKeys.Gates));
        Waiting();
        Heading("`upstreams.NAME`");
        Table(grammar.Upstream.SelectMany(Sections.Of), "upstreams.NAME");
        Waiting();
        Heading("`gates.NAME`");
        page.Append("A gate stands in the main file, or in a file of its own that `include` names. It may also have any of the [sections](#sections) below.\n\n");
        Table(Sections.Of(typeof(GateOptions)), "gates.NAME", ("include", "text", GateKeys.Include), ("routes", "list of mappings", GateKeys.Routes));
        Waiting();
        Heading("`routes[]`");
        page.Append("A route has exactly one of the method keys, and what answers it. It may also have any of the [sections](#sections) below.\n\n");
        places[typeof(WhenOptions)] = "when";
        waiting.Add((typeof(WhenOptions), "when"));
        Table(
            grammar.Route.SelectMany(Sections.Of).Where(p => p.RouteOnly),
            "",
            [.. KeyFinder.Methods.Select(m => (m, "text", GateKeys.Method(m))), ("when", "mapping, see [`when`](#when)", Docs.Of(typeof(WhenOptions), markdown: true) ?? "")]);
        Waiting();
        Heading("Sections");
        page.Append("What a route may say, a gate may say for all its routes. A route's own replaces the gate's whole; `off` removes it.\n\n");
        Table(grammar.Route.SelectMany(Sections.Of).Where(p => !p.RouteOnly), "");
        Waiting();
    }

    /// <summary>The records that were met on the way, each followed by those inside of it.</summary>
    private void Waiting()
    {
        (Type, string)[] met = [.. waiting];
        waiting.Clear();
        foreach (var (type, place) in met)
        {
            page.Append($"### `{place}`\n\n");
            if (Docs.Of(type, markdown: true) is { } summary)
            {
                page.Append(summary).Append("\n\n");
            }
            if (Sections.ShorthandOf(type) is { } plain)
            {
                page.Append($"A plain value in its place is its `{plain.Key}`.\n\n");
            }
            Table(Sections.Of(type), place);
            Waiting();
        }
    }

    private void Heading(string text) => page.Append($"## {text}\n\n");

    private void Table(IEnumerable<Sections.Property> properties, string place, params (string Key, string Type, string Text)[] more)
    {
        page.Append("| Key | Type | Default | Range | What it does |\n| --- | --- | --- | --- | --- |\n");
        foreach (var (key, type, text) in more.TakeWhile(m => KeyFinder.Methods.Contains(m.Key) || m.Key == "when"))
        {
            Row(key, type, "", "", text);
        }
        foreach (var property in properties)
        {
            var standard = property.Needed is not null ? "needed" : Defaults.Of(property) is { } text ? $"`{text}`" : "";
            var range = property.Range is { } bounds ? $"{bounds.From} – {bounds.To}" : "";
            if (property.OtherKeys)
            {
                Row("NAME", Type(Words.MapOf(property.Type)!, false, $"{place}.NAME"), standard, range, Text(property));
                continue;
            }
            var here = place.Length == 0 ? property.Key : $"{place}.{property.Key}";
            Row(property.Key, (property.FromFile is not null ? "path of a file with a " : "") + Type(property.Type, property.OneOrMany, here) + (property.FromFile?.Word is { } word ? $", or `{word}`" : ""), standard, range, Text(property));
        }
        foreach (var (key, type, text) in more.Where(m => !KeyFinder.Methods.Contains(m.Key) && m.Key != "when"))
        {
            Row(key, type, "", "", text);
        }
        page.Append('\n');
    }

    private void Row(string key, string type, string standard, string range, string text) =>
        page.Append($"| `{key}` | {type} | {standard} | {range} | {text.Replace("|", "\\|")} |\n");

    private static string Text(Sections.Property property)
    {
        var text = Docs.Of(property.Info, markdown: true) ?? "";
        var type = Words.Bare(property.Type);
        if (type.IsEnum)
        {
            var choices = Words.Choices(type).Select(c => $"`{c}`: {Docs.Of(type, c, markdown: true)?.TrimEnd('.')}");
            text = $"{text} {string.Join("; ", choices)}.";
        }
        return text;
    }

    private string Type(Type type, bool oneOrMany, string place)
    {
        type = Words.Bare(type);
        if (Words.ListOf(type) is { } entry)
        {
            var (one, many) = (Type(entry, false, place + "[]"), Many(entry, place + "[]"));
            return oneOrMany ? $"{one}, or a list of them" : many;
        }
        if (Words.MapOf(type) is { } held)
        {
            return $"mapping by name of {Type(held, false, place + ".NAME")}";
        }
        if (Words.IsRecord(type))
        {
            if (!places.TryGetValue(type, out var known))
            {
                places[type] = known = place;
                waiting.Add((type, place));
            }
            var plain = Sections.ShorthandOf(type) is { } shorthand ? Type(shorthand.Type, false, place) + " or " : "";
            return $"{plain}mapping, see [`{known}`](#{Anchor(known)})";
        }
        return type switch
        {
            _ when type == typeof(FileText) || type == typeof(FileBytes) => "path of a file",
            _ when type == typeof(Inline) => "any value",
            _ when type == typeof(bool) => "`true` or `false`",
            _ when type == typeof(int) || type == typeof(long) => "whole number",
            _ when type == typeof(TimeSpan) => "duration",
            _ when type == typeof(ByteSize) => "size",
            _ when PlainTypes.Of(type) is { } known => known.Name,
            _ when type.IsEnum => string.Join(", ", Words.Choices(type).Select(c => $"`{c}`")),
            _ => "text",
        };
    }

    private string Many(Type entry, string place) => Words.IsRecord(entry) ? $"list of {Type(entry, false, place)}" : $"list of {Type(entry, false, place)}s";

    /// <summary>The anchor that markdown viewers give a heading.</summary>
    private static string Anchor(string heading) => new([.. heading.ToLowerInvariant().Where(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_')]);

    private const string Introduction = """
        # Configuration reference

        This page is made from the options records and the texts above them; `postern schema --reference` prints it.
        `postern schema` prints the same as JSON Schema, for editors; `postern schema --gate` that of a gate's own file.

        ## How it is written

        - **Keys** are camelCase and case-sensitive. An unknown key is an error.
        - **Durations** have a unit: `250ms`, `1.5s`, `1m`, `2h`. **Sizes** have a unit: `512B`, `64KB`, `10MB`, `5GB`; a step is 1,024.
          `0` needs no unit. **Rates** are requests in a time: `10/s`, `100/minute`, `5/hour`, `1000/day`, `1/month` (30 days), `100/10s`.
        - **Booleans** are `true` and `false`, nothing else.
        - **Secrets**: `${env:NAME}` and `${file:/run/secrets/name}` may stand anywhere in a value, not in keys and not in `include`. They are
          filled in after the file was read as YAML, so they can't change its shape. A path is taken from the directory of the file; line ends
          at the end of a secret are cut off. A missing or empty one is an error. What came from one is never shown again: not in messages,
          not by the admin port. `$${` stands for `${` itself.
        - **Includes**: a gate may live in its own file: `mobile: { include: gates/mobile.yaml }`. Nothing stands beside `include`. The file has
          the keys of a gate, no others. A mistake in it keeps that gate on its last good configuration and touches no other.
        - **Anchors and aliases** of YAML work (`&name`, `*name`, `<<: *name`), within one file. Tags and several documents in a file don't.
        - **Braces**: inside `{ … }` and `[ … ]` a value with braces needs quotes: `{ get: "/products/{id}" }`.
        - **Bounds**: a file has at most 1 MB, 64 levels and 100,000 values, aliases counted by what they stand for; a secret has at most 64 KB.
        - **Names** of upstreams and gates have letters, digits, `-`, `_` and `.`, and begin with a letter or digit.

        An error is one line, `file:line:column: path: what, got value; fix`, and all of them are reported at once.


        """;
}
