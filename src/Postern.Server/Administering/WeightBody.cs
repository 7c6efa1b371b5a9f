using System.Buffers;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Postern.Server.Administering;

/// <summary>The body of a request that sets weights: one JSON object, <c>{"10.0.0.5:5001": 5, "10.0.0.6:5001": 1}</c>.</summary>
internal static class WeightBody
{
    private const int Longest = 64 << 10;

    private const string Example = "send one JSON object, as in {\"10.0.0.5:5001\": 5}";

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 2 };

    /// <summary>The weights, or what is wrong with the body.</summary>
    public static async Task<(IReadOnlyDictionary<string, int> Weights, string? Problem)> ReadAsync(HttpRequest request)
    {
        var weights = new Dictionary<string, int>(StringComparer.Ordinal);
        while (true)
        {
            var read = await request.BodyReader.ReadAsync();
            if (read.Buffer.Length > Longest)
            {
                return (weights, $"a body has at most {Longest} bytes; name fewer at a time");
            }
            if (read.IsCompleted)
            {
                var problem = Parse(read.Buffer, weights);
                request.BodyReader.AdvanceTo(read.Buffer.End);
                return (weights, problem);
            }
            request.BodyReader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    private static string? Parse(ReadOnlySequence<byte> body, Dictionary<string, int> weights)
    {
        try
        {
            using var json = JsonDocument.Parse(body, Strict);
            if (json.RootElement.ValueKind != JsonValueKind.Object)
            {
                return $"the body isn't a JSON object; {Example}";
            }
            foreach (var property in json.RootElement.EnumerateObject())
            {
                if (property.Value.ValueKind != JsonValueKind.Number || !property.Value.TryGetInt32(out var weight))
                {
                    return $"a weight is a whole number, got {property.Value.GetRawText()} for '{property.Name}'";
                }
                weights[property.Name] = weight;
            }
        }
        catch (JsonException)
        {
            return $"the body isn't JSON, or names something twice; {Example}";
        }
        return weights.Count == 0 ? $"no weights are named; {Example}" : null;
    }
}
