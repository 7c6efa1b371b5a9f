using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Postern.Transforms.Json;

namespace Postern.Backends.Composing.Handlers;

/// <summary>
/// JSON as the bytes it came as: <c>c.Get&lt;RawJson&gt;(…)</c>, or a property of a record. It is checked, and written as it was, so numbers of
/// any length, escapes and fields that no record knows pass unchanged. The default value is <c>null</c>.
/// </summary>
[JsonConverter(typeof(RawJsonConverter))]
public readonly struct RawJson : IEquatable<RawJson>
{
    private static readonly byte[] Null = "null"u8.ToArray();

    private readonly byte[]? bytes;

    private RawJson(byte[] bytes) => this.bytes = bytes;

    /// <summary>The text, UTF-8.</summary>
    public ReadOnlyMemory<byte> Utf8 => bytes ?? Null;

    /// <summary>Whether it is JSON's <c>null</c>.</summary>
    public bool IsNull => bytes is null || bytes.AsSpan().Trim(" \t\r\n"u8).SequenceEqual("null"u8);

    /// <summary>Reads a text of any kind of JSON; it is copied.</summary>
    /// <exception cref="FormatException">It isn't JSON, has a name twice in one object, is nested deeper than 64 levels, or isn't UTF-8.</exception>
    public static RawJson Parse(ReadOnlySpan<byte> utf8)
    {
        var copy = utf8.ToArray();
        if (!JsonText.TryRead(copy, out var text, out var problem))
        {
            throw new FormatException($"Not JSON: {problem}.");
        }
        text.Dispose();
        return new RawJson(copy);
    }

    /// <summary>The same of a string.</summary>
    /// <exception cref="FormatException">As of the other.</exception>
    public static RawJson Parse(string text) => Parse(Encoding.UTF8.GetBytes(text));

    /// <summary>Bytes that were checked.</summary>
    internal static RawJson Checked(byte[] utf8) => new(utf8);

    /// <summary>What it says, as a type.</summary>
    /// <exception cref="JsonException">It says something else.</exception>
    public T? Deserialize<T>(JsonTypeInfo<T> type) => JsonSerializer.Deserialize(Utf8.Span, type);

    /// <inheritdoc/>
    public bool Equals(RawJson other) => Utf8.Span.SequenceEqual(other.Utf8.Span);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is RawJson other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = default(HashCode);
        hash.AddBytes(Utf8.Span);
        return hash.ToHashCode();
    }

    /// <summary>Whether both are the same bytes.</summary>
    public static bool operator ==(RawJson left, RawJson right) => left.Equals(right);

    /// <summary>Whether any byte differs.</summary>
    public static bool operator !=(RawJson left, RawJson right) => !left.Equals(right);

    /// <summary>The text.</summary>
    public override string ToString() => Encoding.UTF8.GetString(Utf8.Span);

    internal JsonElement ToElement() => JsonElement.Parse(Utf8.Span);
}

/// <summary>Reads and writes <see cref="RawJson"/>.</summary>
public sealed class RawJsonConverter : JsonConverter<RawJson>
{
    /// <inheritdoc/>
    public override bool HandleNull => true;

    /// <inheritdoc/>
    public override RawJson Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        using var value = JsonDocument.ParseValue(ref reader);
        return value.RootElement.ValueKind == JsonValueKind.Null ? default : RawJson.Checked(Encoding.UTF8.GetBytes(value.RootElement.GetRawText()));
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, RawJson value, JsonSerializerOptions options) => writer.WriteRawValue(value.Utf8.Span, skipInputValidation: true);
}
