using System.Buffers;
using Postern.Transforms.Json;

namespace Postern.Transforms.Trimming;

/// <summary>
/// Trims one JSON text, piece by piece as it comes. It is a machine over bytes that holds no more than where it is: the names
/// that lead there, and a name of the text as long as it may still be one that is looked for. What it keeps it passes on as the
/// bytes they were, without the white space between them; all of it, what goes too, is held to RFC 8259.
/// <para>It has two ways to go. Where paths have something to say it takes each step by itself; what stays or goes whole
/// it passes over in one loop.</para>
/// </summary>
internal sealed class TrimPass(Level root)
{
    /// <summary>How deep objects and lists may stand in one another.</summary>
    public const int MostDepth = 64;

    private enum Expect : byte { Value, ItemOrEnd, Name, NameOrEnd, Colon, CommaOrEnd, Nothing }

    private Expect expect = Expect.Value;
    private Scalar scalar;
    private int depth;
    private ulong objects; // bit n: what stands open at depth n + 1 is an object
    private long passed;

    // What stays or goes whole began at this depth; less than 0 where the paths are followed.
    private int whole = -1;
    private bool keeps;

    // Where the paths are followed: what stands open, and the field whose value comes.
    private readonly List<Frame> frames = [];
    private Step? step;
    private bool named;

    // Where in this piece they stand; less than 0: not in this piece. A name that comes in pieces is put together.
    private int comma = -1, nameFrom = -1, nameTo = -1, colon = -1;
    private ArrayBufferWriter<byte>? parked;

    /// <summary>What is wrong with the text; null while nothing is.</summary>
    public string? Problem { get; private set; }

    /// <summary>Whether nothing has come yet.</summary>
    public bool IsEmpty => passed == 0;

    /// <summary>Takes the next piece and writes what stays of it; false where the text isn't JSON.</summary>
    public bool Write(ReadOnlySpan<byte> piece, IBufferWriter<byte> output)
    {
        var run = new Run(piece, output);
        var at = 0;
        while (at < piece.Length)
        {
            if (!(whole >= 0 ? Whole(ref run, ref at) : scalar.IsOpen ? Name(ref run, ref at) : Follow(ref run, ref at)))
            {
                Problem ??= $"not JSON at byte {passed + at}";
                return false;
            }
        }
        Park(ref run);
        run.End();
        passed += piece.Length;
        return true;
    }

    /// <summary>Says that nothing more comes; false where the text isn't whole.</summary>
    public bool End()
    {
        if (depth == 0 && scalar.IsNumber)
        {
            expect = Expect.Nothing;
        }
        if (expect != Expect.Nothing)
        {
            Problem ??= $"not JSON: it ends at byte {passed}";
        }
        return expect == Expect.Nothing;
    }

    /// <summary>Passes over what stays or goes whole.</summary>
    private bool Whole(ref Run run, ref int at)
    {
        var json = run.Json;
        var from = at;
        var good = true;
        while (good && at < json.Length && whole >= 0)
        {
            if (scalar.IsOpen)
            {
                var outcome = scalar.Read(json, ref at);
                good = outcome != Outcome.Broken;
                EndScalar(outcome == Outcome.Ended);
                continue;
            }
            var b = json[at];
            if (b == '"' && expect <= Expect.NameOrEnd)
            {
                // Most texts end before anything in them tells something.
                expect = expect <= Expect.ItemOrEnd ? Expect.CommaOrEnd : Expect.Colon;
                EndScalar(scalar.PassText(json, ref at));
            }
            else if (IsSpace(b))
            {
                if (keeps)
                {
                    run.Keep(from, at);
                }
                from = at = AfterSpace(json, at);
            }
            else
            {
                good = Mark(b);
                at++;
            }
        }
        if (keeps)
        {
            run.Keep(from, at);
        }
        return good;
    }

    private void EndScalar(bool ended)
    {
        if (ended && expect == Expect.CommaOrEnd && depth == whole)
        {
            EndWhole();
        }
    }

