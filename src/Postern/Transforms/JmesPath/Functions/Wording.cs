using Postern.Transforms.JmesPath.Nodes;
using Postern.Transforms.Json;
using Postern.Transforms.Wording;

namespace Postern.Transforms.JmesPath.Functions;

/// <summary>Functions for clients' screens. Where there is nothing to put into words, null, they give null and no error.</summary>
internal static class Wording
{
    private const string Utc = "Z";

    public static readonly Function[] All =
    [
        new("money(string|number|null, string)", (a, call) => call.SpendText(a[0].Length) ? Money.Text(a[0], a[1], call.Evaluation.Locale) : Call.Spent, pure: false)
        {
            UsesLocale = _ => true,
            Mistake = (index, literal) => index == 1 ? Money.InCurrency(literal.AsString()!) : Money.InAmount(literal),
        },
        new("ago(string|number|null)", (a, call) => call.SpendText(a[0].Length) ? Ago.Text(a[0], call.Evaluation.Now) : Call.Spent, pure: false)
        {
            Mistake = (_, literal) => Timestamp.In(literal),
        },
        new("text(string|null)", Text),
        new("truncate(string|null, number)", (a, call) => call.SpendText(a[0].Length) ? Truncated.Text(a[0], a[1]) : Call.Spent)
        {
            Mistake = (index, literal) => index == 1 ? Truncated.InLength(literal) : null,
        },
        new("date(string|number|null, string?, string?)", Date, pure: false)
        {
            UsesLocale = arguments => arguments.Length < 2 || arguments[1] is not Literal format || DateText.DependsOnLocale(format.Value.AsString()!),
            Mistake = (index, literal) => index switch { 1 => DateText.InFormat(literal.AsString()!), 2 => DateText.InOffset(literal.AsString()!), _ => Timestamp.In(literal) },
        },
    ];

    /// <summary>Markup is gone over more slowly than other text.</summary>
    private static JsonValue Text(ReadOnlySpan<JsonValue> arguments, Call call)
    {
        if (!call.SpendText(arguments[0].Length * 4L))
        {
            return Call.Spent;
        }
        return arguments[0].AsString() is { } html ? JsonValue.Of(PlainText.Of(html)) : JsonValue.Null;
    }

    private static JsonValue Date(ReadOnlySpan<JsonValue> arguments, Call call)
    {
        var format = arguments.Length > 1 ? arguments[1] : JsonValue.Of(DateText.Usual);
        var offset = arguments.Length > 2 ? arguments[2] : JsonValue.Of(Utc);
        return call.SpendText((long)arguments[0].Length + format.Length + offset.Length) ? DateText.Text(arguments[0], format, offset, call.Evaluation.Locale) : Call.Spent;
    }
}
