using System.Runtime.InteropServices;

namespace Postern.Transforms.Protobuf;

/// <summary>
/// Where the fields of the messages in hand stand, innermost message last. What one field has in a row is one run, since JSON wants
/// the fields in their order and the wire may have them in any.
/// </summary>
internal sealed class Runs
{
    private readonly List<Run> all = [];
    private readonly List<int> heads = [];

    /// <summary>Bytes of a message that are one field's, tags included.</summary>
    /// <param name="Start">Where they begin.</param>
    /// <param name="End">Where they end.</param>
    /// <param name="Next">The field's next run; -1 for none.</param>
    public readonly record struct Run(int Start, int End, int Next);

    public Run this[int index] => all[index];

    /// <summary>Lists a message's fields; false where it is malformed.</summary>
    /// <param name="type">What it is.</param>
    /// <param name="message">Its bytes.</param>
    /// <param name="frame">For <see cref="First"/>, <see cref="Last"/> and <see cref="Close"/>.</param>
    public bool Open(MessageType type, ReadOnlySpan<byte> message, out (int Runs, int Heads) frame)
    {
        frame = (all.Count, heads.Count);
        // Of each field its first run and its last; of each oneof the field that is set.
        CollectionsMarshal.SetCount(heads, frame.Heads + type.Fields.Length * 2 + type.Oneofs);
        CollectionsMarshal.AsSpan(heads)[frame.Heads..].Fill(-1);
        var reader = new WireReader(message);
        var before = -1;
        while (!reader.AtEnd)
        {
            var start = reader.Position;
            if (!reader.Tag(out var number, out var wire) || !reader.Skip(number, wire))
            {
                return false;
            }
            if (type.Find(number) is not { } field || !Fits(field, wire))
            {
                before = -1;
                continue;
            }
            var own = CollectionsMarshal.AsSpan(heads)[frame.Heads..];
            ref var last = ref own[field.Index * 2 + 1];
            if (before == field.Index && last >= 0)
            {
                all[last] = all[last] with { End = reader.Position };
                continue;
            }
            before = field.Index;
            if (field.Oneof >= 0)
            {
                ref var set = ref own[type.Fields.Length * 2 + field.Oneof];
                if (set >= 0 && set != field.Index)
                {
                    own[set * 2] = own[set * 2 + 1] = -1;
                }
                set = field.Index;
            }
            all.Add(new Run(start, reader.Position, -1));
            if (last >= 0)
            {
                all[last] = all[last] with { Next = all.Count - 1 };
            }
            else
            {
                own[field.Index * 2] = all.Count - 1;
            }
            last = all.Count - 1;
        }
        return true;
    }

    /// <summary>The field's first run; -1 where the message doesn't have it.</summary>
    public int First((int Runs, int Heads) frame, FieldType field) => heads[frame.Heads + field.Index * 2];

    /// <summary>The field's last run.</summary>
    public int Last((int Runs, int Heads) frame, FieldType field) => heads[frame.Heads + field.Index * 2 + 1];

    /// <summary>The message is done with.</summary>
    public void Close((int Runs, int Heads) frame)
    {
        CollectionsMarshal.SetCount(all, frame.Runs);
        CollectionsMarshal.SetCount(heads, frame.Heads);
    }

    /// <summary>What stands there in another way than it should is a field that nobody knows; repeated numbers may be packed or not.</summary>
    private static bool Fits(FieldType field, WireType wire) =>
        wire == field.Wire || (field.IsRepeated && wire == WireType.Bytes && field.Kind is not (FieldKind.Message or FieldKind.Group));
}