    /// <summary>One byte between texts, numbers and words, where nothing is looked for.</summary>
    private bool Mark(byte b)
    {
        switch (expect)
        {
            case Expect.ItemOrEnd when b == ']':
            case Expect.NameOrEnd when b == '}':
                return Close(b);
            case Expect.Value or Expect.ItemOrEnd when b is (byte)'{' or (byte)'[':
                return Open(b);
            case Expect.Value or Expect.ItemOrEnd:
                expect = Expect.CommaOrEnd;
                return scalar.Begin(b);
            case Expect.Colon:
                expect = Expect.Value;
                return b == ':';
            case Expect.CommaOrEnd when b == ',':
                expect = IsInObject ? Expect.Name : Expect.Value;
                return true;
            case Expect.CommaOrEnd:
                return Close(b);
            default:
                return false;
        }
    }

    /// <summary>One byte where the paths are followed.</summary>
    private bool Follow(ref Run run, ref int at)
    {
        var b = run.Json[at];
        if (IsSpace(b))
        {
            at = AfterSpace(run.Json, at);
            return true;
        }
        switch (expect)
        {
            case Expect.ItemOrEnd when b == ']':
            case Expect.NameOrEnd when b == '}':
            case Expect.CommaOrEnd when b is (byte)']' or (byte)'}':
                run.Keep(at, at + 1);
                at++;
                return Close(b);
            case Expect.Value or Expect.ItemOrEnd:
                return Value(ref run, ref at);
            case Expect.Name or Expect.NameOrEnd when b == '"':
                nameFrom = at;
                return !scalar.PassText(run.Json, ref at) || Named(ref run, at);
            case Expect.Colon when b == ':':
                (colon, expect) = (at++, Expect.Value);
                return true;
            case Expect.CommaOrEnd when b == ',':
                (comma, expect) = (at++, IsInObject ? Expect.Name : Expect.Value);
                return true;
            default:
                return false;
        }
    }

    /// <summary>A value begins where the paths are followed: they go on in an object or a list, a plain one stays or goes.</summary>
    private bool Value(ref Run run, ref int at)
    {
        var b = run.Json[at];
        var level = depth == 0 ? root : IsInObject ? step!.Below! : frames[depth - 1].Level;
        if (b is (byte)'{' or (byte)'[')
        {
            Lead(ref run);
            run.Keep(at, at + 1);
            at++;
            if (!Open(b))
            {
                return false;
            }
            Enter(level);
            return true;
        }
        // Of a plain value nothing can be picked; null says that there is nothing.
        (whole, keeps, expect) = (depth, !level.Picks || b == 'n', Expect.Value);
        if (keeps)
        {
            Lead(ref run);
        }
        else if (depth == 0)
        {
            run.Write("null"u8);
        }
        Forget();
        return true;
    }

    /// <summary>Reads on in a name.</summary>
    private bool Name(ref Run run, ref int at)
    {
        var outcome = scalar.Read(run.Json, ref at);
        return outcome == Outcome.Ended ? Named(ref run, at) : outcome == Outcome.More;
    }

    /// <summary>A name is whole: what becomes of its field?</summary>
    private bool Named(ref Run run, int at)
    {
        (expect, nameTo) = (Expect.Colon, at);
        if (parked is { WrittenCount: > 0 })
        {
            parked.Write(run.Json[..at]);
        }
        var name = (parked is { WrittenCount: > 0 } ? parked.WrittenSpan : run.Json[nameFrom..nameTo])[1..^1];
        var frame = frames[depth - 1];
        step = scalar.HasEscapes ? Find(frame.Level, name) : frame.Level.Find(name);
        if (step is { Fate: not Fate.Dropped } && !frame.Take(step.Index))
        {
            Problem = $"the name '{System.Text.Encoding.UTF8.GetString(step.Name)}' stands twice in an object, the second before byte {passed + at}";
            return false;
        }
        named = true;
        if (step is { Fate: Fate.Entered })
        {
            return true;
        }
        (whole, keeps) = (depth, step is null ? !frame.Level.Picks : step.Fate == Fate.Kept);
        if (keeps)
        {
            Lead(ref run);
        }
        Forget();
        return true;
    }

