using Microsoft.AspNetCore.Http;

namespace Postern.Upstreams.Forwarding;

/// <summary>What it means that a request's body can't be read on.</summary>
internal static class ClientBody
{
    /// <summary>The server reports most of what is wrong with a body as a bad request. A chunk size out of range and a NUL among
    /// the trailers it reports as its own mistakes; they are the client's all the same.</summary>
    public static Exception Explain(Exception e) =>
        e is InvalidOperationException or IOException { InnerException: OverflowException }
            ? new BadHttpRequestException("The request's body is not valid HTTP.", e) : e;
}
