using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace Postern.Transforms.Json;

/// <summary>
/// A JSON text, checked and indexed: strictly RFC 8259, UTF-8, no name twice in one object, at most <see cref="MaxDepth"/>
/// levels. Nothing is copied or decoded; each value knows the bytes it came as. It and all its values end with
/// <see cref="Dispose"/>, which gives the memory back.
/// </summary>
internal sealed class JsonText : IDisposable
{
    /// <summary>Objects and lists within one another.</summary>
    public const int MaxDepth = 64;

    /// <summary>Bytes of a text: what it holds is counted in 28 bits.</summary>
    public const int MaxLength = 1 << 29;

    private byte[]? rented;
    private JsonToken[] tokens;

    private JsonText(ReadOnlyMemory<byte> bytes, JsonToken[] tokens) => (Bytes, this.tokens) = (bytes, tokens);

    /// <summary>The text.</summary>
    public ReadOnlyMemory<byte> Bytes { get; private set; }

    /// <summary>The whole value.</summary>
    public JsonValue Root => JsonValue.Of(this, 0);

    /// <summary>Reads a text that stays where it is until this is disposed.</summary>
    /// <param name="bytes">The text.</param>
    /// <param name="text">The text indexed.</param>
    /// <param name="problem">What is wrong with it, in a few words with the place: never what stands in it.</param>
    public static bool TryRead(ReadOnlyMemory<byte> bytes, [NotNullWhen(true)] out JsonText? text, [NotNullWhen(false)] out string? problem)
    {
        if (bytes.Length > MaxLength)
        {
            (text, problem) = (null, $"longer than {MaxLength >> 20} MB");
            return false;
        }
        var scanner = new JsonScanner(bytes.Span);
        problem = scanner.Scan();
        text = problem is null ? new JsonText(bytes, scanner.Tokens) : null;
        if (problem is not null)
        {
            scanner.Return();
        }
        return problem is null;
    }

    /// <summary>The same for memory of the shared pool, which goes back with the text; at once where it can't be read.</summary>
    public static bool TryRead(byte[] rented, int length, [NotNullWhen(true)] out JsonText? text, [NotNullWhen(false)] out string? problem)
    {
        if (TryRead(rented.AsMemory(0, length), out text, out problem))
        {
            text.rented = rented;
            return true;
        }
        ArrayPool<byte>.Shared.Return(rented);
        return false;
    }

    /// <summary>The value of a text known to be good: a literal of an expression, a fallback. It is kept for good.</summary>
    public static JsonValue Fixed(string json) =>
        TryRead(System.Text.Encoding.UTF8.GetBytes(json), out var text, out var problem) ? text.Root : throw new FormatException(problem);

    /// <summary>A value by its place.</summary>
    public ref readonly JsonToken this[int index] => ref tokens[index];

    /// <summary>The bytes of a value.</summary>
    public ReadOnlySpan<byte> Raw(int index)
    {
        ref readonly var token = ref tokens[index];
        return Bytes.Span[token.Start..token.End];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (tokens.Length > 0)
        {
            ArrayPool<JsonToken>.Shared.Return(tokens);
            tokens = [];
        }
        Bytes = default;
        if (rented is not null)
        {
            ArrayPool<byte>.Shared.Return(rented);
            rented = null;
        }
    }
}