    /// <summary>Writes what stands before a value that stays: the comma, and the name as far as it came.</summary>
    private void Lead(ref Run run)
    {
        if (depth == 0)
        {
            return;
        }
        var frame = frames[depth - 1];
        if (frame.Wrote && comma >= 0)
        {
            run.Keep(comma, comma + 1);
        }
        else if (frame.Wrote)
        {
            run.Write(","u8);
        }
        frame.Wrote = true;
        if (!named)
        {
            return;
        }
        if (step?.Written is { } written)
        {
            run.Write(written);
        }
        else if (parked is { WrittenCount: > 0 })
        {
            run.Write(parked.WrittenSpan);
        }
        else
        {
            run.Keep(nameFrom, nameTo);
        }
        if (expect != Expect.Colon && colon >= 0)
        {
            run.Keep(colon, colon + 1);
        }
        else if (expect != Expect.Colon)
        {
            run.Write(":"u8);
        }
        Forget();
    }

    /// <summary>The piece ends: a name that is on its way, or waits for its value, is kept as long as it may be one that is looked for.</summary>
    private void Park(ref Run run)
    {
        if (whole < 0 && (scalar.IsOpen || named) && nameFrom >= 0)
        {
            (parked ??= new()).Write(nameTo >= 0 ? run.Json[nameFrom..nameTo] : run.Json[nameFrom..]);
        }
        else if (whole < 0 && scalar.IsOpen)
        {
            parked!.Write(run.Json);
        }
        // One byte of a name takes at most six as an escape.
        if (whole < 0 && scalar.IsOpen && parked!.WrittenCount > 1 + (6 * frames[depth - 1].Level.MostBytes))
        {
            (step, named, expect, nameFrom) = (null, true, Expect.Colon, -1);
            (whole, keeps) = (depth, !frames[depth - 1].Level.Picks);
            if (keeps)
            {
                Lead(ref run);
            }
            Forget();
        }
        comma = nameFrom = nameTo = colon = -1;
    }

    private void Forget()
    {
        (named, comma, nameFrom, nameTo, colon) = (false, -1, -1, -1, -1);
        parked?.ResetWrittenCount();
    }

    /// <summary>One byte of a name takes at most six as an escape.</summary>
    private static Step? Find(Level level, ReadOnlySpan<byte> escaped) =>
        escaped.Length > 6 * level.MostBytes ? null : level.Find(JsonStrings.Utf8(escaped));

    private bool Open(byte b)
    {
        if (depth == MostDepth)
        {
            Problem = $"more than {MostDepth} objects and lists in one another";
            return false;
        }
        objects = b == '{' ? objects | (1UL << depth) : objects & ~(1UL << depth);
        depth++;
        expect = b == '{' ? Expect.NameOrEnd : Expect.ItemOrEnd;
        return true;
    }

    private bool Close(byte b)
    {
        if (depth == 0 || b != (IsInObject ? '}' : ']'))
        {
            return false;
        }
        depth--;
        expect = depth == 0 ? Expect.Nothing : Expect.CommaOrEnd;
        if (depth == whole)
        {
            EndWhole();
        }
        return true;
    }

    private void EndWhole()
    {
        whole = -1;
        expect = depth == 0 ? Expect.Nothing : Expect.CommaOrEnd;
    }

    private bool IsInObject => (objects >> (depth - 1) & 1) != 0;

    private static bool IsSpace(byte b) => b is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t';

    private static int AfterSpace(ReadOnlySpan<byte> json, int at)
    {
        if (++at < json.Length && json[at] > ' ')
        {
            return at;
        }
        var length = json[at..].IndexOfAnyExcept(" \n\r\t"u8);
        return length < 0 ? json.Length : at + length;
    }

    private void Enter(Level level)
    {
        if (frames.Count < depth)
        {
            frames.Add(new Frame());
        }
        frames[depth - 1].Begin(level);
    }
}
