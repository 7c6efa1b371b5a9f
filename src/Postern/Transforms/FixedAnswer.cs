using System.Buffers;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Postern.Config;
using Postern.Pipeline;
using Postern.Wire;

namespace Postern.Transforms;

/// <summary>An answer without an upstream, known beforehand but for the route's parameters in its fields.</summary>
internal sealed class FixedAnswer
{
    private readonly int status;
    private readonly (string Name, FilledText Value)[] headers;
    private readonly byte[]? body;

    private FixedAnswer(int status, (string Name, FilledText Value)[] headers, byte[]? body) => (this.status, this.headers, this.body) = (status, headers, body);

    /// <summary>The status.</summary>
    public int Status => status;

    /// <summary>Makes it ready for a route.</summary>
    /// <param name="scope">The route.</param>
    /// <param name="at">Whose <c>headers</c> they are.</param>
    /// <param name="status">The status.</param>
    /// <param name="headers">Fields; <c>{name}</c> in a value stands for a parameter.</param>
    /// <param name="body">The body, or null for none.</param>
    /// <param name="type">What the body is where no field says it; null to see by the body itself.</param>
    /// <param name="known">The parameters that a value may name where it stands for several routes; null for those of the route.</param>
    public static FixedAnswer Compile(
        RouteScope scope, Options at, int status, IReadOnlyDictionary<string, string> headers, string? body, string? type = null, IReadOnlyList<string>? known = null)
    {
        var parameters = scope.Template.Parameters;
        foreach (var (name, value) in headers)
        {
            if (!ReferenceEquals(scope.Template, PathTemplate.Empty) && FilledText.Unknown(value, known ?? parameters) is { } unknown)
            {
                var (whose, there) = known is null ? ("the route's path has no parameter", parameters) : ("no route of the gate has a parameter", known);
                scope.Check.Warn(at, $"headers.{name}", $"{whose} '{unknown}', so it is sent as it stands, got '{value}'; "
                    + (Nearest.Of(unknown, there) is { } near ? $"did you mean '{{{near}}}'?" : there.Count > 0 ? $"there is {string.Join(", ", there)}" : "there is none"));
            }
        }
        List<(string, FilledText)> fields = [.. headers.Select(h => (h.Key, new FilledText(h.Value, parameters)))];
        if (body is not null && !headers.Keys.Contains("Content-Type", StringComparer.OrdinalIgnoreCase))
        {
            fields.Add(("Content-Type", new FilledText(type ?? (IsJson(body) ? "application/json" : "text/plain; charset=utf-8"), [])));
        }
        return new FixedAnswer(status, [.. fields], body is null ? null : Encoding.UTF8.GetBytes(body));
    }

    /// <summary>What it says to this request, for <c>postern explain</c>.</summary>
    public string Describe(Exchange exchange) => string.Join(", ", [
        $"{status}",
        .. headers.Select(h => $"{h.Name}: {h.Value.Fill(exchange)}"),
        .. body is null ? Array.Empty<string>() : [$"{body.Length} bytes"]]);

    /// <summary>Answers.</summary>
    public async Task WriteAsync(HttpContext context, HeaderRules? rules)
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
            response.ContentLength = body?.Length ?? 0;
        }
        if (body is { Length: > 0 } && !HttpMethods.IsHead(context.Request.Method))
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
