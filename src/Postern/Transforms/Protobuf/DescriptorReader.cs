using System.Text;

namespace Postern.Transforms.Protobuf;

/// <summary>
/// Reads a <c>FileDescriptorSet</c>, which is protobuf itself (descriptor.proto), as far as the mapping to JSON needs it. Names are
/// resolved once all are known.
/// </summary>
internal sealed class DescriptorReader
{
    public const string Command = "protoc --include_imports --descriptor_set_out=FILE";

    private const string NoSet = "it is no descriptor set; make it with " + Command;
    private const int MaxDepth = 64;

    private readonly Dictionary<string, EnumType> enums = new(StringComparer.Ordinal);
    private readonly List<(MessageType Message, Parts[] Fields, Traits Traits)> messages = [];
    private readonly List<(string Service, Parts[] Methods)> services = [];
    private bool malformed;

    public Dictionary<string, MessageType> Messages { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, MethodType[]> Services { get; } = new(StringComparer.Ordinal);

    /// <summary>Reads all of it; null, or what is wrong.</summary>
    public string? Read(ReadOnlyMemory<byte> set)
    {
        var parts = Open(set);
        if (set.IsEmpty || parts.HasOther(1))
        {
            return NoSet;
        }
        foreach (var file in All(parts, 1))
        {
            File(file);
        }
        var wrong = malformed ? null : Resolve();
        return malformed ? NoSet : wrong ?? (Services.Count == 0 ? "it has no service; make it of the file that has one" : null);
    }

    private void File(Parts file)
    {
        var package = file.Text(2);
        var traits = Traits.Of(file.Text(12)).With(Open(Open(file.Bytes(8)).Bytes(50)));
        foreach (var message in All(file, 4))
        {
            Message(message, package, traits, 1);
        }
        foreach (var type in All(file, 5))
        {
            Enum(type, package);
        }
        foreach (var service in All(file, 6))
        {
            services.Add((Join(package, service.Text(1)), All(service, 2)));
        }
    }

    private void Message(Parts message, string scope, Traits inherited, int depth)
    {
        var options = Open(message.Bytes(7));
        var traits = inherited.With(Open(options.Bytes(12)));
        var made = new MessageType(Join(scope, message.Text(1))) { Oneofs = message.Count(8), IsEntry = options.Number(7) is > 0 };
        if (Messages.TryAdd(made.Name, made))
        {
            messages.Add((made, All(message, 2), traits));
        }
        malformed |= depth == MaxDepth;
        foreach (var nested in malformed ? [] : All(message, 3))
        {
            Message(nested, made.Name, traits, depth + 1);
        }
        foreach (var type in All(message, 4))
        {
            Enum(type, made.Name);
        }
    }

    private void Enum(Parts type, string scope)
    {
        var made = new EnumType(Join(scope, type.Text(1)));
        foreach (var value in All(type, 2))
        {
            made.Add(value.Text(1), (int)(value.Number(2) ?? 0));
        }
        enums.TryAdd(made.Name, made);
    }

    /// <summary>Puts types in place of their names; null, or what is missing.</summary>
    private string? Resolve()
    {
        foreach (var (message, raw, traits) in messages)
        {
            var fields = new FieldType[raw.Length];
            for (var i = 0; i < raw.Length; i++)
            {
                var missing = Resolve(message, raw[i], traits, out fields[i]!);
                if (missing is not null || malformed)
                {
                    return missing;
                }
            }
            message.Fill(fields);
            malformed |= message.IsEntry && (message.Find(1) is not { IsRepeated: false, Message: null } || message.Find(2) is not { IsRepeated: false });
        }
        foreach (var (service, raw) in services)
        {
            var methods = new MethodType[raw.Length];
            for (var i = 0; i < raw.Length; i++)
            {
                var (name, input, output) = (raw[i].Text(1), Bare(raw[i].Text(2)), Bare(raw[i].Text(3)));
                if (!Messages.TryGetValue(input, out var request) || !Messages.TryGetValue(output, out var reply))
                {
                    return Missing(Messages.ContainsKey(input) ? output : input, $"{service}/{name}");
                }
                methods[i] = new MethodType(service, name, request, reply, raw[i].Number(5) is > 0, raw[i].Number(6) is > 0);
            }
            Services.TryAdd(service, methods);
        }
        return null;
    }

    private string? Resolve(MessageType message, Parts raw, Traits inherited, out FieldType? field)
    {
        field = null;
        var options = Open(raw.Bytes(8));
        var traits = inherited.With(Open(options.Bytes(21)));
        var (name, type, number, oneof) = (raw.Text(1), Bare(raw.Text(6)), raw.Number(3) ?? 0, (int)(raw.Number(9) ?? ulong.MaxValue));
        var kind = (FieldKind)(raw.Number(5) ?? 0);
        if (malformed || name.Length == 0 || number is 0 or >= 1 << 29 || oneof < -1 || oneof >= message.Oneofs || !System.Enum.IsDefined(kind))
        {
            malformed = true;
            return null;
        }
        var (isMessage, isEnum) = (kind is FieldKind.Message or FieldKind.Group, kind == FieldKind.Enum);
        var (held, values) = (Messages.GetValueOrDefault(type), enums.GetValueOrDefault(type));
        if (isMessage ? held is null : isEnum && values is null)
        {
            return Missing(type, $"{message.Name}.{name}");
        }
        var (isRepeated, isOptional) = (raw.Number(4) == 3, raw.Number(17) is > 0);
        field = new FieldType(name, raw.Text(10) is { Length: > 0 } json ? json : JsonNameOf(name), (int)number,
            // Editions write a group as a message that is delimited; a map's entries, and what they hold, never are.
            kind == FieldKind.Message && traits.Delimited && !held!.IsEntry && !message.IsEntry ? FieldKind.Group : kind)
        {
            IsRepeated = isRepeated,
            IsPacked = isRepeated && !isMessage && kind is not (FieldKind.String or FieldKind.Bytes) && (options.Number(2) is { } packed ? packed > 0 : traits.Packed),
            Required = raw.Number(4) == 2 || (traits.Required && !isRepeated && oneof < 0),
            HasPresence = !isRepeated && (traits.Presence || oneof >= 0 || isMessage),
            Oneof = isOptional ? -1 : oneof,
            Message = isMessage ? held : null,
            Enum = isEnum ? values : null,
        };
        return null;
    }

    /// <summary>What protoc writes where a field says nothing: an underscore makes the next letter large.</summary>
    private static string JsonNameOf(string name)
    {
        var (made, large) = (new StringBuilder(name.Length), false);
        foreach (var c in name)
        {
            if (c != '_')
            {
                made.Append(large ? char.ToUpperInvariant(c) : c);
            }
            large = c == '_';
        }
        return made.ToString();
    }

    private Parts[] All(Parts parts, int number) => [.. parts.All(number).Select(Open)];

    private Parts Open(ReadOnlyMemory<byte> message)
    {
        var parts = Parts.Of(message);
        malformed |= parts is null;
        return parts ?? Parts.None;
    }

    private static string Missing(string type, string by) => $"the type {type} of {by} isn't in it: imports are missing; run {Command}";

    private static string Join(string scope, string name) => scope.Length == 0 ? name : $"{scope}.{name}";

    private static string Bare(string name) => name.StartsWith('.') ? name[1..] : name;

    /// <summary>What a syntax or an edition says of fields, and what inherits it: only what changes the wire, or what is absent.</summary>
    private readonly record struct Traits(bool Presence, bool Required, bool Packed, bool Delimited)
    {
        public static Traits Of(string syntax) => syntax switch
        {
            "proto3" => new(Presence: false, false, Packed: true, false),
            "editions" => new(Presence: true, false, Packed: true, false),
            _ => new(Presence: true, false, Packed: false, false),
        };

        /// <summary>With what a <c>FeatureSet</c> says.</summary>
        public Traits With(Parts features) => new(
            features.Number(1) is { } presence ? presence != 2 : Presence,
            features.Number(1) is { } required ? required == 3 : Required,
            features.Number(3) is { } encoding ? encoding == 1 : Packed,
            features.Number(5) is { } message ? message == 2 : Delimited);
    }

    /// <summary>The fields of one message, as they stand on the wire.</summary>
    private sealed class Parts
    {
        public static readonly Parts None = new();

        private readonly List<(int Number, ulong Value, ReadOnlyMemory<byte> Bytes)> all = [];

        /// <summary>Null where it is malformed.</summary>
        public static Parts? Of(ReadOnlyMemory<byte> message)
        {
            if (message.IsEmpty)
            {
                return None;
            }
            var parts = new Parts();
            var reader = new WireReader(message.Span);
            while (!reader.AtEnd)
            {
                if (!reader.Tag(out var number, out var type))
                {
                    return null;
                }
                var value = 0UL;
                if (type == WireType.Bytes && reader.Bytes(out var bytes))
                {
                    parts.all.Add((number, 0, message.Slice(reader.Position - bytes.Length, bytes.Length)));
                }
                else if (type == WireType.Varint && reader.Varint(out value))
                {
                    parts.all.Add((number, value, default));
                }
                else if (type is WireType.Bytes or WireType.Varint || !reader.Skip(number, type))
                {
                    return null;
                }
            }
            return parts;
        }

        public bool HasOther(int number) => all.Exists(p => p.Number != number);

        public int Count(int number) => all.Count(p => p.Number == number);

        public IEnumerable<ReadOnlyMemory<byte>> All(int number) => all.Where(p => p.Number == number).Select(p => p.Bytes);

        public ReadOnlyMemory<byte> Bytes(int number) => all.FindLast(p => p.Number == number).Bytes;

        public string Text(int number) => Encoding.UTF8.GetString(Bytes(number).Span);

        public ulong? Number(int number) => all.FindLastIndex(p => p.Number == number) is >= 0 and var at ? all[at].Value : null;
    }
}
