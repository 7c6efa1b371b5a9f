using System.Buffers;
using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Postern.Config;
using Postern.Edge.RateLimiting;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Server.Administering;

/// <summary>
/// Answers the admin port: <c>/healthz</c> and <c>/readyz</c> for anyone who can reach it, <c>/metrics</c>, <c>/config</c>,
/// <c>/budgets</c>, <c>/limits/{consumer}</c>, <c>/upstreams</c>, <c>/routes</c> and <c>POST /reload</c> for who has the token, where there is one. A browser on the
/// same machine can be made to call it by any page; so a request must name a loopback host, and one that changes something must not come from a page elsewhere.
/// </summary>
internal sealed class AdminEndpoints
{
    private const string LimitsPath = "/limits/";

    private readonly AdminSource source;
    private readonly byte[]? token;
    private readonly bool loopback;
    private readonly Dictionary<string, (string Method, bool Open, RequestDelegate Handle)> endpoints;
    private readonly (string Method, bool Open, RequestDelegate Handle)[] limits;
    private readonly WeightEndpoints weights;

    public AdminEndpoints(AdminOptions options, AdminSource source)
    {
        this.source = source;
        token = string.IsNullOrEmpty(options.Token) ? null : SHA256.HashData(Encoding.UTF8.GetBytes(options.Token));
        loopback = Uri.TryCreate(options.Url, UriKind.Absolute, out var url) && url.IsLoopback;
        endpoints = new(StringComparer.Ordinal)
        {
            ["/healthz"] = ("GET", true, HealthAsync),
            ["/readyz"] = ("GET", true, ReadyAsync),
            ["/metrics"] = ("GET", false, MetricsAsync),
            ["/config"] = ("GET", false, ConfigAsync),
            ["/budgets"] = ("GET", false, BudgetsAsync),
            ["/reload"] = ("POST", false, ReloadAsync),
        };
        weights = new WeightEndpoints(source.Upstreams, source.Routes);
        limits = [("GET", false, LimitsAsync), ("DELETE", false, ResetAsync)];
    }

    public Task HandleAsync(HttpContext context)
    {
        var exchange = Exchange.Of(context);
        exchange.TraceId = exchange.RequestId = ActivityTraceId.CreateRandom().ToHexString();
        var request = context.Request;
        if (loopback && !NamesLoopback(request.Host))
        {
            return Answer.FailAsync(context, Failure.ForeignHost);
        }
        var path = request.Path.Value ?? "";
        var answering = endpoints.TryGetValue(path, out var only) ? [only]
            : path.StartsWith(LimitsPath, StringComparison.Ordinal) && path.Length > LimitsPath.Length ? limits : weights.At(path);
        if (answering.Length == 0)
        {
            return Answer.FailAsync(context, Failure.NotFound, $"The admin port has {string.Join(", ", endpoints.Keys)}, {LimitsPath}CONSUMER, {WeightEndpoints.Paths}.");
        }
        var endpoint = Array.Find(answering, e => e.Method == request.Method || (HttpMethods.IsHead(request.Method) && e.Method == "GET"));
        if (endpoint.Handle is null)
        {
            exchange.Allow = string.Join(", ", answering.Select(e => e.Method == "GET" ? "GET, HEAD" : e.Method));
            return Answer.FailAsync(context, Failure.MethodNotAllowed);
        }
        if (!endpoint.Open && !HasToken(request))
        {
            return RefuseAsync(context);
        }
        if (endpoint.Method != "GET" && IsForeign(request))
        {
            return Answer.FailAsync(context, Failure.ForeignOrigin);
        }
        return endpoint.Handle(context);
    }

    private static Task HealthAsync(HttpContext context) => AdminAnswer.SendAsync(context, 200, "text/plain; charset=utf-8", "ok\n"u8.ToArray());

    private Task ReadyAsync(HttpContext context)
    {
        var reason = source.NotReady();
        return AdminAnswer.SendJsonAsync(context, reason is null ? 200 : 503, json =>
        {
            json.WriteBoolean("ready"u8, reason is null);
            if (reason is not null)
            {
                json.WriteString("reason"u8, reason);
            }
        });
    }

    private Task MetricsAsync(HttpContext context)
    {
        var text = new ArrayBufferWriter<byte>(16 << 10);
        PrometheusText.Write(source.Metrics, text);
        return AdminAnswer.SendAsync(context, 200, PrometheusText.ContentType, text.WrittenMemory);
    }

