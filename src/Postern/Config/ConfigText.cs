using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Postern.Config;

/// <summary>
/// A configuration as data again, for those who ask what runs: what was said, by YAML and by C#, with <c>(secret)</c>
/// where a value came from <c>${env:…}</c> or <c>${file:…}</c> or is a secret by its nature.
/// </summary>
internal static class ConfigText
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The whole configuration as indented JSON, which is YAML too.</summary>
    public static string Render(GatewayConfig config) => Json(config).ToJsonString(Indented);

    /// <summary>One gate as indented JSON.</summary>
    public static string Render(GateConfig gate) => Json(gate, hide: true).ToJsonString(Indented);

    /// <summary>Differs for two gates as soon as anything differs, secrets too, and tells none of it.</summary>
    public static string Fingerprint(GateConfig gate) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Json(gate, hide: false).ToJsonString())));

    /// <summary>Differs for two records as soon as anything differs, secrets and the text of files too, and tells none of it.</summary>
    public static string Fingerprint(Options record) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Record(record, hide: false).ToJsonString())));

    /// <summary>The whole configuration.</summary>
    public static JsonObject Json(GatewayConfig config)
    {
        var root = Sections(config.Root, hide: true);
        var upstreams = new JsonObject();
        foreach (var upstream in config.Upstreams)
        {
            upstreams[upstream.Name] = Sections(upstream.Sections, hide: true);
        }
        var gates = new JsonObject();
        foreach (var gate in config.Gates)
        {
            gates[gate.Name] = Json(gate, hide: true);
        }
        root["upstreams"] = upstreams;
        root["gates"] = gates;
        return root;
    }

    /// <summary>One gate.</summary>
    public static JsonObject Json(GateConfig gate) => Json(gate, hide: true);

    private static JsonObject Json(GateConfig gate, bool hide)
    {
        var json = Record(gate.Own, hide);
        Sections(gate.Sections, hide, json);
        json["routes"] = new JsonArray([.. gate.Routes.Select(r => Route(r, hide))]);
        return json;
    }

    private static JsonObject Route(RouteConfig route, bool hide)
    {
        var key = route.Method == "*" ? "any" : route.Method.ToLowerInvariant();
        var json = new JsonObject { [key] = hide && route.Sections.Origin.At(key).Secret ? Redaction.Mark : route.Template };
        if (route.When is not null)
        {
            json["when"] = Record(route.When, hide);
        }
        return Sections(route.Sections, hide, json);
    }

    private static JsonObject Sections(SectionSet set, bool hide, JsonObject? into = null)
    {
        into ??= [];
        foreach (var record in set.All)
        {
            foreach (var property in Config.Sections.Of(record.GetType()))
            {
                if (property.Info.GetValue(record) is { } value)
                {
                    into[property.Key] = Value(record, property, property.Key, value, hide);
                }
            }
        }
        foreach (var key in set.Off)
        {
            into[key] = "off";
        }
        return into;
    }

    /// <summary>What a record says beyond its defaults.</summary>
    private static JsonObject Record(Options record, bool hide)
    {
        var (json, plain) = (new JsonObject(), Activator.CreateInstance(record.GetType()));
        foreach (var property in Config.Sections.Of(record.GetType()))
        {
            var value = property.Info.GetValue(record);
            if (value is not null && property.OtherKeys)
            {
                foreach (var (name, held) in ((System.Collections.IEnumerable)value).Cast<object>().Select(Words.Entry))
                {
                    json[name] = Value(record, property, name, held, hide);
                }
            }
            else if (value is not null && (record.Origin?.Has(property.Key) is true || !IsDefault(value, property.Info.GetValue(plain))))
            {
                json[property.Key] = Value(record, property, property.Key, value, hide);
            }
        }
        return json;
    }

    private static JsonNode? Json(Inline value, bool hide) => value switch
    {
        { Items: { } items } => new JsonArray([.. items.Select(i => Json(i, hide))]),
        { Fields: { } fields } => new JsonObject(fields.Select(f => KeyValuePair.Create(f.Key, Json(f.Value, hide)))),
        _ => hide && value.Origin?.Secret is true ? Redaction.Mark : JsonNode.Parse(value.ToJson()),
    };

    private static bool IsDefault(object value, object? other) =>
        value.Equals(other) || (value is not string && value is System.Collections.IEnumerable entries && !entries.GetEnumerator().MoveNext());

    private static JsonNode Value(Options record, Sections.Property property, string key, object value, bool hide)
    {
        if (hide && value is not Options && (property.Secret || record.Origin?.At(key).Secret is true))
        {
            return Redaction.Mark;
        }
        if (value is not string && value is System.Collections.IEnumerable entries)
        {
            return Words.MapOf(property.Type) is null
                ? new JsonArray([.. entries.Cast<object>().Select((e, i) => Value(record, property, $"{key}[{i}]", e, hide))])
                : new JsonObject(entries.Cast<object>().Select(Words.Entry).Select(e => KeyValuePair.Create(e.Key, (JsonNode?)Value(record, property, $"{key}.{e.Key}", e.Value, hide))));
        }
        return value switch
        {
            IWorded { Word: { } word } => word,
            Options nested => hide && property.FromFile is not null && nested.Origin?.File is { } file ? file : Record(nested, hide),
            FileText { Path: var path, Text: var text } => hide ? path : $"{path}\n{text}",
            FileBytes { Path: var path, Digest: var digest } => hide ? path : $"{path}\n{digest}",
            Inline inline => Json(inline, hide)!,
            bool b => b,
            int i => i,
            long l => l,
            _ => Scalars.Format(value),
        };
    }
}
