using Postern.Transforms.Json;

namespace Postern.Transforms.Protobuf;

/// <summary>What a field holds, as descriptors number it.</summary>
internal enum FieldKind
{
    Double = 1,
    Float = 2,
    Int64 = 3,
    UInt64 = 4,
    Int32 = 5,
    Fixed64 = 6,
    Fixed32 = 7,
    Bool = 8,
    String = 9,
    Group = 10,
    Message = 11,
    Bytes = 12,
    UInt32 = 13,
    Enum = 14,
    SFixed32 = 15,
    SFixed64 = 16,
    SInt32 = 17,
    SInt64 = 18,
}

/// <summary>The types whose JSON is not that of their fields.</summary>
internal enum WellKnown
{
    None,
    Any,
    Duration,
    FieldMask,
    List,
    Struct,
    Timestamp,
    Value,
    Wrapper,
}

/// <summary>A message type.</summary>
internal sealed class MessageType(string name)
{
    private readonly Dictionary<int, FieldType> numbers = [];
    private readonly Dictionary<string, FieldType> names = new(StringComparer.Ordinal);
    private Dictionary<string, FieldType>.AlternateLookup<ReadOnlySpan<char>> lookup;

    /// <summary>With its package: <c>shop.Stock</c>.</summary>
    public string Name { get; } = name;

    /// <summary>In the order in which they are declared.</summary>
    public FieldType[] Fields { get; private set; } = [];

    /// <summary>How many <c>oneof</c> there are, those that only stand for <c>optional</c> too.</summary>
    public int Oneofs { get; init; }

    /// <summary>Whether it is an entry of a map, which is no message in JSON.</summary>
    public bool IsEntry { get; init; }

    /// <summary>Whether its JSON is not that of its fields.</summary>
    public WellKnown Known { get; private set; }

    /// <summary>Whether any field must be there.</summary>
    public bool HasRequired { get; private set; }

    public FieldType? Find(int number) => numbers.GetValueOrDefault(number);

    /// <summary>The field that is called so in JSON, or in the file.</summary>
    public FieldType? Find(ReadOnlySpan<char> name) => lookup.TryGetValue(name, out var field) ? field : null;

    /// <summary>All that its fields are called in JSON.</summary>
    public IEnumerable<string> Names => Fields.Select(f => f.JsonName);

    public void Fill(IReadOnlyList<FieldType> fields)
    {
        Fields = [.. fields];
        HasRequired = Array.Exists(Fields, f => f.Required);
        for (var i = 0; i < Fields.Length; i++)
        {
            Fields[i].Index = i;
            numbers.TryAdd(Fields[i].Number, Fields[i]);
            names.TryAdd(Fields[i].JsonName, Fields[i]);
        }
        foreach (var field in Fields)
        {
            names.TryAdd(field.Name, field);
        }
        lookup = names.GetAlternateLookup<ReadOnlySpan<char>>();
        Known = KnownOf(Name);
        // One that only has the name is as any other.
        var fits = Known switch
        {
            WellKnown.Struct => Find(1) is { IsMap: true },
            WellKnown.List => Find(1) is { IsRepeated: true, IsMap: false, Message: not null },
            WellKnown.Wrapper => Find(1) is { IsRepeated: false, Message: null },
            WellKnown.Value => Fields.Length == 6 && Array.TrueForAll(Fields, f => f is { Number: <= 6, IsRepeated: false }) && Find(2)!.Kind == FieldKind.Double,
            _ => true,
        };
        Known = fits ? Known : WellKnown.None;
    }

    private static WellKnown KnownOf(string name) => name switch
    {
        "google.protobuf.Any" => WellKnown.Any,
        "google.protobuf.Duration" => WellKnown.Duration,
        "google.protobuf.FieldMask" => WellKnown.FieldMask,
        "google.protobuf.ListValue" => WellKnown.List,
        "google.protobuf.Struct" => WellKnown.Struct,
        "google.protobuf.Timestamp" => WellKnown.Timestamp,
        "google.protobuf.Value" => WellKnown.Value,
        "google.protobuf.DoubleValue" or "google.protobuf.FloatValue" or "google.protobuf.Int64Value" or "google.protobuf.UInt64Value"
            or "google.protobuf.Int32Value" or "google.protobuf.UInt32Value" or "google.protobuf.BoolValue"
            or "google.protobuf.StringValue" or "google.protobuf.BytesValue" => WellKnown.Wrapper,
        _ => WellKnown.None,
    };
}

/// <summary>A field of a message.</summary>
internal sealed class FieldType(string name, string jsonName, int number, FieldKind kind)
{
    /// <summary>As the file has it: <c>next_delivery</c>.</summary>
    public string Name { get; } = name;

    /// <summary>As JSON has it: <c>nextDelivery</c>.</summary>
    public string JsonName { get; } = jsonName;

    /// <summary>As it stands in an object: <c>"nextDelivery":</c>.</summary>
    public byte[] Key { get; } = [.. EnumType.Quoted(jsonName), (byte)':'];

    public int Number { get; } = number;

    public FieldKind Kind { get; } = kind;

    /// <summary>Its place among the message's fields.</summary>
    public int Index { get; set; }

    public bool IsRepeated { get; init; }

    /// <summary>Whether its values are written without a tag each.</summary>
    public bool IsPacked { get; init; }

    /// <summary>Whether a message knows the field's absence from its default.</summary>
    public bool HasPresence { get; init; }

    /// <summary>Whether a message without it is none.</summary>
    public bool Required { get; init; }

    /// <summary>The <c>oneof</c> that it belongs to; -1 for none.</summary>
    public int Oneof { get; init; } = -1;

    /// <summary>The type of a field that holds messages.</summary>
    public MessageType? Message { get; set; }

    /// <summary>The type of a field that holds one of an enum's values.</summary>
    public EnumType? Enum { get; set; }

    public bool IsMap => IsRepeated && Message is { IsEntry: true };

    /// <summary>How one value of it stands on the wire.</summary>
    public WireType Wire => WireOf(Kind);

    private static WireType WireOf(FieldKind kind) => kind switch
    {
        FieldKind.Double or FieldKind.Fixed64 or FieldKind.SFixed64 => WireType.Fixed64,
        FieldKind.Float or FieldKind.Fixed32 or FieldKind.SFixed32 => WireType.Fixed32,
        FieldKind.String or FieldKind.Bytes or FieldKind.Message => WireType.Bytes,
        FieldKind.Group => WireType.StartGroup,
        _ => WireType.Varint,
    };
}

/// <summary>An enum.</summary>
internal sealed class EnumType(string name)
{
    private readonly Dictionary<int, byte[]> byNumber = [];
    private readonly Dictionary<string, int> byName = new(StringComparer.Ordinal);

    public string Name { get; } = name;

    /// <summary>Whether it is the one whose only value is JSON's null.</summary>
    public bool IsNull { get; } = name == "google.protobuf.NullValue";

    public void Add(string value, int number)
    {
        byName.TryAdd(value, number);
        byNumber.TryAdd(number, Quoted(value));
    }

    public bool Find(string value, out int number) => byName.TryGetValue(value, out number);

    /// <summary>The value of that number, in quotes; null where it has none.</summary>
    public byte[]? Find(int number) => byNumber.GetValueOrDefault(number);

    public static byte[] Quoted(string text)
    {
        using var output = new JsonOutput(int.MaxValue);
        JsonStrings.Write(output, text);
        return output.Written.ToArray();
    }
}

/// <summary>One method of a service.</summary>
internal sealed record MethodType(string Service, string Name, MessageType Input, MessageType Output, bool ClientStreams, bool ServerStreams);
