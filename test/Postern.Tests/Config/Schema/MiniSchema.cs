using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Postern.Config.Yaml;

namespace Postern.Tests.Config.Schema;

/// <summary>As much of JSON Schema as ours uses; a keyword it doesn't know fails the test that meets it.</summary>
internal sealed class MiniSchema(string text)
{
    private readonly JsonObject root = JsonNode.Parse(text)!.AsObject();

    /// <summary>Whether an editor would take the file as it is.</summary>
    public bool Accepts(string yaml)
    {
        var (node, problem) = YamlReader.Read("x.yaml", yaml);
        return problem is null && Valid(root, Json(node!));
    }

    private bool Valid(JsonObject schema, JsonNode? value) => schema.All(k => Holds(k.Key, k.Value!, schema, value));

    private bool Holds(string keyword, JsonNode rule, JsonObject schema, JsonNode? value) => keyword switch
    {
        "$schema" or "$defs" or "title" or "description" or "default" => true,
        "$ref" => Valid(root["$defs"]![rule.GetValue<string>()["#/$defs/".Length..]]!.AsObject(), value),
        "anyOf" => rule.AsArray().Any(r => Valid(r!.AsObject(), value)),
        "oneOf" => rule.AsArray().Count(r => Valid(r!.AsObject(), value)) == 1,
        "type" => (rule is JsonArray types ? types.Select(t => t!.GetValue<string>()) : [rule.GetValue<string>()]).Contains(Type(value)) || (Type(value) == "integer" && rule.ToJsonString().Contains("number")),
        "enum" => rule.AsArray().Any(r => JsonNode.DeepEquals(r, value)),
        "const" => JsonNode.DeepEquals(rule, value),
        "pattern" => value is not JsonValue || Type(value) != "string" || Regex.IsMatch(value.GetValue<string>(), rule.GetValue<string>()),
        "minLength" => Type(value) != "string" || value!.GetValue<string>().Length >= rule.GetValue<int>(),
        "minimum" => Type(value) != "integer" || value!.GetValue<long>() >= rule.GetValue<long>(),
        "maximum" => Type(value) != "integer" || value!.GetValue<long>() <= rule.GetValue<long>(),
        "minItems" => value is not JsonArray list || list.Count >= rule.GetValue<int>(),
        "items" => value is not JsonArray list || list.All(i => Valid(rule.AsObject(), i)),
        "maxProperties" => value is not JsonObject map || map.Count <= rule.GetValue<int>(),
        "required" => value is not JsonObject map || rule.AsArray().All(r => map.ContainsKey(r!.GetValue<string>())),
        "propertyNames" => value is not JsonObject map || map.All(p => Valid(rule.AsObject(), p.Key)),
        "properties" => value is not JsonObject map || map.All(p => rule[p.Key] is not JsonObject inner || Valid(inner, p.Value)),
        "additionalProperties" => value is not JsonObject map || map.All(p => schema["properties"]?[p.Key] is not null || (rule is JsonObject inner && Valid(inner, p.Value))),
        _ => throw new InvalidOperationException($"The schema uses '{keyword}', which this test can't judge."),
    };

    private static string Type(JsonNode? value) => value switch
    {
        null => "null",
        JsonObject => "object",
        JsonArray => "array",
        JsonValue v when v.TryGetValue<bool>(out _) => "boolean",
        JsonValue v when v.TryGetValue<long>(out _) => "integer",
        JsonValue v when v.TryGetValue<double>(out _) => "number",
        _ => "string",
    };

    private static JsonNode? Json(Node node) => node switch
    {
        MappingNode map => new JsonObject(map.Entries.Select(e => KeyValuePair.Create(e.Key.Text, Json(e.Value)))),
        SequenceNode list => new JsonArray([.. list.Items.Select(Json)]),
        ScalarNode { IsNull: true } => null,
        ScalarNode { Quoted: false, Text: "true" or "false" } b => b.Text == "true",
        ScalarNode { Quoted: false } n when long.TryParse(n.Text, out var number) => number,
        _ => ((ScalarNode)node).Text,
    };
}
