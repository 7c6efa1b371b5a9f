namespace Postern.Config;

/// <summary>One address that clients connect to, and what they may send there.</summary>
[Shorthand(nameof(Url))]
public sealed record ListenOptions : Options
{
    /// <summary>Scheme, address and port: <c>http://0.0.0.0:8080</c>. HTTP/1.1 and HTTP/2 (prior knowledge) share the port.</summary>
    [Needed(Example = "http://0.0.0.0:8080")] public string Url { get; init; } = "";

    /// <summary>What a client may cost before it has a route.</summary>
    public ListenLimitsOptions Limits { get; init; } = new();

    /// <summary>Which ambiguous paths are let through; by default none.</summary>
    public PathRulesOptions Paths { get; init; } = new();

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        if (Url.Length > 0 && Address.Problem(Url) is { } problem)
        {
            check.Error(this, "url", problem);
        }
    }
}

/// <summary>Bounds of a listener. Past one, the request is refused or the connection closed, whatever route it was for.</summary>
public sealed record ListenLimitsOptions : Options
{
    /// <summary>Bytes of all header fields of a request together; 431 past it.</summary>
    [Range("1KB", "1MB")] public ByteSize HeadSize { get; init; } = 32 << 10;

    /// <summary>Number of header fields of a request; 431 past it.</summary>
    [Range("1", "1000")] public int HeadCount { get; init; } = 100;

    /// <summary>Bytes of the request line; 414 past it.</summary>
    [Range("256B", "64KB")] public ByteSize RequestLine { get; init; } = 8 << 10;

    /// <summary>How long a client may take to send a request's head; 408 past it.</summary>
    [Range("100ms", "10m")] public TimeSpan HeadTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Slowest rate, in bytes a second, at which a body may come in or an answer be taken, after 5 s of grace; 0 for none.</summary>
    [Range("0", "1MB")] public ByteSize MinRate { get; init; } = 240;

    /// <summary>How long a connection may stay open without a request.</summary>
    [Range("1s", "1h")] public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>Connections open at once on this listener; those past it are closed at once.</summary>
    [Range("1", "1000000")] public int Connections { get; init; } = 20_000;

    /// <summary>HTTP/2 streams open at once on one connection. Streams opened and reset in a row end the connection.</summary>
    [Range("1", "1000")] public int Streams { get; init; } = 100;
}

/// <summary>Paths that upstreams are known to read differently from a gateway. Each is refused with 400 unless allowed here.</summary>
public sealed record PathRulesOptions : Options
{
    /// <summary><c>%2f</c>: an encoded slash.</summary>
    public Allowance EncodedSlash { get; init; }

    /// <summary><c>%5c</c>: an encoded backslash.</summary>
    public Allowance EncodedBackslash { get; init; }

    /// <summary>A backslash as it is.</summary>
    public Allowance Backslash { get; init; }

    /// <summary><c>//</c>: an empty segment.</summary>
    public Allowance DoubleSlash { get; init; }

    /// <summary><c>.</c> and <c>..</c> segments, plain or encoded.</summary>
    public Allowance DotSegments { get; init; }

    /// <summary><c>%</c> without two hex digits after it.</summary>
    public Allowance InvalidEncoding { get; init; }
}

/// <summary>Whether something is let through.</summary>
public enum Allowance
{
    /// <summary>Answered with 400.</summary>
    Refuse,
    /// <summary>Matched and sent on as it is.</summary>
    Allow,
}
