using Microsoft.AspNetCore.Http;
using Postern.Pipeline;

namespace Postern.Edge.Admitting;

/// <summary>
/// Lets in as many requests as one caller may have in progress, so that one caller never has all that a gate can give. Stands
/// behind identity and require, which say who is calling and whether that one may, and before the rate limit, because a request
/// that is refused here counts in no plan.
/// </summary>
internal sealed class ConsumerAdmittingStage(TimeProvider time) : IStage
{
    public ConsumerAdmittingStage() : this(TimeProvider.System) { }

    /// <inheritdoc/>
    public RequestDelegate Compile(RouteScope scope, RequestDelegate next)
    {
        var section = scope.Options<ConcurrencySection>();
        if (section.MaxConcurrentPerConsumer is not { } most)
        {
            return next;
        }
        var reach = Reach.Of(scope, s => s.MaxConcurrentPerConsumer);
        if (section.MaxConcurrent?.Requests <= most && Reach.Of(scope, s => s.MaxConcurrent) == reach)
        {
            scope.Check.Warn(section, "maxConcurrentPerConsumer", $"has no effect: all callers together have {section.MaxConcurrent.Requests} requests at once, got {most}; lower it, or remove it");
        }
        var counts = scope.State.Keep("concurrency per consumer", reach.Key, static () => new CallerCounts());
        scope.Note("maxConcurrentPerConsumer", context =>
            $"{most} at once for each caller ({Exchange.Of(context).CallerKey}), {(reach.Route is null ? $"gate {reach.Gate} together" : "this route alone")}; 503 past it");
        var refusal = Refusal.Of(scope, time, "consumer", "full", "maxConcurrentPerConsumer",
            $"As many of your requests are in progress here as one caller may have; try again in {Refusal.RetryAfter} s.", $"maxConcurrentPerConsumer of the {reach.Kind}");
        return new Turnstile(next, counts, most, refusal).InvokeAsync;
    }

    private sealed class Turnstile(RequestDelegate next, CallerCounts counts, int most, Refusal refusal)
    {
        public Task InvokeAsync(HttpContext context)
        {
            var exchange = Exchange.Of(context);
            var key = exchange.CallerKey;
            if (!counts.TryEnter(key, most))
            {
                return refusal.AnswerAsync(context, exchange);
            }
            exchange.Hold(counts, key);
            return next(context);
        }
    }
}
