using System.Buffers;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Text.Unicode;

namespace Postern.Transforms.Trimming;

/// <summary>How reading a piece went.</summary>
internal enum Outcome : byte
{
    /// <summary>It is whole.</summary>
    Ended,
    /// <summary>It goes on in the next piece.</summary>
    More,
    /// <summary>It isn't JSON.</summary>
    Broken,
}

/// <summary>
/// A text, number or word of JSON on its way: read piece by piece, held to RFC 8259 and to valid UTF-8 as it goes, and never kept.
/// Bytes of a text that say nothing are passed over many at a time.
/// </summary>
internal struct Scalar
{
    private static readonly SearchValues<byte> TellingInWide = SearchValues.Create([(byte)'"', (byte)'\\', .. Enumerable.Range(0, 0x20).Select(b => (byte)b)]);

    private enum State : byte
    {
        None, Text, Escape, Hex, Word,
        Minus, Zero, Whole, Point, Fraction, Exponent, ExponentSign, ExponentDigits,
    }

    private State state;
    // Hex digits that an escape still needs; bytes that a character still needs, and what the next may be; letters of a word that came.
    private byte hex, bytes, lowest, highest, letters, word;

    /// <summary>Whether one is on its way.</summary>
    public readonly bool IsOpen => state != State.None;

    /// <summary>Whether the text has a backslash.</summary>
    public bool HasEscapes { get; private set; }

    /// <summary>Whether what came is a whole number, if nothing follows.</summary>
    public readonly bool IsNumber => state is State.Zero or State.Whole or State.Fraction or State.ExponentDigits;

    /// <summary>Begins a number or a word with its first byte; false where none begins so.</summary>
    public bool Begin(byte first)
    {
        state = first switch
        {
            (byte)'-' => State.Minus,
            (byte)'0' => State.Zero,
            >= (byte)'1' and <= (byte)'9' => State.Whole,
            (byte)'t' or (byte)'f' or (byte)'n' => State.Word,
            _ => State.None,
        };
        (letters, word) = (1, first);
        return state != State.None;
    }

    /// <summary>Passes over a text from its first quote, as far as nothing in it has to be looked at; whether that was all of it.</summary>
    public bool PassText(ReadOnlySpan<byte> json, ref int at)
    {
        HasEscapes = false;
        at = Telling(json, at + 1);
        if (at < json.Length && json[at] == '"')
        {
            at++;
            return true;
        }
        state = State.Text;
        return false;
    }

    /// <summary>The next byte of a text that isn't plain ASCII, or ends it; the end of the piece where there is none.</summary>
    private static int Telling(ReadOnlySpan<byte> json, int at)
    {
        ref var first = ref MemoryMarshal.GetReference(json);
        for (; at <= json.Length - Vector128<byte>.Count; at += Vector128<byte>.Count)
        {
            var bytes = Vector128.LoadUnsafe(ref first, (nuint)at);
            // As signed numbers, all beyond ASCII are less than 0.
            var telling = Vector128.LessThan(bytes.AsSByte(), Vector128.Create((sbyte)' ')).AsByte()
                | Vector128.Equals(bytes, Vector128.Create((byte)'"')) | Vector128.Equals(bytes, Vector128.Create((byte)'\\'));
            if (telling != Vector128<byte>.Zero)
            {
                return at + BitOperations.TrailingZeroCount(telling.ExtractMostSignificantBits());
            }
        }
        while (at < json.Length && (sbyte)json[at] >= ' ' && json[at] is not ((byte)'"' or (byte)'\\'))
        {
            at++;
        }
        return at;
    }

    /// <summary>Goes on from <paramref name="at"/>, and moves it behind what belongs to this.</summary>
    public Outcome Read(ReadOnlySpan<byte> json, ref int at)
    {
        var outcome = state <= State.Hex ? Text(json, ref at) : state == State.Word ? Word(json, ref at) : Number(json, ref at);
        if (outcome == Outcome.Ended)
        {
            state = State.None;
        }
        return outcome;
    }

    private Outcome Text(ReadOnlySpan<byte> json, ref int at)
    {
        while (at < json.Length)
        {
            if (state == State.Text && bytes == 0)
            {
                at = Telling(json, at);
                if (at == json.Length)
                {
                    return Outcome.More;
                }
                var b = json[at];
                if (b == '"')
                {
                    at++;
                    return Outcome.Ended;
                }
                if (b == '\\')
                {
                    (state, HasEscapes) = (State.Escape, true);
                    at++;
                }
                else if (b < ' ' || !Wide(json, ref at))
                {
                    return Outcome.Broken;
                }
            }
            else if (!(state == State.Text ? Continue(json[at]) : Escaped(json[at])))
            {
                return Outcome.Broken;
            }
            else
            {
                at++;
            }
        }
        return Outcome.More;
    }

