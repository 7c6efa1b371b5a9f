using System.Globalization;
using Postern.Transforms.Json;

namespace Postern.Transforms.Protobuf;

/// <summary>
/// JSON → protobuf, by the mapping of protobuf.dev/programming-guides/json. What doesn't fit is said in <see cref="Problem"/>, with the
/// field and without its value. A field that isn't known is an error: it would be lost.
/// </summary>
internal sealed class MessageEncoder(DescriptorSet set, WireWriter output)
{
    /// <summary>As many fields as a message has whose marks stand on the stack.</summary>
    private const int Few = 128;

    private readonly KnownEncoder known = new(output);

    /// <summary>What doesn't fit; null where all does.</summary>
    public string? Problem { get; private set; }

    /// <summary>Writes a message; false where the value is none.</summary>
    public bool Encode(MessageType type, in JsonValue value) => Message(type, value, 0);

    /// <param name="type">What it is.</param>
    /// <param name="value">What it says.</param>
    /// <param name="depth">Objects and lists around it.</param>
    private bool Message(MessageType type, in JsonValue value, int depth)
    {
        // What an expression made may be deeper than what was read.
        if (depth >= JsonText.MaxDepth && value.Kind is JsonKind.Object or JsonKind.Array)
        {
            return Fail(type, null, $"nested deeper than {JsonText.MaxDepth} levels");
        }
        switch (type.Known)
        {
            case WellKnown.Any:
                return Any(type, value, depth);
            case WellKnown.Struct:
                return Map(type, type.Find(1)!, value, depth);
            case WellKnown.List:
                return Repeated(type, type.Find(1)!, value, depth);
            case WellKnown.Value:
                return Value(type, value, depth);
            case WellKnown.Wrapper:
                return Single(type, type.Find(1)!, value, depth);
            case WellKnown.None:
                return Fields(type, value, depth, isAny: false);
            default:
                return known.Write(type.Known, value) || Fail(type, null, KnownEncoder.Wanted(type.Known));
        }
    }

    private bool Fields(MessageType type, in JsonValue value, int depth, bool isAny)
    {
        if (value.Kind != JsonKind.Object)
        {
            return Fail(type, null, $"an object is needed, got {Noun(value)}");
        }
        var count = type.Fields.Length;
        Span<bool> marks = count + type.Oneofs <= Few ? stackalloc bool[Few] : new bool[count + type.Oneofs];
        foreach (var entry in value.Fields)
        {
            var name = entry.Name.AsString()!;
            if (isAny && name == "@type")
            {
                continue;
            }
            if (type.Find(name) is not { } field)
            {
                return Fail(type, null, $"has no field '{(name.Length > 60 ? name[..60] + "…" : name)}'");
            }
            var held = entry.Value;
            if (held.IsNull && !TakesNull(field))
            {
                continue;
            }
            // Each field may be called by two names, and only one of a oneof's may be there.
            ref var oneof = ref marks[field.Oneof >= 0 ? count + field.Oneof : field.Index];
            if (marks[field.Index] || (field.Oneof >= 0 && oneof))
            {
                return Fail(type, field, marks[field.Index] ? "is there twice" : "stands beside another field of its oneof");
            }
            marks[field.Index] = oneof = true;
            if (!Field(type, field, held, depth + 1))
            {
                return false;
            }
        }
        for (var i = 0; type.HasRequired && i < count; i++)
        {
            if (type.Fields[i].Required && !marks[i])
            {
                return Fail(type, type.Fields[i], "is required");
            }
        }
        return true;
    }

    private bool Field(MessageType type, FieldType field, in JsonValue value, int depth) =>
        field.IsMap ? Map(type, field, value, depth) : field.IsRepeated ? Repeated(type, field, value, depth) : Single(type, field, value, depth);

    private bool Repeated(MessageType type, FieldType field, in JsonValue value, int depth)
    {
        if (value.Kind != JsonKind.Array)
        {
            return Fail(type, field, $"a list is needed, got {Noun(value)}");
        }
        if (value.Count == 0)
        {
            return true;
        }
        if (field.IsPacked)
        {
            output.Tag(field.Number, WireType.Bytes);
            var start = output.Begin();
            foreach (var item in value.Items)
            {
                if (!Scalar(type, field, item))
                {
                    return false;
                }
            }
            output.End(start);
            return true;
        }
        foreach (var item in value.Items)
        {
            if (item.IsNull && !TakesNull(field))
            {
                return Fail(type, field, "null can't stand in a list");
            }
            if (!Single(type, field, item, depth + 1))
            {
                return false;
            }
        }
        return true;
    }

