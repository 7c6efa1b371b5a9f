namespace Postern.Transforms.Json;

/// <summary>One value, or one name, of an indexed text: 16 bytes, for a text of a few megabytes has a million of them.</summary>
internal readonly struct JsonToken(int start, int end, int next, JsonKind kind, bool escaped, int count)
{
    // Kind in three bits, whether escaped in one, the rest counts: see JsonText.MaxLength.
    private readonly uint rest = (uint)kind | (escaped ? 8u : 0) | ((uint)count << 4);

    /// <summary>Its first byte.</summary>
    public int Start => start;

    /// <summary>Behind its last byte; quotes and brackets are within.</summary>
    public int End => end;

    /// <summary>The token behind it and all it holds; of a name, a fingerprint to compare by.</summary>
    public int Next => next;

    /// <summary>What it is.</summary>
    public JsonKind Kind => (JsonKind)(rest & 7);

    /// <summary>Whether a text has escapes, so that its bytes aren't what it says.</summary>
    public bool Escaped => (rest & 8) != 0;

    /// <summary>How many entries it has.</summary>
    public int Count => (int)(rest >> 4);
}
