namespace Postern.Edge.Authenticating;

/// <summary>What came of asking a server.</summary>
internal sealed record Fetched
{
    /// <summary>Why there is no answer to use, in words that may be logged and shown by <c>/readyz</c>: <c>connection refused</c>, <c>answered 500</c>. Null where the server answered 200.</summary>
    public string? Problem { get; init; }

    /// <summary>The status of the answer; 0 where there was none.</summary>
    public int Status { get; init; }

    /// <summary>The media type of the answer without parameters, lower case; empty where it has none.</summary>
    public string MediaType { get; init; } = "";

    /// <summary>The whole body of a 200; empty for every other answer.</summary>
    public ReadOnlyMemory<byte> Body { get; init; }

    internal static Fetched Failed(string problem, int status = 0) => new() { Problem = problem, Status = status };
}
