using Postern.Transforms.Json;
using Postern.Wire;

namespace Postern.Backends.Proxying.Reworking;

/// <summary>What an answer says that it is.</summary>
internal static class MediaTypes
{
    /// <summary><c>application/json</c>, <c>text/json</c> or <c>…+json</c>, in any of several fields: which one a client believes nobody knows.</summary>
    public static bool IsJson(FieldList fields) => Any(fields, JsonMedia.Is);

    /// <summary><c>text/event-stream</c> and nothing else.</summary>
    public static bool IsEventStream(FieldList fields) =>
        Any(fields, static type => type.Equals("text/event-stream", StringComparison.OrdinalIgnoreCase)) && !IsJson(fields);

    /// <summary>Says that it is JSON of no more special kind.</summary>
    public static void Json(FieldList fields)
    {
        if (!Any(fields, static type => type.Equals("application/json", StringComparison.OrdinalIgnoreCase)))
        {
            fields.Remove("Content-Type");
            fields.Add("Content-Type", "application/json");
        }
    }

    /// <summary>A field's value for a log, and only its beginning.</summary>
    public static string Quote(string? value) => value is null ? "no Content-Type" : value.Length > 60 ? $"'{value[..60]}…'" : $"'{value}'";

    private static bool Any(FieldList fields, Func<ReadOnlySpan<char>, bool> fits)
    {
        foreach (ref readonly var field in fields.Fields)
        {
            if (field.Name.Length == 12 && field.Name.Equals("Content-Type", StringComparison.OrdinalIgnoreCase))
            {
                var end = field.Value.AsSpan().IndexOf(';');
                if (fits((end < 0 ? field.Value : field.Value.AsSpan(0, end)).Trim()))
                {
                    return true;
                }
            }
        }
        return false;
    }
}
