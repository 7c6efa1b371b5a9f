using Postern.Transforms.JmesPath;
using Postern.Transforms.Json;

namespace Postern.Backends.Composing;

/// <summary>What counts as true: everything but false, null, and what is empty, as in JMESPath.</summary>
internal static class Truth
{
    public static bool Of(in JsonValue value, Evaluation evaluation)
    {
        switch (value.Kind)
        {
            case JsonKind.Error:
                evaluation.GiveUp(value.Why);
                return false;
            case JsonKind.Null or JsonKind.False:
                return false;
            case JsonKind.Array or JsonKind.Object:
                return value.Count > 0;
            case JsonKind.String:
                return value.TryRaw(out var raw) ? raw.Length > 2 : value.AsString()!.Length > 0;
            default:
                return true;
        }
    }
}
