using System.Globalization;

namespace Postern.Transforms.Json;

/// <summary>What is done with two numbers.</summary>
internal enum Operator : byte
{
    Plus,
    Minus,
    Times,
    Divide,
    Modulo,
    DivideWhole,
}

/// <summary>
/// Numbers of JSON. They are compared exactly, however long they are. Sums and the like are worked out in decimals where that is
/// exact (0.1 + 0.2 is 0.3), otherwise as doubles.
/// </summary>
internal static class JsonNumbers
{
    /// <summary>What dividing by zero gives, or working with what is no number.</summary>
    public static readonly JsonValue NotANumber = JsonValue.Error("not-a-number");

    /// <summary>Safely below what a decimal holds, all its digits counted as a whole number.</summary>
    private const double Most = 7e28;

    /// <summary>An exponent past this is as good as any larger one.</summary>
    private const long MaxExponent = 1L << 50;

    /// <summary>A number worked out of two, or an error.</summary>
    public static JsonValue Work(in JsonValue a, Operator by, in JsonValue b)
    {
        if (a.Kind != JsonKind.Number || b.Kind != JsonKind.Number)
        {
            return NotANumber;
        }
        if (a.TryDecimal(out var x) && b.TryDecimal(out var y) && TryExactly(x, by, y, out var exact))
        {
            return JsonValue.Of(exact);
        }
        var (p, q) = (a.AsDouble(), b.AsDouble());
        var result = by switch
        {
            Operator.Plus => p + q,
            Operator.Minus => p - q,
            Operator.Times => p * q,
            Operator.Divide => p / q,
            Operator.Modulo => p % q,
            _ => Math.Floor(p / q),
        };
        return double.IsFinite(result) ? JsonValue.Of(result) : NotANumber;
    }

    /// <summary>Which is less; exactly, whatever they are.</summary>
    public static int Compare(in JsonValue a, in JsonValue b)
    {
        if (a.TryDecimal(out var x) && b.TryDecimal(out var y))
        {
            return x.CompareTo(y);
        }
        Span<byte> first = stackalloc byte[64], second = stackalloc byte[64];
        return Compare(a.TryRaw(out var p) ? p : first[..a.Format(first)], b.TryRaw(out var q) ? q : second[..b.Format(second)]);
    }

    /// <summary>The same for two as JSON writes them.</summary>
    public static int Compare(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b)
    {
        var x = new Digits(a);
        var y = new Digits(b);
        if (x.Sign != y.Sign || x.Sign == 0)
        {
            return x.Sign.CompareTo(y.Sign);
        }
        return x.Sign * Digits.Compare(x, y);
    }

    /// <summary>A number as JSON writes it, where a decimal holds it exactly.</summary>
    public static bool TryDecimal(ReadOnlySpan<byte> raw, out decimal value)
    {
        value = 0;
        var digits = new Digits(raw);
        // 28 digits fit wherever the point is among them; so far behind it, or before, they don't.
        return (digits.Sign == 0 || (digits.Count <= 28 && digits.Magnitude <= 28 && digits.Count - digits.Magnitude <= 28))
            && decimal.TryParse(raw, NumberStyles.Float, CultureInfo.InvariantCulture, out value);
    }

    /// <summary>Whether a text is a number of JSON.</summary>
    public static bool TryRead(string text, out JsonValue value)
    {
        value = JsonValue.Null;
        if (text.Length is 0 or > 1000 || !(text[0] is '-' or (>= '0' and <= '9')) || !char.IsAsciiDigit(text[^1]))
        {
            return false;
        }
        var bytes = new byte[text.Length];
        if (System.Text.Encoding.ASCII.GetBytes(text, bytes) != text.Length || !JsonScanner.IsNumber(bytes))
        {
            return false;
        }
        value = TryDecimal(bytes, out var exact) ? JsonValue.Of(exact) : JsonValue.Of(double.Parse(bytes, CultureInfo.InvariantCulture));
        return double.IsFinite(value.AsDouble());
    }

    private static bool TryExactly(decimal a, Operator by, decimal b, out decimal value)
    {
        value = 0;
        var scale = Math.Max(a.Scale, b.Scale);
        switch (by)
        {
            case Operator.Plus or Operator.Minus when (Size(a) + Size(b)) * Power(scale) < Most:
                value = by == Operator.Plus ? a + b : a - b;
                return true;
            case Operator.Times when a.Scale + b.Scale <= 28 && Size(a) * Power(a.Scale) * Size(b) * Power(b.Scale) < Most:
                value = a * b;
                return true;
            case Operator.Divide when b != 0 && Size(a) * Power(b.Scale) < Most && Size(a) / Size(b) < Most:
                value = a / b;
                return TryExactly(value, Operator.Times, b, out var back) && back == a;
            case Operator.Modulo when b != 0:
                value = a % b;
                return true;
            case Operator.DivideWhole when b != 0 && Size(a) * Power(scale) < Most && Size(a) / Size(b) < 1e15:
                // The quotient may be rounded up to a whole number; the rest can't.
                var rest = a % b;
                value = decimal.Round((a - rest) / b) - (rest != 0 && rest < 0 != b < 0 ? 1 : 0);
                return true;
            default:
                return false;
        }
    }

    private static double Size(decimal value) => (double)Math.Abs(value);

    private static double Power(int scale) => Math.Pow(10, scale);

    /// <summary>The digits that matter of a number, and where its point is.</summary>
    private readonly ref struct Digits
    {
        private readonly ReadOnlySpan<byte> text;
        private readonly int first;

        public Digits(ReadOnlySpan<byte> raw)
        {
            var negative = raw[0] == '-';
            raw = negative ? raw[1..] : raw;
            var e = raw.IndexOfAny((byte)'e', (byte)'E');
            text = e < 0 ? raw : raw[..e];
            first = text.IndexOfAnyInRange((byte)'1', (byte)'9');
            if (first < 0)
            {
                return;
            }
            var last = text.LastIndexOfAnyInRange((byte)'1', (byte)'9');
            var point = text.IndexOf((byte)'.');
            Sign = negative ? -1 : 1;
            text = text[..(last + 1)];
            Count = last - first + 1 - (point > first && point < last ? 1 : 0);
            Magnitude = (point < 0 ? (e < 0 ? raw.Length : e) - first : point - first + (point < first ? 1 : 0)) + (e < 0 ? 0 : Exponent(raw[(e + 1)..]));
        }

        public int Sign { get; }

        /// <summary>From the first that isn't zero to the last.</summary>
        public int Count { get; }

        /// <summary>How many of them stand before the point.</summary>
        public long Magnitude { get; }

        public static int Compare(in Digits a, in Digits b)
        {
            if (a.Magnitude != b.Magnitude)
            {
                return a.Magnitude.CompareTo(b.Magnitude);
            }
            var (i, j) = (a.first, b.first);
            while (i < a.text.Length && j < b.text.Length)
            {
                i += a.text[i] == '.' ? 1 : 0;
                j += b.text[j] == '.' ? 1 : 0;
                if (a.text[i] != b.text[j])
                {
                    return a.text[i].CompareTo(b.text[j]);
                }
                i++;
                j++;
            }
            return (a.text.Length - i).CompareTo(0) - (b.text.Length - j).CompareTo(0);
        }

        private static long Exponent(ReadOnlySpan<byte> text)
        {
            var negative = text[0] == '-';
            var value = 0L;
            foreach (var digit in text[0] is (byte)'-' or (byte)'+' ? text[1..] : text)
            {
                value = Math.Min(MaxExponent, value * 10 + digit - '0');
            }
            return negative ? -value : value;
        }
    }
}
