using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Postern.Config.Schema;

/// <summary>
/// The language as JSON Schema (draft 2020-12), so that editors complete and check it. Made from the same records that
/// the file is read into; what needs more than one value at a time to be judged is left to <c>postern check</c>.
/// </summary>
internal sealed class JsonSchema
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly Grammar grammar;
    private readonly SortedDictionary<string, JsonObject> definitions = new(StringComparer.Ordinal);
    private readonly Dictionary<Type, string> names = [];

    private JsonSchema(Grammar grammar) => this.grammar = grammar;

    /// <summary>The schema of the main file, or of a gate's own file.</summary>
    public static string Write(Grammar grammar, bool gate = false)
    {
        var schema = new JsonSchema(grammar);
        var root = new JsonObject
        {
            ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
            ["title"] = gate ? "A gate of Postern" : "A configuration of Postern",
        };
        foreach (var (key, value) in (gate ? schema.Gate() : schema.Main()).ToList())
        {
            root[key] = value?.DeepClone();
        }
        schema.Plain();
        root["$defs"] = new JsonObject(schema.definitions.Select(d => KeyValuePair.Create(d.Key, (JsonNode?)d.Value)));
        return root.ToJsonString(Indented) + "\n";
    }

    private JsonObject Main()
    {
        var properties = Properties(grammar.Root.SelectMany(Sections.Of), off: p => p.CanBeOff);
        definitions["upstream"] = Mapping("A service that the gates call.", Properties(grammar.Upstream.SelectMany(Sections.Of), off: p => p.CanBeOff), []);
        definitions["gate"] = Gate();
        properties["upstreams"] = Named(GateKeys.Plain(GateKeys.Upstreams), "upstream");
        properties["gates"] = Named(GateKeys.Plain(GateKeys.Gates), "gate");
        return Mapping(null, properties, grammar.Root.SelectMany(Sections.Of).Where(p => p.Needed is not null));
    }

    private JsonObject Gate()
    {
        definitions["route"] = Route();
        var properties = Properties(Sections.Of(typeof(GateOptions)));
        properties["include"] = new JsonObject { ["description"] = GateKeys.Plain(GateKeys.Include), ["type"] = "string", ["minLength"] = 1 };
        properties["routes"] = new JsonObject { ["description"] = GateKeys.Plain(GateKeys.Routes), ["type"] = "array", ["minItems"] = 1, ["items"] = Reference("route") };
        Add(properties, Properties(grammar.Route.SelectMany(Sections.Of).Where(p => !p.RouteOnly), CanBeOff));
        var gate = Mapping("A gate: the routes of one kind of client.", properties, []);
        gate["oneOf"] = new JsonArray(Required("routes"), new JsonObject { ["required"] = new JsonArray("include"), ["maxProperties"] = 1 });
        return gate;
    }

    private JsonObject Route()
    {
        var properties = new JsonObject();
        foreach (var method in KeyFinder.Methods)
        {
            properties[method] = new JsonObject { ["description"] = GateKeys.Plain(GateKeys.Method(method)), ["type"] = "string", ["pattern"] = "^(/|.*\\$\\{)" };
        }
        properties["when"] = Value(typeof(WhenOptions), null);
        properties["when"]!["description"] = Docs.Of(typeof(WhenOptions));
        Add(properties, Properties(grammar.Route.SelectMany(Sections.Of), CanBeOff));
        var route = Mapping("A route: which requests, and what answers them.", properties, []);
        route["oneOf"] = new JsonArray([.. KeyFinder.Methods.Select(m => Required(m))]);
        return route;
    }

    private static bool CanBeOff(Sections.Property property) =>
        !property.RouteOnly && Words.Bare(property.Type) is var type && type != typeof(bool) && !type.IsEnum;

    private JsonObject Properties(IEnumerable<Sections.Property> properties, Func<Sections.Property, bool>? off = null)
    {
        var json = new JsonObject();
        foreach (var property in properties)
        {
            var value = Value(property.Type, property);
            if (off?.Invoke(property) is true)
            {
                value = AnyOf(value, new JsonObject { ["const"] = "off" });
            }
            var described = new JsonObject();
            if (Description(property) is { } description)
            {
                described["description"] = description;
            }
            if (Defaults.Of(property) is { } text)
            {
                described["default"] = Literal(property.Type, text);
            }
            Add(described, value);
            json[property.Key] = described;
        }
        return json;
    }

    private static string? Description(Sections.Property property)
    {
        var text = Docs.Of(property.Info);
        var type = Words.Bare(property.Type);
        if (!type.IsEnum)
        {
            return text;
        }
        var choices = Words.Choices(type).Select(c => (c, Docs.Of(type, c))).Where(c => c.Item2 is not null);
        return string.Join(' ', choices.Select(c => $"{c.c}: {c.Item2}").Prepend(text).OfType<string>());
    }

    private JsonObject Value(Type type, Sections.Property? property)
    {
        type = Words.Bare(type);
        if (Words.ListOf(type) is { } entry)
        {
            var list = new JsonObject { ["type"] = "array", ["minItems"] = 1, ["items"] = Value(entry, property) };
            return property?.OneOrMany is true ? AnyOf(Value(entry, property), list) : list;
        }
        if (Words.MapOf(type) is { } held)
        {
            return new JsonObject { ["type"] = "object", ["additionalProperties"] = Value(held, property) };
        }
        if (property?.FromFile is not null || type == typeof(FileText) || type == typeof(FileBytes))
        {
            return new JsonObject { ["type"] = "string" };
        }
        if (type == typeof(Inline))
        {
            return [];
        }
        if (Words.IsRecord(type))
        {
            var record = Reference(Define(type));
            return Sections.ShorthandOf(type) is { } plain ? AnyOf(Value(plain.Type, plain), record) : record;
        }
        return type switch
        {
            _ when type == typeof(TimeSpan) => Reference("duration"),
            _ when type == typeof(ByteSize) => Reference("size"),
            _ when PlainTypes.Of(type) is { } plain => Reference(NameOf(plain)),
            _ when type == typeof(bool) => AnyOf(new JsonObject { ["type"] = "boolean" }, Reference("reference")),
            _ when type == typeof(int) || type == typeof(long) => AnyOf(Number(property?.Range), Reference("reference")),
            _ when type.IsEnum => AnyOf(new JsonObject { ["enum"] = new JsonArray([.. Words.Choices(type).Select(c => (JsonNode)c)]) }, Reference("reference")),
            _ => new JsonObject { ["type"] = new JsonArray("string", "number", "boolean") },
        };
    }

    private static JsonObject Number(RangeAttribute? range)
    {
        var number = new JsonObject { ["type"] = "integer" };
        if (range is not null)
        {
            number["minimum"] = long.Parse(range.From, CultureInfo.InvariantCulture);
            number["maximum"] = long.Parse(range.To, CultureInfo.InvariantCulture);
        }
        return number;
    }

    /// <summary>Gives a record its own definition, once, and returns its name.</summary>
    private string Define(Type type)
    {
        if (!names.TryGetValue(type, out var name))
        {
            name = Sections.KeyOf(type.Name.EndsWith("Options", StringComparison.Ordinal) ? type.Name[..^7] : type.Name);
            while (names.ContainsValue(name) || name is "upstream" or "gate" or "route")
            {
                name += "Of" + type.Namespace!.Split('.')[^1];
            }
            names[type] = name;
            var own = Sections.Of(type).Where(p => !p.OtherKeys).ToList();
            var mapping = Mapping(Docs.Of(type), Properties(own), own.Where(p => p.Needed is not null));
            if (Array.Find(Sections.Of(type), p => p.OtherKeys) is { } others)
            {
                mapping["additionalProperties"] = Value(Words.MapOf(others.Type)!, others);
            }
            definitions[name] = mapping;
        }
        return name;
    }

    /// <summary>The kinds of plain values that JSON has no type for.</summary>
    private void Plain()
    {
        definitions["reference"] = Pattern(@"\$\{(env|file):[^}]+\}", "A value from an environment variable, ${env:NAME}, or from a file, ${file:/run/secrets/name}.");
        definitions["duration"] = AnyOf(Pattern(@"^(0|([0-9]+\.?[0-9]*|\.[0-9]+)(ms|s|m|h))$", "A duration with its unit: 250ms, 3s, 1m, 2h."), new JsonObject { ["const"] = 0 }, Reference("reference"));
        definitions["size"] = AnyOf(Pattern(@"^(0|([0-9]+\.?[0-9]*|\.[0-9]+)(B|KB|MB|GB))$", "A size with its unit: 512B, 64KB, 10MB, 5GB; a step is 1,024."), new JsonObject { ["const"] = 0 }, Reference("reference"));
        foreach (var plain in PlainTypes.All)
        {
            var text = Pattern(plain.Pattern, plain.Description);
            definitions[NameOf(plain)] = plain.Numbers is var (from, to)
                ? AnyOf(text, new JsonObject { ["type"] = "integer", ["minimum"] = from, ["maximum"] = to }, Reference("reference")) : AnyOf(text, Reference("reference"));
        }
    }

    private static string NameOf(PlainType plain) => Sections.KeyOf(plain.Type.Name);

    private static JsonObject Pattern(string pattern, string description) =>
        new() { ["type"] = "string", ["pattern"] = pattern, ["description"] = description };

    private static JsonNode Literal(Type type, string text) => Scalars.Parse(type, text) switch
    {
        bool b => b,
        int i => i,
        long l => l,
        _ => text,
    };

    private static JsonObject Named(string description, string definition) => new()
    {
        ["description"] = description,
        ["type"] = "object",
        ["propertyNames"] = new JsonObject { ["pattern"] = "^[A-Za-z0-9][A-Za-z0-9._-]*$" },
        ["additionalProperties"] = Reference(definition),
    };

    private static JsonObject Mapping(string? description, JsonObject properties, IEnumerable<Sections.Property> needed)
    {
        var mapping = new JsonObject { ["type"] = "object", ["properties"] = properties, ["additionalProperties"] = false };
        if (description is not null)
        {
            mapping.Insert(0, "description", description);
        }
        JsonNode[] keys = [.. needed.Select(p => (JsonNode)p.Key)];
        if (keys.Length > 0)
        {
            mapping["required"] = new JsonArray(keys);
        }
        return mapping;
    }

    private static JsonObject Required(string key) => new() { ["required"] = new JsonArray(key) };

    private static JsonObject Reference(string definition) => new() { ["$ref"] = "#/$defs/" + definition };

    /// <summary>One of several; a choice among choices is one choice.</summary>
    private static JsonObject AnyOf(params JsonObject[] choices)
    {
        var flat = choices.SelectMany(c => c is { Count: 1 } && c["anyOf"] is JsonArray inner ? inner.Select(i => i!.DeepClone()) : [c.DeepClone()]);
        return new JsonObject { ["anyOf"] = new JsonArray([.. flat]) };
    }

    private static void Add(JsonObject into, JsonObject from)
    {
        foreach (var (key, value) in from)
        {
            into[key] = value?.DeepClone();
        }
    }
}
