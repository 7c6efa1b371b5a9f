using System.Globalization;
using System.Text;

namespace Postern.Transforms.Json;

/// <summary>
/// A value: a place in an indexed text, or something worked out. The first is written as the bytes it came as, so numbers of any
/// length, escapes and unknown fields pass unchanged. Those of a text end with it.
/// </summary>
internal readonly struct JsonValue
{
    // A JsonText, string, decimal, JsonValue[], JsonFields, or null where the rest says it all.
    private readonly object? source;
    // The token, or the bits of a double.
    private readonly long bits;

    private JsonValue(JsonKind kind, object? source, long bits) => (Kind, this.source, this.bits) = (kind, source, bits);

    public JsonKind Kind { get; }

    public static JsonValue Null => default;

    public static JsonValue Of(JsonText text, int index) => new(text[index].Kind, text, index);

    public static JsonValue Of(bool value) => new(value ? JsonKind.True : JsonKind.False, null, 0);

    public static JsonValue Of(string? value) => value is null ? Null : new(JsonKind.String, value, 0);

    public static JsonValue Of(double value) => new(JsonKind.Number, null, BitConverter.DoubleToInt64Bits(value));

    public static JsonValue Of(decimal value) => new(JsonKind.Number, value, 0);

    public static JsonValue Of(JsonValue[] items) => new(JsonKind.Array, items, items.Length);

    /// <summary>A list of which the array holds more than there is.</summary>
    public static JsonValue Of(JsonValue[] items, int count) => new(JsonKind.Array, items, count);

    public static JsonValue Of(JsonFields fields) => new(JsonKind.Object, fields, 0);

    /// <summary>What couldn't be worked out, and why in a word of the language: <c>invalid-type</c>.</summary>
    public static JsonValue Error(string why) => new(JsonKind.Error, why, 0);

    /// <summary>Why it is an error.</summary>
    public string Why => (string)source!;

    public bool IsNull => Kind == JsonKind.Null;

    public bool IsError => Kind == JsonKind.Error;

    /// <summary>The bytes it came as; false where it didn't come.</summary>
    public bool TryRaw(out ReadOnlySpan<byte> raw)
    {
        if (source is JsonText text)
        {
            raw = text.Raw((int)bits);
            return true;
        }
        raw = default;
        return false;
    }

    /// <summary>What a text says, UTF-8, where it came without escapes.</summary>
    public bool TryPlain(out ReadOnlySpan<byte> utf8)
    {
        if (Kind == JsonKind.String && source is JsonText text && !text[(int)bits].Escaped)
        {
            utf8 = text.Raw((int)bits)[1..^1];
            return true;
        }
        utf8 = default;
        return false;
    }

    /// <summary>Bytes it came as, or about so many as it has.</summary>
    public int Length => source switch
    {
        JsonText text => text[(int)bits].End - text[(int)bits].Start,
        string made => made.Length,
        _ => 16,
    };

    /// <summary>Whether it counts as true: everything but null, false, and what is empty.</summary>
    public bool IsTruthy => Kind switch
    {
        JsonKind.Null or JsonKind.False or JsonKind.Error => false,
        JsonKind.String => source is JsonText text ? text[(int)bits].End - text[(int)bits].Start > 2 : ((string)source!).Length > 0,
        JsonKind.Array or JsonKind.Object => Count > 0,
        _ => true,
    };

    /// <summary>How many entries a list or an object has; 0 of anything else.</summary>
    public int Count => source switch
    {
        JsonText text => text[(int)bits].Count,
        JsonFields fields => fields.Count,
        JsonValue[] => (int)bits,
        _ => 0,
    };

    /// <summary>The value of that name in an object; null (the JSON one) where it isn't there.</summary>
    /// <param name="name">The name, UTF-8.</param>
    /// <param name="fingerprint">Its <see cref="JsonNames.Fingerprint"/>.</param>
    public JsonValue Field(ReadOnlySpan<byte> name, int fingerprint) => TryField(name, fingerprint, out var value) ? value : Null;

    /// <summary>The value of that name in an object; false where it isn't there.</summary>
    public bool TryField(ReadOnlySpan<byte> name, int fingerprint, out JsonValue value)
    {
        value = Null;
        if (Kind != JsonKind.Object)
        {
            return false;
        }
        if (source is JsonFields fields)
        {
            return fields.TryFind(name, out value);
        }
        var text = (JsonText)source!;
        var count = text[(int)bits].Count;
        for (int i = 0, at = (int)bits + 1; i < count; i++, at = text[at + 1].Next)
        {
            ref readonly var token = ref text[at];
            if (token.Next == fingerprint && JsonNames.Is(text.Raw(at), token.Escaped, name))
            {
                value = Of(text, at + 1);
                return true;
            }
        }
        return false;
    }

    /// <summary>The same by a name that came as a value.</summary>
    public bool TryField(in JsonValue name, out JsonValue value)
    {
        if (!name.TryPlain(out var utf8))
        {
            utf8 = Encoding.UTF8.GetBytes(name.AsString() ?? "");
        }
        return TryField(utf8, JsonNames.Fingerprint(utf8, escaped: false), out value);
    }

    /// <summary>The same by a name that isn't known beforehand.</summary>
    public JsonValue Field(string name)
    {
        var utf8 = Encoding.UTF8.GetBytes(name);
        return Field(utf8, JsonNames.Fingerprint(utf8, escaped: false));
    }

    /// <summary>An entry of a list that has so many.</summary>
    public JsonValue Item(int index)
    {
        if (source is JsonValue[] items)
        {
            return items[index];
        }
        var text = (JsonText)source!;
        var at = (int)bits + 1;
        for (; index > 0; index--)
        {
            at = text[at].Next;
        }
        return Of(text, at);
    }

    /// <summary>The entries of a list; none of anything else.</summary>
    public ItemList Items => new(this);

    /// <summary>The entries of an object; none of anything else.</summary>
    public FieldsList Fields => new(this);

    /// <summary>What a text says; of anything else, null.</summary>
    public string? AsString()
    {
        if (Kind != JsonKind.String)
        {
            return null;
        }
        if (source is string made)
        {
            return made;
        }
        var text = (JsonText)source!;
        var raw = text.Raw((int)bits)[1..^1];
        return text[(int)bits].Escaped ? JsonStrings.Decode(raw) : Encoding.UTF8.GetString(raw);
    }

    /// <summary>A number as near as a double comes; of anything else, NaN.</summary>
    public double AsDouble() => Kind != JsonKind.Number ? double.NaN : source switch
    {
        JsonText text => double.Parse(text.Raw((int)bits), NumberStyles.Float, CultureInfo.InvariantCulture),
        decimal exact => (double)exact,
        _ => BitConverter.Int64BitsToDouble(bits),
    };

    /// <summary>A number exactly, where its digits fit.</summary>
    public bool TryDecimal(out decimal value)
    {
        value = 0;
        if (Kind != JsonKind.Number)
        {
            return false;
        }
        if (source is decimal exact)
        {
            value = exact;
            return true;
        }
        if (source is JsonText text)
        {
            return JsonNumbers.TryDecimal(text.Raw((int)bits), out value);
        }
        var number = BitConverter.Int64BitsToDouble(bits);
        if (Math.Abs(number) > 1e15 || number != Math.Truncate(number))
        {
            return false;
        }
        value = (decimal)number;
        return true;
    }

    /// <summary>Writes it as JSON; what can't be worked out is null.</summary>
    public void Write(JsonOutput output) => Write(output, compact: false);

    /// <summary>The same without white space between values.</summary>
    public void WriteCompact(JsonOutput output) => Write(output, compact: true);

    internal void Write(JsonOutput output, bool compact)
    {
        if (TryRaw(out var raw))
        {
            if (compact)
            {
                JsonCompact.Write(raw, output);
                return;
            }
            output.Write(raw);
            return;
        }
        switch (Kind)
        {
            case JsonKind.True:
                output.Write("true"u8);
                break;
            case JsonKind.False:
                output.Write("false"u8);
                break;
            case JsonKind.Number:
                WriteNumber(output);
                break;
            case JsonKind.String:
                JsonStrings.Write(output, (string)source!);
                break;
            case JsonKind.Array:
                WriteItems(output, compact);
                break;
            case JsonKind.Object:
                ((JsonFields)source!).Write(output, compact);
                break;
            default:
                output.Write("null"u8);
                break;
        }
    }

    private void WriteNumber(JsonOutput output)
    {
        var room = output.Reserve(64);
        output.Advance(Format(room));
    }

    /// <summary>Writes a number that was worked out; returns how many bytes that took, at most 64.</summary>
    internal int Format(Span<byte> room)
    {
        var number = BitConverter.Int64BitsToDouble(bits);
        var written = 0;
        if (source is decimal exact)
        {
            // By one with all its zeros: the zeros behind the last digit go.
            _ = (exact / 1.0000000000000000000000000000m).TryFormat(room, out written, default, CultureInfo.InvariantCulture);
        }
        else if (Math.Abs(number) < 1e15 && number == Math.Truncate(number))
        {
            _ = ((long)number).TryFormat(room, out written, default, CultureInfo.InvariantCulture);
        }
        else
        {
            _ = number.TryFormat(room, out written, default, CultureInfo.InvariantCulture);
        }
        return written;
    }

    private void WriteItems(JsonOutput output, bool compact)
    {
        output.Write((byte)'[');
        var first = true;
        foreach (var item in Items)
        {
            // Made values may hold one another so often that only this ends.
            if (output.IsFull)
            {
                return;
            }
            if (!first)
            {
                output.Write((byte)',');
            }
            first = false;
            item.Write(output, compact);
        }
        output.Write((byte)']');
    }

    /// <summary>Goes over a list.</summary>
    internal struct ItemList
    {
        private readonly object? source;
        private readonly int count;
        private int at;
        private int index;

        public ItemList(in JsonValue list)
        {
            source = list.Kind == JsonKind.Array ? list.source : null;
            count = source is null ? 0 : list.Count;
            at = (int)list.bits;
            index = -1;
        }

        public readonly ItemList GetEnumerator() => this;

        public readonly JsonValue Current => source is JsonText text ? Of(text, at) : ((JsonValue[])source!)[index];

        public bool MoveNext()
        {
            if (++index >= count)
            {
                return false;
            }
            if (source is JsonText text)
            {
                at = index == 0 ? at + 1 : text[at].Next;
            }
            return true;
        }
    }

    /// <summary>Goes over an object.</summary>
    internal struct FieldsList
    {
        private readonly object? source;
        private readonly int count;
        private int at;
        private int index;

        public FieldsList(in JsonValue value)
        {
            source = value.Kind == JsonKind.Object ? value.source : null;
            count = source is null ? 0 : value.Count;
            at = (int)value.bits;
            index = -1;
        }

        public readonly FieldsList GetEnumerator() => this;

        /// <summary>The name, as a text.</summary>
        public readonly JsonValue Name => source is JsonText text ? Of(text, at) : JsonValue.Of(((JsonFields)source!).Name(index));

        public readonly JsonValue Value => source is JsonText text ? Of(text, at + 1) : ((JsonFields)source!)[index];

        public readonly FieldsList Current => this;

        public bool MoveNext()
        {
            if (++index >= count)
            {
                return false;
            }
            if (source is JsonText text)
            {
                at = index == 0 ? at + 1 : text[at + 1].Next;
            }
            return true;
        }
    }
}