    private bool Map(MessageType type, FieldType field, in JsonValue value, int depth)
    {
        if (value.Kind != JsonKind.Object)
        {
            return Fail(type, field, $"an object is needed, got {Noun(value)}");
        }
        var (key, held) = (field.Message!.Find(1)!, field.Message.Find(2)!);
        foreach (var entry in value.Fields)
        {
            var item = entry.Value;
            if (item.IsNull && !TakesNull(held))
            {
                return Fail(type, field, "null can't stand in a map");
            }
            output.Tag(field.Number, WireType.Bytes);
            var start = output.Begin();
            output.Tag(1, key.Wire);
            var name = entry.Name;
            var isKey = key.Kind == FieldKind.Bool && name.AsString() is "true" or "false" ? Scalar(type, key, JsonValue.Of(name.AsString() == "true")) : Scalar(type, key, name);
            if (!isKey || !Single(type, held, item, depth + 1))
            {
                return false;
            }
            output.End(start);
        }
        return true;
    }

    private bool Single(MessageType type, FieldType field, in JsonValue value, int depth)
    {
        output.Tag(field.Number, field.Wire);
        if (field.Message is not { } held)
        {
            return Scalar(type, field, value);
        }
        if (field.Kind == FieldKind.Group)
        {
            if (!Message(held, value, depth))
            {
                return false;
            }
            output.Tag(field.Number, WireType.EndGroup);
            return true;
        }
        var start = output.Begin();
        if (!Message(held, value, depth))
        {
            return false;
        }
        output.End(start);
        return true;
    }

    /// <summary>A value of a <c>google.protobuf.Value</c>: any JSON.</summary>
    private bool Value(MessageType type, in JsonValue value, int depth)
    {
        var field = type.Find(value.Kind switch
        {
            JsonKind.Number => 2,
            JsonKind.String => 3,
            JsonKind.True or JsonKind.False => 4,
            JsonKind.Object => 5,
            JsonKind.Array => 6,
            _ => 1,
        });
        return Single(type, field!, value, depth);
    }

    private bool Any(MessageType type, in JsonValue value, int depth)
    {
        if (value.Kind != JsonKind.Object)
        {
            return Fail(type, null, $"an object is needed, got {Noun(value)}");
        }
        if (value.Count == 0)
        {
            return true;
        }
        if (value.Field("@type").AsString() is not { } url)
        {
            return Fail(type, null, "'@type' is needed");
        }
        if (set.Message(url[(url.LastIndexOf('/') + 1)..]) is not { } held)
        {
            return Fail(type, null, $"the descriptors have no type of the name in '@type'");
        }
        output.Tag(1, WireType.Bytes);
        output.Text(url);
        output.Tag(2, WireType.Bytes);
        var start = output.Begin();
        if (!(held.Known == WellKnown.None ? Fields(held, value, depth, isAny: true) : Message(held, value.Field("value"), depth + 1)))
        {
            return false;
        }
        output.End(start);
        return true;
    }

