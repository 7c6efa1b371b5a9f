using Postern.Config;

namespace Postern.Edge.Observing;

/// <summary>The root key <c>telemetry</c>.</summary>
public sealed record TelemetrySection : Options
{
    /// <summary>What the gateway tells of its requests.</summary>
    public TelemetryOptions? Telemetry { get; init; }
}

/// <summary>What the gateway tells of its requests, and where.</summary>
public sealed record TelemetryOptions : Options
{
    /// <summary>One line for each request.</summary>
    public AccessLogOptions AccessLog { get; init; } = new();
}

/// <summary>The access log: written behind the requests, through a bounded queue; when that is full, lines are dropped and counted.</summary>
[Shorthand(nameof(To))]
public sealed record AccessLogOptions : Options
{
    /// <summary><c>stdout</c>, <c>stderr</c>, <c>off</c>, or the path of a file to append to.</summary>
    public string To { get; init; } = "stdout";

    /// <summary>How a line looks.</summary>
    public AccessLogFormat Format { get; init; }

    /// <summary>How many lines may wait to be written.</summary>
    [Range("16", "1000000")] public int Queue { get; init; } = 8192;

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        if (To.Length == 0)
        {
            check.Error(this, "to", "needed, got an empty text; write stdout, stderr, off or the path of a file");
        }
    }
}

/// <summary>The form of the access log.</summary>
public enum AccessLogFormat
{
    /// <summary>One JSON object a line.</summary>
    Json,
}
