using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Postern.Server.Administering;

/// <summary>Answers of the admin port: never stored, never guessed at.</summary>
internal static class AdminAnswer
{
    /// <summary>Every answer says that browsers mustn't guess what it is, so nothing is escaped but what JSON asks for.</summary>
    private static readonly JsonWriterOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>An object, whose properties are written.</summary>
    public static Task SendJsonAsync(HttpContext context, int status, Action<Utf8JsonWriter> write, string type = "application/json") => SendValueAsync(context, json =>
    {
        json.WriteStartObject();
        write(json);
        json.WriteEndObject();
    }, status, type);

    /// <summary>A whole value.</summary>
    public static Task SendValueAsync(HttpContext context, Action<Utf8JsonWriter> write, int status = 200, string type = "application/json", bool indented = false)
    {
        var body = new ArrayBufferWriter<byte>(4 << 10);
        using (var json = new Utf8JsonWriter(body, Readable with { Indented = indented }))
        {
            write(json);
        }
        return SendAsync(context, status, type, body.WrittenMemory);
    }

    /// <summary>Anything.</summary>
    public static Task SendAsync(HttpContext context, int status, string type, ReadOnlyMemory<byte> body)
    {
        var response = context.Response;
        response.StatusCode = status;
        response.ContentType = type;
        response.ContentLength = body.Length;
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : response.BodyWriter.WriteAsync(body).AsTask();
    }
}
