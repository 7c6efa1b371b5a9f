using System.Text;

namespace Postern.Transforms.Json;

/// <summary>An object that was put together: names known beforehand or not, in their order, each once.</summary>
internal sealed class JsonFields
{
    private readonly JsonFieldNames names;
    private readonly JsonValue[] values;

    /// <param name="names">The names.</param>
    /// <param name="values">A value for each.</param>
    public JsonFields(JsonFieldNames names, JsonValue[] values) => (this.names, this.values) = (names, values);

    public int Count => values.Length;

    public JsonValue this[int index] => values[index];

    public string Name(int index) => names.Names[index];

    public bool TryFind(ReadOnlySpan<byte> name, out JsonValue value)
    {
        for (var i = 0; i < values.Length; i++)
        {
            if (name.SequenceEqual(names.Utf8[i]))
            {
                value = values[i];
                return true;
            }
        }
        value = JsonValue.Null;
        return false;
    }

    public void Write(JsonOutput output, bool compact)
    {
        output.Write((byte)'{');
        for (var i = 0; i < values.Length && !output.IsFull; i++)
        {
            output.Write(names.Written[i]);
            values[i].Write(output, compact);
        }
        output.Write((byte)'}');
    }
}

/// <summary>The names of an object, once for all that have them.</summary>
internal sealed class JsonFieldNames
{
    private byte[][]? written;

    public JsonFieldNames(string[] names)
    {
        Names = names;
        Utf8 = [.. names.Select(Encoding.UTF8.GetBytes)];
    }

    public string[] Names { get; }

    /// <summary>What they are compared with.</summary>
    public byte[][] Utf8 { get; }

    /// <summary>How they stand in an object: <c>"a":</c> the first, <c>,"b":</c> the others.</summary>
    public byte[][] Written => written ??= [.. Names.Select((n, i) => AsWritten(n, first: i == 0))];

    private static byte[] AsWritten(string name, bool first)
    {
        using var output = new JsonOutput(int.MaxValue);
        if (!first)
        {
            output.Write((byte)',');
        }
        JsonStrings.Write(output, name);
        output.Write((byte)':');
        return output.Written.ToArray();
    }
}
