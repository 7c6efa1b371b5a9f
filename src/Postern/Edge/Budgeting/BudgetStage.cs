using Microsoft.AspNetCore.Http;
using Postern.Config;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Edge.Budgeting;

/// <summary>
/// Weighs the answer once it has been sent, and takes its time: what is past the route's budget is counted and logged, never
/// cut. Stands outside all that waits or works, because a client waits for all of it.
/// </summary>
internal sealed class BudgetStage(TimeProvider time) : IStage
{
    public BudgetStage() : this(TimeProvider.System) { }

    /// <inheritdoc/>
    public RequestDelegate Compile(RouteScope scope, RequestDelegate next)
    {
        if (scope.Options<BudgetSection>().Budget is not { } budget || (budget.Bytes is null && budget.Latency is null))
        {
            return next;
        }
        var (gate, route, metrics) = (scope.Gate.Name, scope.Name, MetricRegistry.Of(scope.State));
        var kept = scope.State.Keep("budget", $"{gate} {route} {Text(budget)}", () => new RouteBudget(gate, route, budget, metrics, time));
        scope.Expose(kept);
        scope.Note("budget", $"an answer past {Text(budget)} is counted and logged, not cut");
        return new Weighed(next, kept).InvokeAsync;
    }

    private static string Text(BudgetOptions budget) =>
        string.Join(" or ", new[] { budget.Bytes?.ToString(), budget.Latency is { } latency ? Scalars.Format(latency) : null }.OfType<string>());

    /// <summary>One route's weighing, request by request.</summary>
    private sealed class Weighed(RequestDelegate next, RouteBudget budget)
    {
        public Task InvokeAsync(HttpContext context)
        {
            var answer = next(context);
            if (!answer.IsCompletedSuccessfully)
            {
                return AwaitAsync(context, answer);
            }
            Weigh(context);
            return Task.CompletedTask;
        }

        private async Task AwaitAsync(HttpContext context, Task answer)
        {
            await answer;
            Weigh(context);
        }

        private void Weigh(HttpContext context)
        {
            var exchange = Exchange.Of(context);
            if (exchange.Failure == Failure.None && !IsStream(context))
            {
                exchange.PastBudget = budget.Count(exchange);
            }
        }

        /// <summary>What lasts as long as somebody listens has neither a size nor an end that a budget could mean.</summary>
        private static bool IsStream(HttpContext context)
        {
            var response = context.Response;
            return response.StatusCode == StatusCodes.Status101SwitchingProtocols
                || HttpMethods.IsConnect(context.Request.Method) // RFC 8441: a WebSocket over HTTP/2
                || (response.ContentType is { } type
                    && (type.StartsWith("text/event-stream", StringComparison.OrdinalIgnoreCase) || type.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase)));
        }
    }
}
