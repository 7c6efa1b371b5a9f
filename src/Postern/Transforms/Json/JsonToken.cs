namespace Postern.Transforms.Json;

/// <summary>One value, or one name, of an indexed text.</summary>
/// <param name="Start">Its first byte.</param>
/// <param name="End">Behind its last byte; quotes and brackets are within.</param>
/// <param name="Next">The token behind it and all it holds; of a name, a fingerprint to compare by.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Escaped">Whether a text has escapes, so that its bytes aren't what it says.</param>
/// <param name="Count">How many entries it has.</param>
internal readonly record struct JsonToken(int Start, int End, int Next, JsonKind Kind, bool Escaped, int Count);
