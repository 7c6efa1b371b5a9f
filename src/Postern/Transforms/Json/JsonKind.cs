namespace Postern.Transforms.Json;

/// <summary>What a value is. <see cref="Error"/> is no JSON: what an expression gives that can't be worked out.</summary>
internal enum JsonKind : byte
{
    Null,
    False,
    True,
    Number,
    String,
    Array,
    Object,
    Error,
}
