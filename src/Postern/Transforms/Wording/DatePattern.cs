using System.Globalization;
using System.Text;
using Postern.Config;
using Postern.Transforms.Locales;

namespace Postern.Transforms.Wording;

/// <summary>
/// How a date is written: <c>yyyy-MM-dd HH:mm</c>. Letters are fields, a few of those that the Unicode consortium defines (UTS 35);
/// what stands between <c>'</c> is itself, and so is everything that is no letter.
/// </summary>
internal sealed class DatePattern
{
    /// <summary>Formats by name, which each locale writes its own way.</summary>
    public static readonly string[] Names = ["date", "short", "long", "time", "datetime"];

    /// <summary>Characters of a pattern.</summary>
    public const int MaxLength = 64;

    private static readonly string[] Fields = ["yyyy", "yy", "MMMM", "MMM", "MM", "M", "dd", "d", "EEEE", "EEE", "HH", "H", "hh", "h", "mm", "m", "ss", "s", "SSS", "a", "XXX", "Z", "T"];

    // A field, or a text where it isn't one.
    private readonly List<(string Text, bool IsField)> parts = [];

    private DatePattern() { }

    /// <summary>Whether the locale makes a difference.</summary>
    public bool DependsOnLocale => parts.Exists(p => p.IsField && p.Text is "MMMM" or "MMM" or "EEEE" or "EEE" or "a");

    /// <summary>Reads a pattern; or says what is wrong with it, and the fix.</summary>
    public static DatePattern? Parse(string text, out Mistake? mistake)
    {
        mistake = text.Length == 0 ? new("an empty format", "write one like 'yyyy-MM-dd'")
            : text.Length > MaxLength ? new($"a format of {text.Length} characters", $"at most {MaxLength} are allowed") : null;
        var pattern = new DatePattern();
        for (var at = 0; at < text.Length && mistake is null;)
        {
            at += text[at] == '\'' ? pattern.AddQuoted(text, at, out mistake)
                : char.IsAsciiLetter(text[at]) ? pattern.AddField(text, at, out mistake)
                : pattern.Add(text[at].ToString(), 1, isField: false);
        }
        return mistake is null ? pattern : null;
    }

    /// <summary>Writes a date.</summary>
    public string Write(DateTimeOffset time, Locale locale)
    {
        var text = new StringBuilder(32);
        foreach (var (part, isField) in parts)
        {
            if (isField)
            {
                Append(text, part, time, locale);
            }
            else
            {
                text.Append(part);
            }
        }
        return text.ToString();
    }

    private int AddQuoted(string text, int at, out Mistake? mistake)
    {
        mistake = null;
        var quoted = new StringBuilder();
        for (var end = at + 1; end < text.Length; end++)
        {
            if (text[end] != '\'')
            {
                quoted.Append(text[end]);
            }
            else if (end + 1 < text.Length && text[end + 1] == '\'' && end > at + 1)
            {
                quoted.Append(text[end++]);
            }
            else
            {
                return Add(end == at + 1 ? "'" : quoted.ToString(), end + 1 - at, isField: false);
            }
        }
        mistake = new("a format with a ' that nothing closes", "close it, or write '' for the sign itself");
        return 1;
    }

    private int AddField(string text, int at, out Mistake? mistake)
    {
        var length = 1;
        while (at + length < text.Length && text[at + length] == text[at])
        {
            length++;
        }
        var field = text.Substring(at, length);
        var known = Array.IndexOf(Fields, field) >= 0;
        mistake = known ? null : new($"no field '{field}' of a date", Instead(field));
        return Add(field == "Z" ? "XXX" : field, length, known && field != "T");
    }

    /// <summary>What .NET and others call fields, and what they are called here.</summary>
    private static string Instead(string field) => field[0] switch
    {
        't' => "the half of the day is 'a'",
        'f' or 'F' or 'S' => "milliseconds are 'SSS'",
        'z' or 'K' or 'X' or 'x' => "the offset is 'XXX'",
        'Y' or 'u' => "the year is 'yyyy'",
        'D' => "the day of the month is 'd' or 'dd'",
        'd' or 'e' or 'c' => "the day of the week is 'EEE' or 'EEEE'",
        'n' or 'i' => "minutes are 'mm'",
        _ => field.Length > 1 && Nearest.Of(field, Fields) is { } near ? $"did you mean '{near}'? Letters that are none stand between ' and '" : "letters that are no field stand between ' and '",
    };

    private int Add(string text, int length, bool isField)
    {
        if (!isField && parts.Count > 0 && !parts[^1].IsField)
        {
            parts[^1] = (parts[^1].Text + text, false);
        }
        else
        {
            parts.Add((text, isField));
        }
        return length;
    }

    private static void Append(StringBuilder text, string field, DateTimeOffset time, Locale locale)
    {
        switch (field)
        {
            case "MMMM":
                text.Append(locale.Months[time.Month - 1]);
                break;
            case "MMM":
                text.Append(locale.ShortMonths[time.Month - 1]);
                break;
            case "EEEE":
                text.Append(locale.Days[(int)time.DayOfWeek]);
                break;
            case "EEE":
                text.Append(locale.ShortDays[(int)time.DayOfWeek]);
                break;
            case "a":
                text.Append(locale.Halves[time.Hour / 12]);
                break;
            case "XXX":
                text.Append(time.Offset == TimeSpan.Zero ? "Z" : $"{(time.Offset < TimeSpan.Zero ? '-' : '+')}{time.Offset:hh\\:mm}");
                break;
            default:
                text.Append(Number(field, time).ToString(field.Length switch { 1 => "0", 2 => "00", 3 => "000", _ => "0000" }, CultureInfo.InvariantCulture));
                break;
        }
    }

    private static int Number(string field, DateTimeOffset time) => field[0] switch
    {
        'y' => field.Length == 2 ? time.Year % 100 : time.Year,
        'M' => time.Month,
        'd' => time.Day,
        'H' => time.Hour,
        'h' => (time.Hour + 11) % 12 + 1,
        'm' => time.Minute,
        's' => time.Second,
        _ => time.Millisecond,
    };
}