    /// <summary>One byte of an escape, behind its backslash.</summary>
    private bool Escaped(byte b)
    {
        if (state == State.Hex)
        {
            state = --hex == 0 ? State.Text : State.Hex;
            return char.IsAsciiHexDigit((char)b);
        }
        (state, hex) = b == 'u' ? (State.Hex, (byte)4) : (State.Text, (byte)0);
        return b is (byte)'u' or (byte)'"' or (byte)'\\' or (byte)'/' or (byte)'b' or (byte)'f' or (byte)'n' or (byte)'r' or (byte)'t';
    }

    /// <summary>What isn't ASCII, up to the next byte that tells something; a character may be cut where the piece ends.</summary>
    private bool Wide(ReadOnlySpan<byte> json, ref int at)
    {
        var run = json[at..];
        var length = run.IndexOfAny(TellingInWide);
        run = length < 0 ? run : run[..length];
        at += run.Length;
        if (Utf8.IsValid(run))
        {
            return true;
        }
        var cut = length < 0 ? Cut(run) : 0;
        if (cut == 0 || !Utf8.IsValid(run[..^cut]))
        {
            return false;
        }
        foreach (var b in run[^cut..])
        {
            if (!(bytes == 0 ? Lead(b) : Continue(b)))
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>How many bytes at the end are a character that isn't whole.</summary>
    private static int Cut(ReadOnlySpan<byte> run)
    {
        for (var i = 1; i <= Math.Min(3, run.Length); i++)
        {
            if (run[^i] >= 0xC0)
            {
                return run[^i] >= (i == 1 ? 0xC0 : i == 2 ? 0xE0 : 0xF0) ? i : 0;
            }
        }
        return 0;
    }

    /// <summary>The first byte of a character of several (RFC 3629 §4).</summary>
    private bool Lead(byte b)
    {
        (bytes, lowest, highest) = b switch
        {
            >= 0xC2 and <= 0xDF => ((byte)1, (byte)0x80, (byte)0xBF),
            0xE0 => ((byte)2, (byte)0xA0, (byte)0xBF),
            0xED => ((byte)2, (byte)0x80, (byte)0x9F),
            >= 0xE1 and <= 0xEF => ((byte)2, (byte)0x80, (byte)0xBF),
            0xF0 => ((byte)3, (byte)0x90, (byte)0xBF),
            >= 0xF1 and <= 0xF3 => ((byte)3, (byte)0x80, (byte)0xBF),
            0xF4 => ((byte)3, (byte)0x80, (byte)0x8F),
            _ => default,
        };
        return bytes > 0;
    }

    private bool Continue(byte b)
    {
        var fits = b >= lowest && b <= highest;
        (bytes, lowest, highest) = ((byte)(bytes - 1), 0x80, 0xBF);
        return fits;
    }

    private Outcome Word(ReadOnlySpan<byte> json, ref int at)
    {
        var whole = word == 't' ? "true"u8 : word == 'f' ? "false"u8 : "null"u8;
        while (letters < whole.Length)
        {
            if (at == json.Length)
            {
                return Outcome.More;
            }
            if (json[at++] != whole[letters++])
            {
                return Outcome.Broken;
            }
        }
        return Outcome.Ended;
    }

    private Outcome Number(ReadOnlySpan<byte> json, ref int at)
    {
        for (; at < json.Length; at++)
        {
            var b = json[at];
            var digit = char.IsAsciiDigit((char)b);
            if (digit && state is (State.Whole or State.Fraction or State.ExponentDigits))
            {
                continue;
            }
            var then = state switch
            {
                State.Minus => b == '0' ? State.Zero : digit ? State.Whole : State.None,
                State.Zero or State.Whole when b == '.' => State.Point,
                State.Zero or State.Whole or State.Fraction when b is (byte)'e' or (byte)'E' => State.Exponent,
                State.Point when digit => State.Fraction,
                State.Exponent when b is (byte)'+' or (byte)'-' => State.ExponentSign,
                State.Exponent or State.ExponentSign when digit => State.ExponentDigits,
                _ => State.None,
            };
            if (then == State.None)
            {
                return IsNumber ? Outcome.Ended : Outcome.Broken;
            }
            state = then;
        }
        return Outcome.More;
    }
}
