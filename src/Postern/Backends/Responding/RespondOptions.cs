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

    /// <summary>The body as it is, sent as UTF-8. Without a <c>Content-Type</c> above it is <c>text/plain</c>, or <c>application/json</c> if it is JSON.</summary>
    public string? Body { get; init; }

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        HeaderRulesOptions.CheckFields(this, "headers", Headers, check);
        if (Body is not null && Status is 204 or 205 or 304)
        {
            check.Error(this, "body", $"a {Status} has no body; remove it or choose another status");
        }
    }
}
