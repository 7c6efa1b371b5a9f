using System.Buffers;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Postern.Pipeline;
using Postern.Transforms;

namespace Postern.Backends.Responding;

/// <summary>A fixed answer: a redirect, a maintenance page, a robots.txt. Calls no upstream.</summary>
internal sealed class RespondBackend : IBackend
{
    public RequestDelegate? Compile(RouteScope scope)
    {
        if (scope.Options<RespondSection>().Respond is not { } options)
        {
            return null;
        }
        var body = options.Body is null ? [] : Encoding.UTF8.GetBytes(options.Body);
        var headers = options.Headers.Select(h => (h.Key, Value: new FilledText(h.Value, scope.Template.Parameters))).ToArray();
        if (options.Body is not null && !options.Headers.Keys.Contains("Content-Type", StringComparer.OrdinalIgnoreCase))
        {
            headers = [.. headers, ("Content-Type", new FilledText(IsJson(options.Body) ? "application/json" : "text/plain; charset=utf-8", []))];
        }
        var (_, rules) = HeaderRules.Compile(scope);
        scope.Note("respond", context => string.Join(", ", [
            $"{options.Status}",
            .. headers.Select(h => $"{h.Key}: {h.Value.Fill(Exchange.Of(context))}"),
            .. options.Body is null ? Array.Empty<string>() : [$"{body.Length} bytes"]]));
        if (rules is not null)
        {
            scope.Note("respond", $"response headers: {rules}");
        }
        return context => AnswerAsync(context, options.Status, headers, rules, body);
    }

    private static async Task AnswerAsync(HttpContext context, int status, (string Key, FilledText Value)[] headers, HeaderRules? rules, byte[] body)
    {
        var exchange = Exchange.Of(context);
        var response = context.Response;
        response.StatusCode = status;
        foreach (var (name, value) in headers)
        {
            response.Headers[name] = value.Fill(exchange);
        }
        Answer.AddOwn(response.Headers, exchange);
        rules?.Apply(response.Headers);
        Answer.CloseUnasked(context);
        if (status is not (204 or 304))
        {
            response.ContentLength = body.Length;
        }
        if (body.Length > 0 && !HttpMethods.IsHead(context.Request.Method))
        {
            exchange.BytesSent = body.Length;
            response.BodyWriter.Write(body);
            await response.BodyWriter.FlushAsync(context.RequestAborted);
        }
    }

    private static bool IsJson(string text)
    {
        try
        {
            using var _ = JsonDocument.Parse(text);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
