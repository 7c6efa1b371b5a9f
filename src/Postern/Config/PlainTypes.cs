namespace Postern.Config;

/// <summary>A kind of plain value with a notation of its own: how it is read, and how messages, the JSON schema and the reference page speak of it.</summary>
/// <param name="Type">The type.</param>
/// <param name="Name">In the reference page, and in the schema without its spaces.</param>
/// <param name="Noun">In messages: <c>a rate</c>.</param>
/// <param name="Fix">What to write.</param>
/// <param name="Pattern">What the schema lets through.</param>
/// <param name="Description">For editors.</param>
/// <param name="Read">Null where the text is none.</param>
internal sealed record PlainType(Type Type, string Name, string Noun, string Fix, string Pattern, string Description, Func<string, object?> Read)
{
    /// <summary>The smallest and the largest whole number that is one, too; null for none.</summary>
    public (int From, int To)? Numbers { get; init; }
}

/// <summary>The kinds of plain values beyond numbers, texts, durations and sizes.</summary>
internal static class PlainTypes
{
    public static readonly PlainType[] All =
    [
        new(typeof(Rate), "rate", "a rate", "write 10/s, 100/minute, 5/hour or none",
            "^(none|[0-9]+/(s|sec|second|m|min|minute|h|hour|d|day|w|week|month|[0-9.]+(ms|s|m|h)))$",
            "Requests in a time: 10/s, 100/minute, 5/hour, 1000/day, 1/month, 100/10s; or none.",
            static text => Rate.TryParse(text, out var rate) ? rate : null),
        new(typeof(Burst), "burst", "a burst", "write 1.5x/10s",
            "^[0-9.]+x/[0-9.]+(ms|s|m|h)$",
            "How much faster than steadily, for how long: 1.5x/10s.",
            static text => Burst.TryParse(text, out var burst) ? burst : null),
        new(typeof(Percent), "percentage", "a percentage", "write 10% or 0.5%",
            "^[0-9]+(\\.[0-9]+)?%$",
            "A share: 10%, 0.5%.",
            static text => Percent.TryParse(text, out var percent) ? percent : null),
        new(typeof(DurationRange), "duration range", "a range of durations", "write 25ms..250ms",
            "^[0-9.]+(ms|s|m|h)(\\.\\.[0-9.]+(ms|s|m|h))?$",
            "The shortest and the longest: 25ms..250ms; one alone is both.",
            static text => DurationRange.TryParse(text, out var range) ? range : null),
        new(typeof(StatusRange), "status range", "a status", "write 200, 5xx or 200-399",
            "^([1-5][0-9][0-9](-[1-5][0-9][0-9])?|[1-5]xx)$",
            "A status of HTTP, a class of them, or from one to another: 503, 5xx, 200-399.",
            static text => StatusRange.TryParse(text, out var range) ? range : null) { Numbers = (100, 599) },
        new(typeof(CallFailure), "failure", "a failure", "write connect, timeout, reset, a status such as 503, or 5xx",
            "^(connect|timeout|reset|[1-5][0-9][0-9](-[1-5][0-9][0-9])?|[1-5]xx)$",
            "How a call fails: connect (no connection, or the call was refused before it was looked at), timeout (no answer in time), reset (a connection that ended or an answer that isn't HTTP), or a status: 503, 5xx.",
            static text => CallFailure.TryParse(text, out var failure) ? failure : null) { Numbers = (100, 599) },
        new(typeof(FallbackCause), "fallback cause", "a cause", "write connect, timeout, reset, open, full, empty, a status such as 503, or 5xx",
            "^(connect|timeout|reset|open|full|empty|[1-5][0-9][0-9](-[1-5][0-9][0-9])?|[1-5]xx)$",
            "When a fallback answers: connect (no connection), timeout (no answer in time), reset (a connection that ended or an answer that isn't HTTP), open (the breaker), full (the bulkhead, or every connection in use), empty (no destination), or a status that the client would get: 503, 5xx.",
            static text => FallbackCause.TryParse(text, out var cause) ? cause : null),
    ];

    /// <summary>The kind of that type, or null.</summary>
    public static PlainType? Of(Type type) => Array.Find(All, p => p.Type == type);
}
