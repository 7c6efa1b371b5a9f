using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Postern.Transforms.Json;
using HostJson = Microsoft.AspNetCore.Http.Json.JsonOptions;

namespace Postern.Backends.Composing.Handlers;

/// <summary>JSON as the host reads and writes it: <c>ConfigureHttpJsonOptions</c>, source-generated contexts included.</summary>
internal sealed class HandlerJson
{
    private readonly JsonSerializerOptions options;
    private readonly JsonWriterOptions written;
    private readonly Type returned;

    /// <param name="services">The host's services; null for none.</param>
    /// <param name="returned">What the delegate says it returns.</param>
    public HandlerJson(IServiceProvider? services, Type returned)
    {
        options = (services?.GetService<IOptions<HostJson>>()?.Value ?? new HostJson()).SerializerOptions;
        written = new JsonWriterOptions { Encoder = options.Encoder, Indented = options.WriteIndented, IndentCharacter = options.IndentCharacter, IndentSize = options.IndentSize, NewLine = options.NewLine, MaxDepth = options.MaxDepth, SkipValidation = true };
        this.returned = Result(returned);
    }

    /// <summary>Whether what is returned comes piece by piece, and so is sent as it comes.</summary>
    public bool Streams => returned.IsGenericType && returned.GetGenericTypeDefinition() == typeof(IAsyncEnumerable<>);

    /// <summary>Why what the delegate returns can't be written; null where it can, or where only a request shows it.</summary>
    public string? Mistake()
    {
        if (returned.IsGenericType && returned.GetGenericTypeDefinition() == typeof(Source<>))
        {
            return "returns a source, not its result; await it";
        }
        var isWritten = returned.IsSealed && returned != typeof(void) && returned != typeof(ValueTask) && returned != typeof(string) && returned != typeof(RawJson) && !typeof(IResult).IsAssignableFrom(returned);
        return !isWritten || options.TryGetTypeInfo(returned, out _) ? null
            : $"returns {returned.Name}, of which the host's JSON options know nothing; name it in a context of theirs: [JsonSerializable(typeof({returned.Name}))]";
    }

    /// <summary>How a type is read.</summary>
    /// <exception cref="NotSupportedException">The host's JSON options know nothing of it.</exception>
    public JsonTypeInfo<T> TypeInfo<T>() => (JsonTypeInfo<T>)options.GetTypeInfo(typeof(T));

    /// <summary>A body that is sent.</summary>
    public byte[] Bytes(object body)
    {
        using var output = new JsonOutput(int.MaxValue);
        Write(output, body, body.GetType());
        return output.Written.ToArray();
    }

    /// <summary>Writes what the delegate returned.</summary>
    public void Write(JsonOutput output, object? value) => Write(output, value, returned);

    private void Write(JsonOutput output, object? value, Type declared)
    {
        if (value is null)
        {
            output.Write("null"u8);
            return;
        }
        if (value is RawJson raw)
        {
            output.Write(raw.Utf8.Span);
            return;
        }
        using var json = new Utf8JsonWriter(output, written);
        JsonSerializer.Serialize(json, value, TypeInfo(value.GetType(), declared));
    }

    /// <summary>As it is, or, where only what was declared is known (a source-generated context has the interface), as that.</summary>
    private JsonTypeInfo TypeInfo(Type type, Type declared)
    {
        if (type != declared && declared != typeof(object) && declared.IsAssignableFrom(type) && options.TryGetTypeInfo(declared, out var info)
            && (info.PolymorphismOptions is not null || !options.TryGetTypeInfo(type, out _)))
        {
            return info;
        }
        return options.GetTypeInfo(type);
    }

    /// <summary>What is there once it was awaited.</summary>
    private static Type Result(Type type) =>
        type.IsGenericType && type.GetGenericTypeDefinition() is var open && (open == typeof(Task<>) || open == typeof(ValueTask<>)) ? type.GetGenericArguments()[0] : type;
}

/// <summary>Makes room for one field more in an object that was written.</summary>
internal static class LastField
{
    /// <summary>
    /// Takes back the object's end and writes the field's name, so that its value and a brace are all that is missing; false where it is
    /// no object. A field of that name that is there already goes: it would be the second word for the same.
    /// </summary>
    public static bool Open(JsonOutput output, string name)
    {
        // As deep as the code likes: what came from outside was checked.
        var reader = new Utf8JsonReader(output.Written, new JsonReaderOptions { MaxDepth = int.MaxValue });
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            return false;
        }
        var (kept, dropped) = (new List<Range>(), false);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var (start, own) = ((int)reader.TokenStartIndex, reader.ValueTextEquals(name));
            reader.Read();
            reader.Skip();
            dropped |= own;
            if (!own)
            {
                kept.Add(start..(int)reader.BytesConsumed);
            }
        }
        if (dropped)
        {
            var before = output.Written.ToArray();
            output.Truncate(0);
            output.Write((byte)'{');
            for (var i = 0; i < kept.Count; i++)
            {
                output.Write(i > 0 ? ","u8 : []);
                output.Write(before.AsSpan(kept[i]));
            }
        }
        else
        {
            output.Truncate(kept.Count > 0 ? kept[^1].End.Value : output.Written.IndexOf((byte)'{') + 1);
        }
        output.Write(kept.Count > 0 ? ","u8 : []);
        JsonStrings.Write(output, name);
        output.Write((byte)':');
        return true;
    }
}
