using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Postern.Pipeline;

namespace Postern.Edge.Authorizing;

/// <summary>One claim and what it must be. Every entry of a list is looked at, so that the order in a token decides nothing.</summary>
internal sealed class ClaimTest(string name, ClaimCondition condition)
{
    private readonly ClaimPath path = new(name);
    private readonly string[] wanted = [.. condition.Is ?? []];
    private readonly byte[][] raw = [.. (condition.Is ?? []).Select(Encoding.UTF8.GetBytes)];
    private readonly bool? exists = condition.Exists;

    /// <summary>Whether the claims fit.</summary>
    public bool Holds(JsonElement claims)
    {
        var found = path.In(claims);
        if (exists is { } there)
        {
            return found is not null == there;
        }
        if (found is not { } value)
        {
            return false;
        }
        if (value.ValueKind != JsonValueKind.Array)
        {
            return Fits(value);
        }
        foreach (var entry in value.EnumerateArray())
        {
            if (Fits(entry))
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>What is asked, in words.</summary>
    public string Words(bool values) => exists switch
    {
        true => $"claim {path}",
        false => $"claim {path} absent",
        null when values => $"claim {path} = {string.Join(" or ", wanted)}",
        _ => $"claim {path} with a value accepted here",
    };

    private bool Fits(JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.String:
                foreach (var text in wanted)
                {
                    if (value.ValueEquals(text))
                    {
                        return true;
                    }
                }
                return false;
            case JsonValueKind.True or JsonValueKind.False or JsonValueKind.Number:
                var written = JsonMarshal.GetRawUtf8Value(value);
                foreach (var text in raw)
                {
                    if (written.SequenceEqual(text))
                    {
                        return true;
                    }
                }
                return false;
            default:
                return false;
        }
    }
}
