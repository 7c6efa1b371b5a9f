using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Postern.Pipeline;

/// <summary>Answers a request from the failure table, as <c>application/problem+json</c> (RFC 9457).</summary>
internal static class Answer
{
    /// <summary>Where the types of problems point: a name that never changes, not a page that could.</summary>
    public const string TypePrefix = "urn:postern:error:";

    /// <summary>Ends the request with the failure's row. If the answer has already begun, the connection is ended instead:
    /// no client may take half an answer for a whole one.</summary>
    /// <param name="context">The request.</param>
    /// <param name="failure">The row of the table.</param>
    /// <param name="detail">For the client, instead of the row's; null for the row's.</param>
    /// <param name="reason">For the log, never for the client.</param>
    /// <param name="challenge"><c>WWW-Authenticate</c>, for a 401 or 403.</param>
    /// <param name="retryAfter">Seconds after which the client may try again; null where trying again won't help.</param>
    /// <param name="source">The source of a composed answer that failed; null where none did.</param>
    public static Task FailAsync(
        HttpContext context, Failure failure, string? detail = null, string? reason = null, StringValues challenge = default, int? retryAfter = null, string? source = null)
    {
        var exchange = Exchange.Of(context);
        (exchange.Failure, exchange.FailureReason) = (failure, reason);
        var response = context.Response;
        if (response.HasStarted)
        {
            context.Abort();
            return Task.CompletedTask;
        }
        var row = FailureTable.Of(failure);
        if (failure == Failure.ClientGone)
        {
            response.StatusCode = row.Status;
            return Task.CompletedTask;
        }
        response.Headers.Clear();
        response.StatusCode = row.Status;
        response.ContentType = "application/problem+json";
        response.Headers.CacheControl = "no-store";
        response.Headers["X-Request-Id"] = exchange.RequestId;
        AddOwn(response.Headers, exchange);
        if (failure == Failure.MethodNotAllowed)
        {
            response.Headers.Allow = exchange.Allow;
        }
        if (challenge.Count > 0)
        {
            response.Headers.WWWAuthenticate = challenge;
        }
        if ((retryAfter ?? (failure == Failure.UpstreamBusy ? 1 : null)) is { } seconds)
        {
            response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        }
        CloseUnasked(context);
        if (failure is Failure.BodyTooLarge or Failure.BodyTooSlow or Failure.BadRequest)
        {
            Close(context);
        }
        var body = Problem(row, detail, exchange.TraceId, source);
        response.ContentLength = body.WrittenCount;
        if (context.Request.Method == HttpMethods.Head) // case-sensitive, as it is for the server
        {
            return Task.CompletedTask;
        }
        exchange.BytesSent = body.WrittenCount;
        response.BodyWriter.Write(body.WrittenSpan);
        return response.BodyWriter.FlushAsync().AsTask();
    }

    /// <summary>
    /// Before an answer to a request whose body was not asked for: a client that waited for <c>100 Continue</c> may still send
    /// it or not (RFC 9110 §10.1.1), so over HTTP/1 nobody can tell where its next request begins.
    /// </summary>
    internal static void CloseUnasked(HttpContext context)
    {
        if (context.Request.Headers.Expect.Count > 0)
        {
            Close(context);
        }
    }

    /// <summary>Sets what the gateway adds to every answer to this request.</summary>
    internal static void AddOwn(IHeaderDictionary headers, Exchange exchange)
    {
        foreach (var (name, value) in exchange.AnswerFields.Fields)
        {
            headers[name] = value;
        }
    }

    private static void Close(HttpContext context)
    {
        if (!HttpProtocol.IsHttp2(context.Request.Protocol) && !HttpProtocol.IsHttp3(context.Request.Protocol))
        {
            context.Response.Headers.Connection = "close";
        }
    }

    /// <summary>The body that tells a client of a failure.</summary>
    internal static ArrayBufferWriter<byte> Problem(FailureRow row, string? detail, string traceId, string? source = null)
    {
        var body = new ArrayBufferWriter<byte>(320);
        detail ??= row.Detail;
        using var json = new Utf8JsonWriter(body, new JsonWriterOptions { Encoder = EncoderFor(detail) });
        json.WriteStartObject();
        json.WriteString("type"u8, TypePrefix + row.Code);
        json.WriteString("title"u8, row.Title);
        json.WriteNumber("status"u8, row.Status);
        json.WriteString("detail"u8, detail);
        json.WriteString("code"u8, row.Code);
        if (source is not null)
        {
            json.WriteString("source"u8, source);
        }
        json.WriteString("traceId"u8, traceId);
        json.WriteEndObject();
        json.Flush();
        return body;
    }

    /// <summary>Apostrophes stand for themselves, so that people can read them; text in which a browser could find a tag is escaped as for a page.</summary>
    private static JavaScriptEncoder EncoderFor(string detail) =>
        detail.AsSpan().IndexOfAny('<', '>', '&') < 0 ? JavaScriptEncoder.UnsafeRelaxedJsonEscaping : JavaScriptEncoder.Default;
}