    private bool Scalar(MessageType type, FieldType field, in JsonValue value)
    {
        decimal number;
        switch (field.Kind)
        {
            case FieldKind.Bool when value.Kind is JsonKind.True or JsonKind.False:
                output.Varint(value.Kind == JsonKind.True ? 1u : 0);
                return true;
            case FieldKind.String when value.AsString() is { } text:
                output.Text(text);
                return true;
            case FieldKind.Bytes when value.AsString() is { } text && KnownEncoder.Base64(text) is { } bytes:
                output.Bytes(bytes);
                return true;
            case FieldKind.Enum when value.IsNull && field.Enum!.IsNull:
                output.Varint(0);
                return true;
            case FieldKind.Enum when value.AsString() is { } text && field.Enum!.Find(text, out var known):
                output.Varint((ulong)(long)known);
                return true;
            case FieldKind.Enum when value.Kind == JsonKind.Number && Whole(value, int.MinValue, int.MaxValue, out number):
            case FieldKind.Int32 when Whole(value, int.MinValue, int.MaxValue, out number):
            case FieldKind.Int64 when Whole(value, long.MinValue, long.MaxValue, out number):
                output.Varint((ulong)(long)number);
                return true;
            case FieldKind.UInt32 when Whole(value, 0, uint.MaxValue, out number):
            case FieldKind.UInt64 when Whole(value, 0, ulong.MaxValue, out number):
                output.Varint((ulong)number);
                return true;
            case FieldKind.SInt32 when Whole(value, int.MinValue, int.MaxValue, out number):
            case FieldKind.SInt64 when Whole(value, long.MinValue, long.MaxValue, out number):
                output.Varint(WireWriter.ZigZag((long)number));
                return true;
            case FieldKind.Fixed32 when Whole(value, 0, uint.MaxValue, out number):
                output.Fixed32((uint)number);
                return true;
            case FieldKind.SFixed32 when Whole(value, int.MinValue, int.MaxValue, out number):
                output.Fixed32((uint)(int)number);
                return true;
            case FieldKind.Fixed64 when Whole(value, 0, ulong.MaxValue, out number):
                output.Fixed64((ulong)number);
                return true;
            case FieldKind.SFixed64 when Whole(value, long.MinValue, long.MaxValue, out number):
                output.Fixed64((ulong)(long)number);
                return true;
            case FieldKind.Double when Real(value, out var real):
                output.Fixed64(BitConverter.DoubleToUInt64Bits(real));
                return true;
            case FieldKind.Float when Real(value, out var real) && (float.IsFinite((float)real) || !double.IsFinite(real)):
                output.Fixed32(BitConverter.SingleToUInt32Bits((float)real));
                return true;
            default:
                return Fail(type, field, $"{Wanted(field)} is needed, got {Noun(value)}");
        }
    }

    private static bool TakesNull(FieldType field) => field.Message?.Known == WellKnown.Value || field.Enum is { IsNull: true };

    /// <summary>A whole number, written as one or as a text.</summary>
    private static bool Whole(in JsonValue value, decimal least, decimal most, out decimal number)
    {
        number = 0;
        var isOne = value.AsString() is { } text
            ? text.Length <= 28 && decimal.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out number)
            : value.TryDecimal(out number);
        return isOne && number == decimal.Truncate(number) && number >= least && number <= most;
    }

    /// <summary>A number, or one of the three texts that stand for what JSON has no number for.</summary>
    private static bool Real(in JsonValue value, out double number)
    {
        number = value.AsString() switch
        {
            null when value.Kind == JsonKind.Number => value.AsDouble(),
            null => double.PositiveInfinity,
            "NaN" => double.NaN,
            "Infinity" => double.PositiveInfinity,
            "-Infinity" => double.NegativeInfinity,
            { Length: <= 400 } text when double.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out var parsed) => parsed,
            _ => double.PositiveInfinity,
        };
        return double.IsFinite(number) || value.AsString() is "NaN" or "Infinity" or "-Infinity";
    }

    private static string Wanted(FieldType field) => field.Kind switch
    {
        FieldKind.Bool => "true or false",
        FieldKind.String => "a text",
        FieldKind.Bytes => "a text in base64",
        FieldKind.Enum => $"a name of {field.Enum!.Name}",
        FieldKind.Float or FieldKind.Double => "a number that fits",
        _ => $"a whole number that fits {field.Kind.ToString().ToLowerInvariant()}",
    };

    private static string Noun(in JsonValue value) => value.Kind switch
    {
        JsonKind.Null => "null",
        JsonKind.True or JsonKind.False => "a boolean",
        JsonKind.Number => "a number",
        JsonKind.String => "a text",
        JsonKind.Array => "a list",
        JsonKind.Object => "an object",
        _ => "nothing",
    };

    private bool Fail(MessageType type, FieldType? field, string what)
    {
        Problem = field is null ? $"{type.Name}: {what}" : $"{type.Name}.{field.Name}: {what}";
        return false;
    }
}
