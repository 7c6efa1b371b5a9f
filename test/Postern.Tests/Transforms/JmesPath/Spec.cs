using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Postern.Transforms.JmesPath;
using Postern.Transforms.Json;

namespace Postern.Tests.Transforms.JmesPath;

/// <summary>Expressions of which what they give is known: compared as JSON, or by the name of the error.</summary>
internal static class Spec
{
    /// <summary>What an expression gives, as JSON; or the language's word for its error.</summary>
    public static string Search(string expression, string json, IVariables? variables = null)
    {
        var compiled = Expression.Parse(expression, out var error);
        if (compiled is null)
        {
            return "error: " + error!.Code;
        }
        using var text = Read(json);
        var value = compiled.Evaluate(text.Root, new Evaluation(variables));
        return value.IsError ? "error: " + value.Why : Written(value.Write);
    }

    /// <summary>What an expression writes.</summary>
    public static string Write(string expression, string json, Evaluation? evaluation = null)
    {
        var compiled = Expression.Parse(expression, out var error);
        Assert.True(compiled is not null, error?.Message);
        using var text = Read(json);
        return Written(output => compiled.Write(text.Root, evaluation ?? new Evaluation(null), output));
    }

    /// <summary>A text that must be readable.</summary>
    public static JsonText Read(string json)
    {
        Assert.True(JsonText.TryRead(Encoding.UTF8.GetBytes(json), out var text, out var problem), problem);
        return text;
    }

    /// <summary>What is written to an output.</summary>
    public static string Written(Action<JsonOutput> write)
    {
        using var output = new JsonOutput(64 * 1024 * 1024);
        write(output);
        Assert.False(output.IsFull);
        return Encoding.UTF8.GetString(output.Written);
    }

    /// <summary>Whether two texts say the same: numbers by what they are, objects whatever their order.</summary>
    public static bool Same(string actual, JsonNode? expected) => JsonNode.DeepEquals(Plain(JsonNode.Parse(actual)), Plain(expected));

    private static JsonNode? Plain(JsonNode? node) => node switch
    {
        JsonObject o => new JsonObject(o.Select(f => KeyValuePair.Create(f.Key, Plain(f.Value)))),
        JsonArray a => new JsonArray([.. a.Select(Plain)]),
        System.Text.Json.Nodes.JsonValue v when v.GetValueKind() == JsonValueKind.Number => System.Text.Json.Nodes.JsonValue.Create(double.Parse(v.ToJsonString(), System.Globalization.CultureInfo.InvariantCulture)),
        _ => node?.DeepClone(),
    };
}
