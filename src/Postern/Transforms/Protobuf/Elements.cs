namespace Postern.Transforms.Protobuf;

/// <summary>Goes over the values of one field of a message that was listed, whether each has its tag or they are packed.</summary>
internal ref struct Elements(Runs runs, FieldType field, ReadOnlySpan<byte> message, int run)
{
    private readonly ReadOnlySpan<byte> message = message;
    private WireReader reader, packed;
    private int next = run;

    /// <summary>A number's bits.</summary>
    public ulong Bits { get; private set; }

    /// <summary>What isn't a number.</summary>
    public ReadOnlySpan<byte> Bytes { get; private set; }

    /// <summary>Whether it ended because packed numbers break off.</summary>
    public bool IsMalformed { get; private set; }

    public bool MoveNext()
    {
        while (packed.AtEnd)
        {
            while (reader.AtEnd)
            {
                if (next < 0)
                {
                    return false;
                }
                reader = new WireReader(message[runs[next].Start..runs[next].End]);
                next = runs[next].Next;
            }
            // That they are whole was seen when they were listed.
            reader.Tag(out var number, out var wire);
            reader.Value(number, wire, out var bits, out var bytes);
            if (wire == field.Wire)
            {
                Bits = bits;
                Bytes = bytes;
                return true;
            }
            packed = new WireReader(bytes);
        }
        IsMalformed = !packed.Value(0, field.Wire, out var one, out _);
        Bits = one;
        return !IsMalformed;
    }
}
