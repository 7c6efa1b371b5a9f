using Postern.Config;
using Postern.Transforms;

namespace Postern.Backends.Responding;

/// <summary>A route that the gateway answers itself.</summary>
public sealed record RespondSection : Options
{
    /// <summary>A fixed answer: a status, or <c>{ status, headers, body }</c>.</summary>
    [RouteOnly] public RespondOptions? Respond { get; init; }
}

/// <summary>A fixed answer.</summary>
[Shorthand(nameof(Status))]
public sealed record RespondOptions : Options
{
    /// <summary>The status code.</summary>
    [Range("200", "599")] public int Status { get; init; } = 200;

    /// <summary>Header fields; <c>{name}</c> in a value stands for the route's parameter, so a redirect can name it.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();

    /// <summary>The body. A text is sent as it is, in UTF-8; without a <c>Content-Type</c> above it is <c>text/plain</c>, or <c>application/json</c> if it is JSON.
    /// A mapping or a list is sent as JSON.</summary>
    public Inline? Body { get; init; }

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        if (Body is { Quoted: false, Text: "" or "~" })
        {
            check.Error(this, "body", "a text, a mapping or a list is needed, got nothing; write one, \"\" for an empty body, or remove the line");
        }
        HeaderRulesOptions.CheckFields(this, "headers", Headers, check);
        if (Body is not null && Status is 204 or 205 or 304)
        {
            check.Error(this, "body", $"a {Status} has no body; remove it or choose another status");
        }
    }
}
