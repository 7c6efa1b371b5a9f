namespace Postern.Transforms.Json;

/// <summary>One value, or one name, of an indexed text: 16 bytes, for a text of a few megabytes has a million of them.</summary>
internal struct JsonToken
{
    // Kind in three bits, whether escaped in one, the rest counts: see JsonText.MaxLength.
    private uint rest;

    /// <summary>Its first byte.</summary>
    public int Start { get; private set; }

    /// <summary>Behind its last byte; quotes and brackets are within.</summary>
    public int End { get; private set; }

    /// <summary>The token behind it and all it holds; of a name, a fingerprint to compare by.</summary>
    public int Next { get; private set; }

    /// <summary>What it is.</summary>
    public readonly JsonKind Kind => (JsonKind)(rest & 7);

    /// <summary>Whether a text has escapes, so that its bytes aren't what it says.</summary>
    public readonly bool Escaped => (rest & 8) != 0;

    /// <summary>How many entries it has.</summary>
    public readonly int Count => (int)(rest >> 4);

    /// <summary>Sets what it says where it stands: a copy that is put together first costs as much as all else of a short value.</summary>
    public void Set(int start, int end, int next, JsonKind kind, bool escaped = false, int count = 0)
    {
        (Start, End, Next) = (start, end, next);
        rest = (uint)kind | (escaped ? 8u : 0) | ((uint)count << 4);
    }
}
