using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Postern.Config;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;
using Postern.Transforms;
using Postern.Transforms.FallingBack;
using Postern.Transforms.Json;
using Postern.Transforms.Shaping;
using Postern.Transforms.Trimming;
using Postern.Wire;

namespace Postern.Backends.Composing.Handlers;

/// <summary>One route's code, request by request.</summary>
internal sealed class HandlerRoute
{
    /// <summary>Names of sources with numbers of their own: code can make names of anything.</summary>
    private const int MostNames = 50;

    private readonly FrozenDictionary<string, UpstreamHandle> upstreams;
    private readonly IReadOnlyList<string> parameters;
    private readonly Forwarding forwarding;
    private readonly HeaderRules? requestRules, responseRules;
    private readonly ConcurrentDictionary<string, SourceMetrics> metrics = new(StringComparer.Ordinal);
    private readonly Func<string, SourceMetrics> measured;
    private readonly string? meta;
    private readonly bool serverTiming;
    private readonly Fallback? fallback;
    private readonly OutcomeReport report;

    public HandlerRoute(RouteScope scope, HandlerJson json, Fallback? fallback)
    {
        var section = scope.Options<ComposeSection>();
        (Json, Label, parameters) = (json, scope.Label, scope.Template.Parameters);
        // Which of them the code calls is known only when it runs.
        upstreams = scope.Config.Upstreams.Select(u => scope.Upstream(u.Name)).OfType<UpstreamHandle>().ToFrozenDictionary(u => u.Name);
        forwarding = Forwarding.Compile(scope, section, section.Forward);
        (requestRules, responseRules) = HeaderRules.Compile(scope);
        (meta, serverTiming) = (section.Meta, section.ServerTiming == true);
        (MaxSources, MaxBytes) = (section.MostSources, scope.Options<ShapeSection>().MostBytes);
        (Trimmer, this.fallback, report) = (Trimmer.Compile(scope), fallback, new OutcomeReport(scope));
        Timeout = scope.Options<TimeoutSection>().Timeout ?? ComposeSection.UsualTimeout;
        var (registry, gate) = (MetricRegistry.Of(scope.State), scope.Gate.Name);
        measured = name => new SourceMetrics(registry, gate, Label, name);
    }

    /// <summary>The delegate, its parameters filled from a request.</summary>
    public RequestDelegate Bound { get; set; } = null!;

    public HandlerJson Json { get; }

    /// <summary>How messages call the route.</summary>
    public string Label { get; }

    public int MaxSources { get; }

    public long MaxBytes { get; }

    /// <summary>How long all sources together may take.</summary>
    public TimeSpan Timeout { get; }

    /// <summary>What is taken out of the answer; null for nothing.</summary>
    public Trimmer? Trimmer { get; }

    public async Task HandleAsync(HttpContext context)
    {
        var exchange = Exchange.Of(context);

        // 1. What the delegate may ask for.
        var composer = new Composer(this, context, exchange);
        context.Features.Set(composer);
        context.Request.RouteValues = RouteValues(exchange);
        context.Response.OnStarting(static c => ((Composer)c).SayAsync(), composer);
        var body = CountedBody.Put(context, exchange);
        try
        {
            // 2. The delegate, and what it returns: InvokeAsync.
            using (CurrentRequest.Begin(context))
            {
                await Bound(context);
            }
            if (!composer.HasRun)
            {
                body.Remove();
                await RefuseAsync(context, context.Response.StatusCode, null);
            }
        }
        catch (Exception e) when (composer.Failed is not null || exchange.ClientGone(context).IsCancellationRequested || e is UpstreamException or BadHttpRequestException)
        {
            await composer.CloseAsync(gaveUp: true);
            body.Remove();
            await FailAsync(context, composer, e);
        }
        finally
        {
            body.Remove();
            await composer.CloseAsync(gaveUp: true);
        }
    }