    private Task ConfigAsync(HttpContext context) => AdminAnswer.SendValueAsync(context, source.WriteConfig, indented: true);

    private Task BudgetsAsync(HttpContext context) => AdminAnswer.SendJsonAsync(context, 200, json =>
    {
        json.WriteStartArray("budgets"u8);
        foreach (var budget in source.Budgets())
        {
            budget.Write(json);
        }
        json.WriteEndArray();
    });

    private async Task LimitsAsync(HttpContext context)
    {
        if (CallerOf(context) is not { } caller)
        {
            await NobodyAsync(context);
            return;
        }
        var body = new ArrayBufferWriter<byte>(1 << 10);
        await using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            await source.Limits.WriteAsync(caller, json);
            json.WriteEndObject();
        }
        await AdminAnswer.SendAsync(context, 200, "application/json", body.WrittenMemory);
    }

    private async Task ResetAsync(HttpContext context)
    {
        if (CallerOf(context) is not { } caller)
        {
            await NobodyAsync(context);
        }
        else if (await source.Limits.ResetAsync(caller))
        {
            await AdminAnswer.SendJsonAsync(context, 200, json => json.WriteString("reset"u8, caller.TrimStart('@')));
        }
        else
        {
            await Answer.FailAsync(context, Failure.LimitsUnreachable);
        }
    }

    /// <summary>Who is asked about: an id may hold anything, slashes too, so it is taken from the target as it was sent.</summary>
    private static string? CallerOf(HttpContext context)
    {
        var raw = Exchange.Of(context).RawTarget ?? context.Features.Get<IHttpRequestFeature>()!.RawTarget;
        var at = raw.IndexOf(LimitsPath, StringComparison.Ordinal);
        return at < 0 ? null : ConsumerLimits.CallerOf(Uri.UnescapeDataString(raw[(at + LimitsPath.Length)..].Split('?', 2)[0]));
    }

    private static Task NobodyAsync(HttpContext context) =>
        Answer.FailAsync(context, Failure.NotFound, "A consumer is the name of its identity and its id, as in /limits/customers:alice, or an address.");

    private async Task ReloadAsync(HttpContext context)
    {
        var problems = await source.ReloadAsync();
        var refused = problems.Any(p => !p.IsWarning);
        var row = FailureTable.Of(Failure.ReloadRefused);
        await AdminAnswer.SendJsonAsync(context, refused ? row.Status : 200, json =>
        {
            if (refused)
            {
                json.WriteString("type"u8, Answer.TypePrefix + row.Code);
                json.WriteString("title"u8, row.Title);
                json.WriteNumber("status"u8, row.Status);
                json.WriteString("detail"u8, row.Detail);
                json.WriteString("code"u8, row.Code);
                json.WriteString("traceId"u8, Exchange.Of(context).TraceId);
            }
            else
            {
                json.WriteBoolean("reloaded"u8, true);
            }
            json.WriteStartArray("problems"u8);
            foreach (var problem in problems)
            {
                json.WriteStringValue(problem.ToString());
            }
            json.WriteEndArray();
        }, refused ? "application/problem+json" : "application/json");
    }

    private static Task RefuseAsync(HttpContext context) => Answer.FailAsync(
        context, Failure.Unauthenticated, "The admin port wants its token: Authorization: Bearer TOKEN.", challenge: "Bearer realm=\"postern admin\"");

    /// <summary>Compares hashes, so that the time taken tells nothing about the token, its length included.</summary>
    private bool HasToken(HttpRequest request)
    {
        if (token is null)
        {
            return true;
        }
        var given = request.Headers.Authorization;
        const string scheme = "Bearer ";
        return given.Count == 1 && given[0]!.StartsWith(scheme, StringComparison.OrdinalIgnoreCase)
            && CryptographicOperations.FixedTimeEquals(token, SHA256.HashData(Encoding.UTF8.GetBytes(given[0]![scheme.Length..].Trim())));
    }

    /// <summary>A page's own host name can be made to resolve to 127.0.0.1, but the browser still says which name it called.
    /// A request without Host is no browser's; health checks of HTTP/1.0 are like that.</summary>
    private static bool NamesLoopback(HostString host) =>
        !host.HasValue
        || host.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.Host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));

    private static bool IsForeign(HttpRequest request)
    {
        var origin = request.Headers.Origin;
        return origin.Count > 0 && (origin.Count > 1 || !origin[0]!.Equals($"{request.Scheme}://{request.Host.Value}", StringComparison.OrdinalIgnoreCase));
    }
}
