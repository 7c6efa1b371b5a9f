namespace Postern.Wire;

/// <summary>The path and query of a request as bytes: taken apart, and refused where upstreams would read them differently.</summary>
internal static class RequestTarget
{
    /// <summary>The most parameters a route's template may have.</summary>
    public const int MaxParameters = 16;
}
