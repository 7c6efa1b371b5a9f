using System.Buffers;
using System.Text;
using System.Text.Unicode;
using Postern.Transforms.Json;

namespace Postern.Transforms.Protobuf;

/// <summary>
/// Protobuf → JSON, by the mapping of protobuf.dev/programming-guides/json: fields in the order of their declaration, those that know
/// no absence always. Fields that aren't known are left out. What is malformed is said in <see cref="Problem"/>; more than the
/// output may hold ends it.
/// </summary>
internal sealed class MessageDecoder(DescriptorSet set, JsonOutput output)
{
    /// <summary>So many fields are looked for at most: a message of a thousand fields takes two bytes where none of them is there.</summary>
    private const int MaxSteps = 1 << 24;

    private readonly Runs runs = new();
    private readonly ScalarDecoder scalars = new(output);
    private readonly KnownDecoder known = new(output);
    private int steps;

    /// <summary>What is wrong with the message; null where nothing is.</summary>
    public string? Problem { get; private set; }

    /// <summary>Writes a message; false where it is malformed, or more than the output may hold.</summary>
    public bool Decode(MessageType type, ReadOnlySpan<byte> message) => Message(type, message, 0);

    /// <param name="type">What it is.</param>
    /// <param name="message">Its bytes.</param>
    /// <param name="depth">Objects and lists around it.</param>
    private bool Message(MessageType type, ReadOnlySpan<byte> message, int depth)
    {
        steps += type.Fields.Length + 1;
        if (steps > MaxSteps || !runs.Open(type, message, out var frame))
        {
            return Fail(type, null, steps > MaxSteps ? "more messages than may be" : "malformed");
        }
        var done = type.Known switch
        {
            WellKnown.None => Begin(type, depth, '{') && Fields(type, message, frame, depth, isFirst: true) && End('}'),
            WellKnown.Any => Any(type, message, depth),
            WellKnown.Struct => Map(type, type.Find(1)!, message, frame, depth),
            WellKnown.List => List(type, type.Find(1)!, message, frame, depth),
            WellKnown.Value => Value(type, message, frame, depth),
            WellKnown.Wrapper => Single(type, type.Find(1)!, message, frame, depth),
            WellKnown.FieldMask => known.Mask(message) || Fail(type, null, "not a mask of fields"),
            _ => known.Time(type.Known, message) || Fail(type, null, "out of range"),
        };
        runs.Close(frame);
        return done && !output.IsFull;
    }

