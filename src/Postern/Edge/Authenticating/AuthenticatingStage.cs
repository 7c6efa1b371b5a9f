using System.Buffers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Primitives;
using Postern.Config;
using Postern.Edge.Authenticating.ApiKeys;
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
        private const string Scheme = "Bearer";
        // RFC 6750 §2.1 b64token
        private static readonly SearchValues<char> TokenChars = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=");

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
            var (way, field, credential) = ((ApiKeyWay?)null, (string?)null, default(Range));
            if (ways.Bearers.Length > 0 && context.Request.Headers.Authorization is { Count: > 0 } authorization)
            {
                if (authorization.Count > 1)
                {
                    return SeveralAsync(context);
                }
                field = authorization[0] ?? "";
            }
            if (field is not null && !Bearer(field, out credential))
            {
                field = null;
            }
            if (field is not null)
            {
                var length = credential.End.Value - credential.Start.Value;
                if (length is 0 or > Digest.MaxLength)
                {
                    return RefuseAsync(context, Failure.InvalidToken, length == 0 ? "The token is empty." : "The token is longer than 8 KB.");
                }
                exchange.CredentialField = "Authorization";
            }
            foreach (var keys in ways.Keys)
            {
                var given = keys.Header is not null ? context.Request.Headers[keys.Header] : QueryKey(exchange.Query, keys.Query!);
                if (given.Count == 0)
                {
                    continue;
                }
                if (given.Count > 1 || field is not null)
                {
                    return SeveralAsync(context);
                }
                (way, field) = (keys, given[0] ?? "");
                (credential, exchange.CredentialField, exchange.CredentialParameter) = (.., keys.Header, keys.Query);
            }
            if (field is null)
            {
                return MissingAsync(context);
            }
            var text = field.AsSpan()[credential];
            if (text.Length is 0 or > Digest.MaxLength)
            {
                return RefuseAsync(context, Failure.InvalidKey, null);
            }
            var digest = Digest.Of(text);
            return (way is not null ? way.Find(digest) : ways.Find(digest, text)) is { } consumer
                ? EnterAsync(context, exchange, consumer) : JudgeAsync(context, exchange, way, text.ToString(), digest);
        }

        private async Task JudgeAsync(HttpContext context, Exchange exchange, Way? way, string credential, Digest digest)
        {
            var detail = (string?)null;
            if (way is null && credential.AsSpan().ContainsAnyExcept(TokenChars))
            {
                // A comma is what joins two fields on the way here, so these are two tokens.
                await (credential.Contains(',') ? SeveralAsync(context) : RefuseAsync(context, Failure.InvalidToken, "The token has characters that no token has."));
                return;
            }
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
                await RefuseAsync(context, verdict.Failure, verdict.Detail, verdict.Reason, verdict.RetryAfter, verdict.Scopes);
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

        private Task RefuseAsync(HttpContext context, Failure failure, string? detail, string? reason = null, int? retryAfter = null, string? scopes = null)
        {
            refused.Add();
            var why = failure switch
            {
                Failure.InvalidToken => Error("invalid_token", detail),
                Failure.Forbidden => Error("insufficient_scope", detail, scopes),
                _ => challenge,
            };
            return Answer.FailAsync(context, failure, detail, reason, why, retryAfter);
        }

        /// <summary>RFC 6750 §3.1 invalid_request: two credentials are two opinions on who is calling.</summary>
        private Task SeveralAsync(HttpContext context)
        {
            refused.Add();
            return Answer.FailAsync(context, Failure.SeveralCredentials, challenge: Error("invalid_request", null));
        }

        private StringValues Error(string error, string? description, string? scopes = null) => ways.Bearers.Length == 0 ? challenge
            : $"Bearer realm=\"{realm}\", error=\"{error}\"{(description is null ? "" : $", error_description=\"{description.Replace('"', '\'').Replace('\\', '/')}\"")}{(scopes is null ? "" : $", scope=\"{scopes}\"")}";

        /// <summary>Where the token stands, which may be empty; false where another scheme is used.</summary>
        private static bool Bearer(string authorization, out Range token)
        {
            // RFC 9110 §11.1: schemes are of any case, and one space or more follow. HTTP/2 brings spaces at the ends too.
            var text = authorization.AsSpan().Trim(" \t");
            var before = authorization.AsSpan().IndexOf(text);
            var end = text.IndexOfAny(' ', '\t') is >= 0 and var space ? space : text.Length;
            var start = end + text[end..].IndexOfAnyExcept(" ");
            token = new Range(before + (end == text.Length ? end : start), before + text.Length);
            return text[..end].Equals(Scheme, StringComparison.OrdinalIgnoreCase);
        }

        /// <summary>The values of that parameter, however it is encoded; no more than two. One in other letters is none, but beside it a second one: upstreams may not tell them apart.</summary>
        private static StringValues QueryKey(string query, string name)
        {
            var (found, exact) = (StringValues.Empty, false);
            foreach (var pair in new QueryStringEnumerable(query))
            {
                var parameter = pair.DecodeName().Span;
                if (parameter.Equals(name, StringComparison.OrdinalIgnoreCase))
                {
                    exact |= parameter.SequenceEqual(name);
                    found = found.Count > 1 ? found : StringValues.Concat(found, pair.DecodeValue().ToString());
                }
            }
            return exact ? found : default;
        }
    }
}
