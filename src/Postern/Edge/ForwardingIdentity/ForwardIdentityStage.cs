using System.Text;
using Microsoft.AspNetCore.Http;
using Postern.Config;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Edge.ForwardingIdentity;

/// <summary>
/// Tells upstreams who is calling: claims as header fields, a token that the gateway signs, and whether the caller's own
/// credential goes on. Stands behind all that may refuse the caller. The fields become the gateway's own, on routes for anyone
/// too: what a client sends under their names is gone before a route is chosen.
/// </summary>
internal sealed class ForwardIdentityStage : IStage
{
    /// <summary>Where the token goes unless told otherwise; no client can send it, whether there is a token or not.</summary>
    public const string UsualHeader = "X-Postern-Identity";

    /// <inheritdoc/>
    public RequestDelegate Compile(RouteScope scope, RequestDelegate next)
    {
        scope.Reserve(UsualHeader);
        if (scope.Config.Root.Written<ForwardIdentitySection>().ForwardIdentity is not { } options)
        {
            return next;
        }
        foreach (var name in options.Headers.Keys)
        {
            scope.Reserve(name);
        }
        // What stands in Authorization has a signature that its reader checks; and clients must be able to send theirs.
        if (options.Token is { IsBearer: false } token)
        {
            scope.Reserve(token.Header);
        }
        if (scope.Callers == Callers.Anyone || !IsSound(options))
        {
            return next;
        }
        scope.Note("tell", Describe(options));
        var mint = options.Token is null ? null : TokenMint.Of(scope, options.Token);
        var metrics = MetricRegistry.Of(scope.State);
        var teller = scope.State.Keep("forwardIdentity", $"{scope.Gate.Name} {ConfigText.Fingerprint(options)}", () => new Teller(options, mint, scope.Gate.Name, metrics));
        return new Telling(next, teller, options.Authorization == ForwardedCredential.Remove).InvokeAsync;
    }

    /// <summary>Whether nothing was said against the options when they were read.</summary>
    internal static bool IsSound(ForwardIdentityOptions options)
    {
        var told = new Check();
        options.Validate(told);
        options.Token?.Validate(told);
        return !told.Failed(null) && options.Token is null or { Issuer.Length: > 0 };
    }

    private static string Describe(ForwardIdentityOptions options) => string.Join("; ", [
        .. options.Headers.Select(h => $"{h.Key} from {h.Value}"),
        .. options.Token is { } token ? (string[])[$"{token.Header}: a token of {token.Issuer} for {Scalars.Format(token.Lifetime)}"] : [],
        options.Authorization == ForwardedCredential.Keep ? "the caller's credential may go on" : "the caller's credential ends here"]);

    private sealed class Telling(RequestDelegate next, Teller teller, bool remove)
    {
        public Task InvokeAsync(HttpContext context)
        {
            var exchange = Exchange.Of(context);
            if (exchange.Consumer is { } consumer)
            {
                exchange.Told = teller.Of(consumer);
                if (remove)
                {
                    Remove(context, exchange);
                }
            }
            return next(context);
        }

        private static void Remove(HttpContext context, Exchange exchange)
        {
            var headers = context.Request.Headers;
            headers.Remove("Authorization");
            if (exchange.CredentialField is { } field)
            {
                headers.Remove(field);
            }
            if (exchange.CredentialParameter is { } parameter)
            {
                exchange.Query = Without(exchange.Query, parameter);
                context.Request.QueryString = new QueryString(exchange.Query);
            }
        }
    }

    /// <summary>The query without a parameter, however its name is written; every other byte stays.</summary>
    internal static string Without(string query, string name)
    {
        if (query.Length == 0)
        {
            return query;
        }
        var kept = new StringBuilder(query.Length);
        var cut = false;
        foreach (var range in query.AsSpan(1).Split('&'))
        {
            var pair = query.AsSpan(1)[range];
            var equals = pair.IndexOf('=');
            var given = Uri.UnescapeDataString((equals < 0 ? pair : pair[..equals]).ToString().Replace('+', ' '));
            if (given.Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                cut = true;
            }
            else
            {
                kept.Append(kept.Length == 0 ? '?' : '&').Append(pair);
            }
        }
        return cut ? kept.ToString() : query;
    }
}
