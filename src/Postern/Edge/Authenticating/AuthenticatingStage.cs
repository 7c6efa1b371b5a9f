using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Primitives;
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
    public void CompileShared(GatewayConfig config, StatePool state) => Ways.Renew(config, state);

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
        scope.Note("identity", string.Join("; ", ways.All.Select(w => $"{w.Name} ({w.Summary})")) + (callers.Optional ? "; or nobody" : ""));
        return new Door(next, ways, callers.Optional, scope.Gate.Name, MetricRegistry.Of(scope.State)).InvokeAsync;
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
        private const string Scheme = "Bearer ";
        private readonly RequestDelegate next;
        private readonly Ways ways;
        private readonly bool optional;
        private readonly string realm;
        private readonly StringValues challenge;
        private readonly Counter known;
        private readonly Counter nobody;
        private readonly Counter refused;
        private readonly Counter unavailable;

        public Door(RequestDelegate next, Ways ways, bool optional, string gate, MetricRegistry metrics)
        {
            (this.next, this.ways, this.optional, realm) = (next, ways, optional, gate);
            List<string> challenges = [];
            if (ways.Bearers.Length > 0)
            {
                challenges.Add($"Bearer realm=\"{realm}\"");
            }
            // There is no registered scheme for keys; a 401 must name one all the same (RFC 9110 §11.6.1).
            challenges.AddRange(ways.Keys.Select(k => $"ApiKey realm=\"{realm}\", {(k.Header is null ? $"query=\"{k.Query}\"" : $"header=\"{k.Header}\"")}"));
            challenge = challenges.ToArray();
            Counter Outcome(string outcome) => metrics.Counter("postern_authentications_total", "Requests to routes that ask who is calling, by what came of it.", ("gate", gate), ("outcome", outcome));
            (known, nobody, refused, unavailable) = (Outcome("known"), Outcome("anonymous"), Outcome("refused"), Outcome("unavailable"));
        }

        public Task InvokeAsync(HttpContext context)
        {
            var exchange = Exchange.Of(context);
            Way? way = null;
            string? credential = null;
            if (ways.Bearers.Length > 0 && context.Request.Headers.Authorization is { Count: > 0 } authorization && Bearer(authorization.ToString()) is { } token)
            {
                if (token.Length > Digest.MaxLength)
                {
                    return RefuseAsync(context, Failure.InvalidToken, "The token is longer than 8 KB.");
                }
                (credential, exchange.CredentialField) = (token, "Authorization");
            }
            foreach (var keys in ways.Keys)
            {
                var given = keys.Header is not null ? context.Request.Headers[keys.Header] : QueryKey(exchange.Query, keys.Query!);
                if (given.Count == 0)
                {
                    continue;
                }
                if (given.Count > 1 || credential is not null)
                {
                    refused.Add();
                    // RFC 6750 §3.1 invalid_request: two credentials are two opinions on who is calling.
                    return Answer.FailAsync(context, Failure.SeveralCredentials, challenge: Error("invalid_request", null));
                }
                (way, credential) = (keys, given[0] ?? "");
                (exchange.CredentialField, exchange.CredentialParameter) = (keys.Header, keys.Query);
                if (credential.Length is 0 or > Digest.MaxLength)
                {
                    return RefuseAsync(context, Failure.InvalidKey, null);
                }
            }
            if (credential is null)
            {
                return MissingAsync(context);
            }
            var digest = Digest.Of(credential);
            return Find(way, digest) is { } consumer ? EnterAsync(context, exchange, consumer) : JudgeAsync(context, exchange, way, credential, digest);
        }

        private Consumer? Find(Way? way, in Digest digest)
        {
            if (way is not null)
            {
                return way.Find(digest);
            }
            foreach (var bearers in ways.Bearers)
            {
                if (bearers.Find(digest) is { } consumer)
                {
                    return consumer;
                }
            }
            return null;
        }

        private async Task JudgeAsync(HttpContext context, Exchange exchange, Way? way, string credential, Digest digest)
        {
            var detail = (string?)null;
            way ??= ways.ForBearer(credential, out detail);
            var verdict = way is null ? Verdict.Refused(Failure.InvalidToken, detail) : await way.JudgeAsync(credential, digest, exchange.ClientAddress);
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
                await RefuseAsync(context, verdict.Failure, verdict.Detail, verdict.Reason, verdict.RetryAfter);
            }
        }

        private Task EnterAsync(HttpContext context, Exchange exchange, Consumer consumer)
        {
            known.Add();
            exchange.Consumer = consumer;
            return next(context);
        }

        private Task MissingAsync(HttpContext context)
        {
            if (optional)
            {
                nobody.Add();
                Exchange.Of(context).Challenge = challenge;
                return next(context);
            }
            refused.Add();
            // RFC 6750 §3.1: no error code where no credential was sent.
            return Answer.FailAsync(context, Failure.Unauthenticated, challenge: challenge);
        }

        private Task RefuseAsync(HttpContext context, Failure failure, string? detail, string? reason = null, int? retryAfter = null)
        {
            refused.Add();
            return Answer.FailAsync(context, failure, detail, reason, failure == Failure.InvalidToken ? Error("invalid_token", detail) : challenge, retryAfter);
        }

        private StringValues Error(string error, string? description) => ways.Bearers.Length == 0 ? challenge
            : $"Bearer realm=\"{realm}\", error=\"{error}\"{(description is null ? "" : $", error_description=\"{description.Replace('"', '\'')}\"")}";

        /// <summary>The token behind the scheme; null where another scheme is used.</summary>
        private static string? Bearer(string authorization) =>
            authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) ? authorization[Scheme.Length..].Trim(' ') : null;

        private static StringValues QueryKey(string query, string name) =>
            query.Contains(name, StringComparison.Ordinal) || query.Contains('%') ? QueryHelpers.ParseQuery(query).GetValueOrDefault(name) : default;
    }
}
