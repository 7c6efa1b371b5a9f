using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Postern.Config;

/// <summary>
/// A value of any kind as it was written: a plain value, a list, or a mapping in the order written. Whether it is data
/// (<see cref="ToJson"/>) or has expressions for leaves is for the key that takes it.
/// </summary>
public sealed partial class Inline : IEquatable<Inline>
{
    private static readonly JsonSerializerOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private Inline() { }

    /// <summary>A plain value; null where it is a list or a mapping.</summary>
    public string? Text { get; private init; }

    /// <summary>Whether the plain value stood in quotes, and so is a text whatever it looks like.</summary>
    public bool Quoted { get; private init; }

    /// <summary>The entries of a list; null where it is none.</summary>
    public IReadOnlyList<Inline>? Items { get; private init; }

    /// <summary>The entries of a mapping, in the order written; null where it is none.</summary>
    public IReadOnlyList<KeyValuePair<string, Inline>>? Fields { get; private init; }

    /// <summary>Where it was written; null for one from code.</summary>
    internal Origin? Origin { get; init; }

    /// <summary>Whether it is a plain value that stands for itself: a number, <c>true</c>, <c>false</c> or <c>null</c>, not in quotes.</summary>
    public bool IsLiteral => Text is { } text && !Quoted && (text is "" or "~" or "null" or "true" or "false" || Number().IsMatch(text));

    /// <summary>A text: an expression where one is taken.</summary>
    public static Inline Of(string text) => Plain(text, quoted: true, null);

    /// <summary>A list.</summary>
    public static Inline Of(params IReadOnlyList<Inline> items) => List(items, null);

    /// <summary>A mapping, in this order: <c>Inline.Of(("id", "user.id"), ("name", "user.name"))</c>.</summary>
    public static Inline Of(params IReadOnlyList<(string Key, Inline Value)> fields) => Mapping([.. fields.Select(f => KeyValuePair.Create(f.Key, f.Value))], null);

    /// <summary>What a JSON text says.</summary>
    /// <exception cref="JsonException">It is no JSON.</exception>
    public static Inline Json(string json) => Json(JsonNode.Parse(json));

    /// <summary>A text is taken as one.</summary>
    public static implicit operator Inline(string text) => Of(text);

    /// <summary>As JSON: what isn't in quotes and reads like a number, <c>true</c>, <c>false</c> or <c>null</c> is that; everything else is a text.</summary>
    public string ToJson()
    {
        var json = new StringBuilder();
        Write(json);
        return json.ToString();
    }

    /// <inheritdoc/>
    public bool Equals(Inline? other) => other is not null && ToJson() == other.ToJson();

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as Inline);

    /// <inheritdoc/>
    public override int GetHashCode() => ToJson().GetHashCode(StringComparison.Ordinal);

    /// <inheritdoc/>
    public override string ToString() => Text ?? ToJson();

    internal static Inline Plain(string text, bool quoted, Origin? at) => new() { Text = text, Quoted = quoted, Origin = at };

    internal static Inline List(IReadOnlyList<Inline> items, Origin? at) => new() { Items = items, Origin = at };

    internal static Inline Mapping(IReadOnlyList<KeyValuePair<string, Inline>> fields, Origin? at) => new() { Fields = fields, Origin = at };

    private static Inline Json(JsonNode? node) => node switch
    {
        JsonArray list => Of([.. list.Select(Json)]),
        JsonObject mapping => Of([.. mapping.Select(f => (f.Key, Json(f.Value)))]),
        JsonValue value when value.GetValueKind() == JsonValueKind.String => Of(value.GetValue<string>()),
        null => Plain("null", quoted: false, null),
        _ => Plain(node.ToJsonString(), quoted: false, null),
    };

    private void Write(StringBuilder json)
    {
        if (Text is not null)
        {
            json.Append(!IsLiteral ? JsonSerializer.Serialize(Text, Relaxed) : Text is "" or "~" ? "null" : Text);
            return;
        }
        var comma = "";
        json.Append(Items is not null ? '[' : '{');
        foreach (var item in Items ?? [])
        {
            json.Append(comma);
            item.Write(json);
            comma = ",";
        }
        foreach (var (key, value) in Fields ?? [])
        {
            json.Append(comma).Append(JsonSerializer.Serialize(key, Relaxed)).Append(':');
            value.Write(json);
            comma = ",";
        }
        json.Append(Items is not null ? ']' : '}');
    }

    [GeneratedRegex(@"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\z")]
    private static partial Regex Number();
}