    /// <summary>Around the delegate: makes an answer of what it returns.</summary>
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext invocation, EndpointFilterDelegate next)
    {
        var context = invocation.HttpContext;
        var composer = context.Features.Get<Composer>()!;
        composer.HasRun = true;
        var returned = await next(invocation);
        await composer.CloseAsync(gaveUp: false);
        if (composer.Failed is { } failed)
        {
            throw new SourceException(failed.Name, failed.Failure!.Reason);
        }
        composer.Exchange.ClientGone(context).ThrowIfCancellationRequested();
        switch (returned)
        {
            case IResult:
                return returned;
            case string text:
                context.Response.ContentType ??= "text/plain; charset=utf-8";
                using (var output = new JsonOutput(int.MaxValue))
                {
                    output.Write(System.Text.Encoding.UTF8.GetBytes(text));
                    await SendAsync(context, output);
                }
                return Results.Empty;
            case not null when Json.Streams:
                return returned;
            default:
                await AnswerAsync(context, composer, returned);
                return Results.Empty;
        }
    }

    /// <summary>The upstream of a name.</summary>
    public UpstreamHandle Upstream(string name) => upstreams.TryGetValue(name, out var upstream) ? upstream
        : throw new InvalidOperationException(name.Length == 0 ? "The name of an upstream is missing behind http://."
            : $"No upstream named '{name}'{(Nearest.Of(name, upstreams.Keys) is { } near ? $"; did you mean '{near}'?" : ".")} (defined: {string.Join(", ", upstreams.Keys.Order(StringComparer.Ordinal))})");

    /// <summary>What a call says beside its URL: what is forwarded, what the gateway says itself, the route's rules, then what the code says.</summary>
    public void Fill(HttpContext context, Exchange exchange, Forwarding? forward, SourceCall call, List<(string Name, string Value)> headers)
    {
        forward ??= forwarding;
        var fields = call.Fields;
        fields.Add("Accept", "application/json");
        forward.Add(context, fields);
        OwnFields.Add(context, exchange, fields);
        requestRules?.Apply(fields);
        if (call.Body is not null)
        {
            fields.Remove("Content-Type");
            fields.Add("Content-Type", "application/json");
        }
        if (forward.Query)
        {
            call.Target = CallWriter.WithQuery(call.Target, exchange.Query);
        }
        call.TellsChallenge = forward.Authorization;
        foreach (var (name, _) in headers)
        {
            fields.Remove(name);
        }
        foreach (var (name, value) in headers)
        {
            fields.Add(name, value);
        }
    }

    /// <summary>How the sources came out, each name once, and into the numbers.</summary>
    public void Tell(Composer composer)
    {
        var (outcomes, calls) = (composer.Outcomes, composer.Calls);
        for (var i = 0; i < calls.Count; i++)
        {
            var call = calls[i];
            if (!call.Counts || call.Failure is { IsGivenUp: true })
            {
                continue;
            }
            MetricsOf(call.Name).Count(call.Failure, call.Ticks);
            if (!IsToldBefore(calls, i))
            {
                var (failure, ticks) = Together(calls, i);
                outcomes.Add(call.Name, failure, ticks);
            }
        }
        outcomes.Log(composer.Exchange);
        report.Warn(outcomes, evaluation: null);
    }

    /// <summary>What the head of the code's answer says beside its own.</summary>
    public void Say(Composer composer, HttpContext context)
    {
        if (composer.Exchange.Failure != Failure.None || composer.Failed is not null)
        {
            return; // The gateway answers itself.
        }
        report.Answered(composer.Outcomes, evaluation: null);
        var headers = context.Response.Headers;
        Answer.AddOwn(headers, composer.Exchange);
        composer.Outcomes.Say(headers, serverTiming);
        responseRules?.Apply(headers);
    }

    private async Task AnswerAsync(HttpContext context, Composer composer, object? returned)
    {
        context.Response.ContentType ??= "application/json";
        using var output = new JsonOutput(int.MaxValue);
        Json.Write(output, returned);
        if (Trimmer is null || !Trimmer.Takes(context.Response.StatusCode))
        {
            AddMeta(composer, output);
            await SendAsync(context, output);
            return;
        }
        using var trimmed = new JsonOutput(int.MaxValue);
        if (Trimmer.Write(output.Written, trimmed) is { } problem)
        {
            throw new InvalidOperationException($"What the code of {Label} returned can't be trimmed: {problem}.");
        }
        AddMeta(composer, trimmed);
        await SendAsync(context, trimmed);
    }

    private static bool IsToldBefore(IReadOnlyList<PendingCall> calls, int index)
    {
        for (var i = 0; i < index; i++)
        {
            if (calls[i].Counts && calls[i].Name == calls[index].Name)
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>How all calls of one name came out: the first failure among them, and the longest time.</summary>
    private static (SourceFailure? Failure, long Ticks) Together(IReadOnlyList<PendingCall> calls, int first)
    {
        var (failure, ticks) = (calls[first].Failure, calls[first].Ticks);
        for (var i = first + 1; i < calls.Count; i++)
        {
            if (calls[i].Counts && calls[i].Name == calls[first].Name)
            {
                (failure, ticks) = (failure ?? calls[i].Failure, Math.Max(ticks, calls[i].Ticks));
            }
        }
        return (failure, ticks);
    }

    private SourceMetrics MetricsOf(string name) =>
        metrics.TryGetValue(name, out var known) ? known : metrics.GetOrAdd(metrics.Count < MostNames ? name : "others", measured);

    private void AddMeta(Composer composer, JsonOutput output)
    {
        if (meta is not null && LastField.Open(output, meta))
        {
            composer.Outcomes.WriteMeta(output, (long)Stopwatch.GetElapsedTime(composer.Began).TotalMilliseconds);
            output.Write((byte)'}');
        }
    }

    private static async Task SendAsync(HttpContext context, JsonOutput output)
    {
        var response = context.Response;
        Answer.CloseUnasked(context);
        if (response.StatusCode is not (204 or 205 or 304))
        {
            response.ContentLength = output.Length;
            if (!HttpMethods.IsHead(context.Request.Method))
            {
                await response.BodyWriter.WriteAsync(output.WrittenMemory, context.RequestAborted);
            }
        }
    }

    /// <summary>Values of the route as code reads them: decoded.</summary>
    private RouteValueDictionary RouteValues(Exchange exchange)
    {
        var values = new RouteValueDictionary();
        for (var i = 0; i < parameters.Count; i++)
        {
            values[parameters[i]] = Uri.UnescapeDataString(exchange.Path.AsSpan(exchange.Parameters[i]));
        }
        return values;
    }

    /// <summary>There is no answer of the code's.</summary>
    private Task FailAsync(HttpContext context, Composer composer, Exception e)
    {
        if (composer.Failed is { Failure: { } why } required)
        {
            if (!context.Response.HasStarted && fallback?.For(why.Told, why.Cause, $"{required.Name}: {why.Why}", why.RetryAfter) is { } instead)
            {
                context.Response.Headers.Clear();
                context.Response.Headers[RequestId.Name] = composer.Exchange.RequestId;
                fallback.Begin(composer.Exchange, instead);
                return fallback.AnswerAsync(context, instead, responseRules);
            }
            return Answer.FailAsync(context, why.Told, reason: $"{required.Name}: {why.Why}", challenge: why.Challenge, retryAfter: why.RetryAfter, source: required.Name);
        }
        if (composer.Exchange.ClientGone(context).IsCancellationRequested)
        {
            return Answer.FailAsync(context, Failure.ClientGone);
        }
        return e switch
        {
            UpstreamException upstream => Answer.FailAsync(context, upstream.Failure, reason: upstream.Message, retryAfter: upstream.RetryAfter),
            _ => RefuseAsync(context, ((BadHttpRequestException)e).StatusCode, e.Message),
        };
    }

    /// <summary>The delegate's parameters can't be filled from this request.</summary>
    private static Task RefuseAsync(HttpContext context, int status, string? reason) => Answer.FailAsync(context, status switch
    {
        StatusCodes.Status413PayloadTooLarge => Failure.BodyTooLarge,
        StatusCodes.Status408RequestTimeout => Failure.BodyTooSlow,
        StatusCodes.Status415UnsupportedMediaType => Failure.UnsupportedMedia,
        _ => Failure.BadInput,
    }, reason: reason);
}
