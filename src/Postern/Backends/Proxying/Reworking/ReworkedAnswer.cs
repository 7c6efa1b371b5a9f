using Microsoft.AspNetCore.Http;
using Postern.Pipeline;
using Postern.Transforms;

namespace Postern.Backends.Proxying.Reworking;

/// <summary>One answer whose body the client doesn't get as it came.</summary>
internal abstract class ReworkedAnswer(HttpContext context, Exchange exchange, UpstreamCall call, UpstreamReply reply, HeaderRules? rules)
{
    /// <summary>Bytes that came.</summary>
    public long BytesRead { get; protected set; }

    /// <summary>Bytes that left.</summary>
    public long BytesWritten { get; private set; }

    /// <summary>Why it failed, in a word.</summary>
    public string Reason { get; private set; } = "broken";

    /// <summary>Sends the answer; gives back what failed.</summary>
    public abstract Task<UpstreamException?> RelayAsync();

    /// <summary>Whether the body goes in chunks that are written here.</summary>
    protected bool IsChunked { get; private set; }

    /// <summary>Whether the body goes as it came after all.</summary>
    protected bool IsAsItCame { get; set; }

    /// <summary>Writes the head; before anything else leaves.</summary>
    /// <param name="length">How long the body is; null where that isn't known yet.</param>
    protected void Begin(long? length)
    {
        ResponseHead.Copy(context, exchange, reply, rules, reworked: !IsAsItCame);
        length = IsAsItCame ? reply.Length ?? length : length;
        context.Response.ContentLength = length;
        IsChunked = length is null && HttpProtocol.IsHttp11(context.Request.Protocol);
        if (IsChunked)
        {
            context.Response.Headers.TransferEncoding = "chunked";
        }
        if (call.ExpectContinue && !call.BodyBegun)
        {
            Answer.CloseUnasked(context);
        }
    }

    /// <summary>Counts what leaves.</summary>
    protected void Left(int bytes)
    {
        BytesWritten += bytes;
        exchange.BytesSent += bytes;
    }

    /// <summary>The answer can't be used.</summary>
    protected UpstreamException Fail(string reason, string? what)
    {
        Reason = reason;
        return new UpstreamException(context.Response.HasStarted ? Failure.UpstreamBroken : Failure.UpstreamProtocol, $"the upstream's answer {what}");
    }
}
