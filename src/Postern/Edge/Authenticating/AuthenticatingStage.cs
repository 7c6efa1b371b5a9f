using Microsoft.AspNetCore.Http;
using Postern.Config;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Edge.Authenticating;

/// <summary>
/// Finds out who is calling, and refuses whom it doesn't know. A credential that was good before is known by its digest, and
/// costs one look-up; the others are judged by the way they are for. Stands behind the guard, which has refused what could be
/// read as two callers, and before everything that asks who is calling.
/// </summary>
internal sealed class AuthenticatingStage : ISharedStage
{
    /// <inheritdoc/>
    public void CompileShared(GatewayConfig config, StatePool state, Check check) => Ways.Renew(config, state, check);

    /// <inheritdoc/>
    public void KeepShared(GatewayConfig config, Check check, StatePool state) => Ways.Withdraw(config, check, state);

    /// <inheritdoc/>
    public RequestDelegate Compile(RouteScope scope, RequestDelegate next)
    {
        if (scope.Options<IdentityOptions>().Identity is not { Use: not null } callers)
        {
            if (!Decides(scope.Route.Sections) && !Decides(scope.Gate.Sections))
            {
                Undecided(scope);
            }
            scope.Note("identity", "off: anyone may call");
            return next;
        }
        if (Ways.Of(scope, callers) is not { } ways)
        {
            return next;
        }
        var summary = string.Join("; ", ways.All.Select(w => $"{w.Name} ({w.Summary})")) + (callers.Optional ? "; or nobody" : "");
        scope.Note("identity", context => summary + Shown(ways, context));
        return new Door(next, ways, callers.Optional, scope.Gate.Name, MetricRegistry.Of(scope.State)).InvokeAsync;
    }

    /// <summary>Who a credential stands for where no one has to be asked, so that later stages tell of that caller; else that it isn't known here.</summary>
    private static string Shown(Ways ways, HttpContext context)
    {
        var exchange = Exchange.Of(context);
        var presented = Presented.Read(ways, context.Request.Headers, exchange.Query);
        if (!presented.IsThere)
        {
            return "";
        }
        exchange.Consumer = ways.Find(presented, Digest.Of(presented.Text));
        return exchange.Consumer is { } known ? $"; here {known.Key[1..]}" : "; what is sent isn't looked up here, so the rest is told for a caller whom nobody knows";
    }

    /// <summary>Whether who may call was written there, be it off or unreadable; the latter was told when it was read.</summary>
    private static bool Decides(SectionSet sections) =>
        sections.Off.Contains("identity") || sections.Origin.Has("identity") || sections.Written<IdentityOptions>().Identity is not null;

    /// <summary>Said once for a gate where none of its routes decides.</summary>
    private static void Undecided(RouteScope scope)
    {
        var defined = scope.Config.Root.Written<IdentitySection>().Identity?.Keys;
        var fix = $"add identity: off for anyone{(defined is null ? "" : $", or identity: [NAME] (defined: {string.Join(", ", defined)})")}";
        if (scope.Gate.Routes.Any(r => Decides(r.Sections)))
        {
            scope.Check.Error(scope.Route.Sections.Origin, $"who may call is not decided, here or at the gate; {fix}");
        }
        else
        {
            scope.Check.Error(scope.Gate.Sections.Origin, $"who may call is not decided; {fix}, here or on each route");
        }
    }

    private sealed class Door
    {
        private readonly RequestDelegate next;
        private readonly Ways ways;
        private readonly bool optional;
        private readonly Challenges challenges;
        private readonly Counter known;
        private readonly Counter nobody;
        private readonly Counter refused;
        private readonly Counter unavailable;

        public Door(RequestDelegate next, Ways ways, bool optional, string gate, MetricRegistry metrics)
        {
            (this.next, this.ways, this.optional, challenges) = (next, ways, optional, new Challenges(ways, gate));
            Counter Outcome(string outcome) => metrics.Counter("postern_authentications_total", "Requests to routes that ask who is calling, by what came of it.", ("gate", gate), ("outcome", outcome));
            (known, nobody, refused, unavailable) = (Outcome("known"), Outcome("anonymous"), Outcome("refused"), Outcome("unavailable"));
        }

        public Task InvokeAsync(HttpContext context)
        {
            var exchange = Exchange.Of(context);
            var presented = Presented.Read(ways, context.Request.Headers, exchange.Query);
            if (presented.Failure != Failure.None)
            {
                return RefuseAsync(context, presented.Failure, presented.Detail);
            }
            if (!presented.IsThere)
            {
                return MissingAsync(context, exchange);
            }
            (exchange.CredentialField, exchange.CredentialParameter) = presented.Keys is { } keys ? (keys.Header, keys.Query) : ("Authorization", null);
            var digest = Digest.Of(presented.Text);
            return ways.Find(presented, digest) is { } consumer ? EnterAsync(context, exchange, consumer) : JudgeAsync(context, exchange, presented, digest);
        }

        private async Task JudgeAsync(HttpContext context, Exchange exchange, Presented presented, Digest digest)
        {
            var verdict = await ways.JudgeAsync(presented, digest, exchange.ClientAddress);
            if (verdict.Consumer is { } consumer)
            {
                await EnterAsync(context, exchange, consumer);
            }
            else if (verdict.Failure == Failure.IdentityUnavailable)
            {
                unavailable.Add();
                await Answer.FailAsync(context, Failure.IdentityUnavailable, reason: verdict.Reason, retryAfter: verdict.RetryAfter);
            }
            else
            {
                await RefuseAsync(context, verdict.Failure, verdict.Detail, verdict.Reason, verdict.RetryAfter, verdict.Scopes);
            }
        }

        private Task EnterAsync(HttpContext context, Exchange exchange, Consumer consumer)
        {
            known.Add();
            exchange.Consumer = consumer;
            return next(context);
        }

        private Task MissingAsync(HttpContext context, Exchange exchange)
        {
            if (optional)
            {
                nobody.Add();
                exchange.Challenge = challenges.Missing;
                return next(context);
            }
            return RefuseAsync(context, Failure.Unauthenticated, null);
        }

        private Task RefuseAsync(HttpContext context, Failure failure, string? detail, string? reason = null, int? retryAfter = null, string? scopes = null)
        {
            refused.Add();
            return Answer.FailAsync(context, failure, detail, reason, challenges.Of(failure, detail, scopes), retryAfter);
        }
    }
}