    private bool Fields(MessageType type, ReadOnlySpan<byte> message, (int, int) frame, int depth, bool isFirst)
    {
        foreach (var field in type.Fields)
        {
            if (field.HasPresence && runs.First(frame, field) < 0)
            {
                continue;
            }
            Comma(ref isFirst);
            output.Write(field.Key);
            var done = field.IsMap ? Map(type, field, message, frame, depth + 1)
                : field.IsRepeated ? List(type, field, message, frame, depth + 1) : Single(type, field, message, frame, depth + 1);
            if (!done || output.IsFull)
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>A field that is there once: of several values the last counts, of several messages all that they say together.</summary>
    private bool Single(MessageType type, FieldType field, ReadOnlySpan<byte> message, (int, int) frame, int depth)
    {
        var elements = new Elements(runs, field, message, field.Message is null ? runs.Last(frame, field) : runs.First(frame, field));
        var first = elements.MoveNext() ? elements.Bytes : default;
        ArrayBufferWriter<byte>? merged = null;
        while (elements.MoveNext())
        {
            if (field.Message is not null)
            {
                if (merged is null)
                {
                    merged = new ArrayBufferWriter<byte>();
                    merged.Write(first);
                }
                merged.Write(elements.Bytes);
            }
        }
        return Item(type, field, elements.Bits, merged is null ? elements.Bytes : merged.WrittenSpan, depth);
    }

    private bool List(MessageType type, FieldType field, ReadOnlySpan<byte> message, (int, int) frame, int depth)
    {
        if (!Begin(type, depth, '['))
        {
            return false;
        }
        var isFirst = true;
        var elements = new Elements(runs, field, message, runs.First(frame, field));
        while (elements.MoveNext())
        {
            Comma(ref isFirst);
            if (!Item(type, field, elements.Bits, elements.Bytes, depth + 1) || output.IsFull)
            {
                return false;
            }
        }
        return !elements.IsMalformed ? End(']') : Fail(type, field, "malformed");
    }

    /// <summary>A map is a list of entries. Where a key comes twice, the last one counts.</summary>
    private bool Map(MessageType type, FieldType field, ReadOnlySpan<byte> message, (int, int) frame, int depth)
    {
        var (key, held) = (field.Message!.Find(1)!, field.Message.Find(2)!);
        var entries = new OrderedDictionary<string, (int Start, int Length)>(StringComparer.Ordinal);
        var elements = new Elements(runs, field, message, runs.First(frame, field));
        while (elements.MoveNext())
        {
            if (!runs.Open(field.Message, elements.Bytes, out var entry))
            {
                return Fail(type, field, "malformed");
            }
            var keys = new Elements(runs, key, elements.Bytes, runs.Last(entry, key));
            while (keys.MoveNext())
            {
            }
            runs.Close(entry);
            if (ScalarDecoder.Key(key.Kind, keys.Bits, keys.Bytes) is not { } name)
            {
                return Fail(type, field, "a key that isn't UTF-8");
            }
            message.Overlaps(elements.Bytes, out var start);
            entries[name] = (start, elements.Bytes.Length);
        }
        if (!Begin(type, depth, '{'))
        {
            return false;
        }
        var isFirst = true;
        foreach (var (name, (start, length)) in entries)
        {
            Comma(ref isFirst);
            JsonStrings.Write(output, name);
            output.Write((byte)':');
            var bytes = message.Slice(start, length);
            if (!runs.Open(field.Message, bytes, out var entry) || !Single(type, held, bytes, entry, depth + 1) || output.IsFull)
            {
                return false;
            }
            runs.Close(entry);
        }
        return End('}');
    }

    /// <summary>A <c>google.protobuf.Value</c>, which is any JSON; one that says nothing is null.</summary>
    private bool Value(MessageType type, ReadOnlySpan<byte> message, (int, int) frame, int depth)
    {
        if (Array.Find(type.Fields, f => runs.First(frame, f) >= 0) is not { } field)
        {
            output.Write("null"u8);
            return true;
        }
        var elements = new Elements(runs, field, message, runs.Last(frame, field));
        while (field.Kind == FieldKind.Double && elements.MoveNext())
        {
        }
        return field.Kind == FieldKind.Double && !double.IsFinite(BitConverter.UInt64BitsToDouble(elements.Bits))
            ? Fail(type, field, "not a number of JSON") : Single(type, field, message, frame, depth);
    }

    /// <summary>What an <c>Any</c> holds, with its type's name before it.</summary>
    private bool Any(MessageType type, ReadOnlySpan<byte> message, int depth)
    {
        ReadOnlySpan<byte> url = default, value = default;
        var reader = new WireReader(message);
        while (!reader.AtEnd)
        {
            _ = reader.Tag(out var number, out var wire) & reader.Value(number, wire, out _, out var bytes);
            url = (number, wire) == (1, WireType.Bytes) ? bytes : url;
            value = (number, wire) == (2, WireType.Bytes) ? bytes : value;
        }
        if (!Begin(type, depth, '{'))
        {
            return false;
        }
        if (message.IsEmpty)
        {
            return End('}');
        }
        if (!Utf8.IsValid(url) || set.Message(Encoding.UTF8.GetString(url[(url.LastIndexOf((byte)'/') + 1)..])) is not { } held)
        {
            return Fail(type, null, $"holds a type that {set.Path} doesn't have");
        }
        output.Write("\"@type\":"u8);
        JsonStrings.Write(output, Encoding.UTF8.GetString(url));
        if (held.Known != WellKnown.None)
        {
            output.Write(",\"value\":"u8);
            return Message(held, value, depth + 1) && End('}');
        }
        if (!runs.Open(held, value, out var frame))
        {
            return Fail(held, null, "malformed");
        }
        var done = Fields(held, value, frame, depth, isFirst: false);
        runs.Close(frame);
        return done && End('}');
    }

    private bool Item(MessageType type, FieldType field, ulong bits, ReadOnlySpan<byte> bytes, int depth) => field.Message is { } held
        ? Message(held, bytes, depth) : scalars.Write(field, bits, bytes) || Fail(type, field, "a text that isn't UTF-8");

    private bool Begin(MessageType type, int depth, char bracket)
    {
        output.Write((byte)bracket);
        return depth < JsonText.MaxDepth || Fail(type, null, $"nested deeper than {JsonText.MaxDepth} levels");
    }

    private bool End(char bracket)
    {
        output.Write((byte)bracket);
        return true;
    }

    private void Comma(ref bool isFirst)
    {
        if (!isFirst)
        {
            output.Write((byte)',');
        }
        isFirst = false;
    }

    private bool Fail(MessageType type, FieldType? field, string what)
    {
        Problem = field is null ? $"{type.Name}: {what}" : $"{type.Name}.{field.Name}: {what}";
        return false;
    }
}
