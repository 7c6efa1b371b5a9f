using Postern.Config;

namespace Postern.Transforms.FallingBack;

/// <summary>What a route answers where its upstream fails.</summary>
public sealed record FallbackSection : Options
{
    /// <summary>What is answered where the upstream fails: <c>{ status, headers, body }</c>, <c>{ status, headers, file }</c> or
    /// <c>{ to }</c>, and <c>on</c> which failures. The answer says so in <c>Postern-Fallback</c>.</summary>
    public FallbackOptions? Fallback { get; init; }
}

/// <summary>Another answer in place of a failure.</summary>
public sealed record FallbackOptions : Options
{
    private static readonly ValueList<FallbackCause> Usual = new(
        [FallbackCause.Connect, FallbackCause.Timeout, FallbackCause.Open, FallbackCause.Full, FallbackCause.Empty]);

    /// <summary>The status of a fixed answer. Default: 200.</summary>
    [Range("200", "599")] public int? Status { get; init; }

    /// <summary>Header fields of a fixed answer; <c>{name}</c> in a value stands for the route's parameter.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();

    /// <summary>The body. A text is sent as it is, in UTF-8; without a <c>Content-Type</c> above it is <c>text/plain</c>, or <c>application/json</c> if it is JSON.
    /// A mapping or a list is sent as JSON.</summary>
    public Inline? Body { get; init; }

    /// <summary>The file that holds the body: text, at most 64 KB, watched like the configuration. Without a <c>Content-Type</c> above its name says what it is.</summary>
    public FileText? File { get; init; }

    /// <summary>Another URL that is asked instead, written like a route's <c>to</c>: an upstream's name and a path. Its answer is the answer, good or bad.</summary>
    public string? To { get; init; }

    /// <summary>When: <c>connect</c>, <c>timeout</c>, <c>reset</c>, <c>open</c>, <c>full</c>, <c>empty</c>, and statuses that the client would else get, such as
    /// <c>503</c> or <c>5xx</c>. Default: <c>[connect, timeout, open, full, empty]</c>.</summary>
    [OneOrMany] public IReadOnlyList<FallbackCause> On { get; init; } = Usual;

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        var written = new[] { Body is null ? null : "body", File is null ? null : "file", To is null ? null : "to" }.OfType<string>().ToList();
        if (written.Count > 1)
        {
            check.Error(this, written[^1], $"a fallback has one answer, got {string.Join(" and ", written)}; keep one");
            return;
        }
        if (Body is { Quoted: false, Text: "" or "~" })
        {
            check.Error(this, "body", "a text, a mapping or a list is needed, got nothing; write one, \"\" for an empty body, or remove the line");
        }
        HeaderRulesOptions.CheckFields(this, "headers", Headers, check);
        if (To is not null && (Status is not null || Headers.Count > 0))
        {
            var key = Status is not null ? "status" : "headers";
            check.Error(this, key, $"what 'to' answers has its own {key}; remove this, or write body: instead of to:");
        }
        else if (written.Count == 0 && Status is null && Headers.Count == 0)
        {
            check.Error(this, "", "a fallback needs an answer; write status:, body:, file: or to:");
        }
        else if ((Body is not null || File is not null) && Status is 204 or 205 or 304)
        {
            check.Error(this, written[0], $"a {Status} has no body; remove it or choose another status");
        }
        CheckOn(check);
    }

    private void CheckOn(Check check)
    {
        for (var i = 0; i < On.Count; i++)
        {
            if (On[i] is { Kind: FallbackCauseKind.Status, Statuses: { From: > 0 and < 400 } statuses })
            {
                check.Error(this, $"on[{i}]", $"a fallback stands in for failures, got '{statuses}'; write statuses from 400 on");
            }
        }
    }
}
