using System.Buffers;
using Microsoft.AspNetCore.Http;
using Postern.Pipeline;

namespace Postern.Edge.ForwardingIdentity;

/// <summary>
/// Serves the public keys of the gateway's tokens, where there are tokens, to whoever asks (RFC 7517). What it says changes
/// minutes before it matters, so it may be kept for a while.
/// </summary>
internal sealed class KeySetBackend : IBackend
{
    private static readonly string CacheControl = $"public, max-age={(int)KeyRing.MaxAge.TotalSeconds}";

    /// <inheritdoc/>
    public RequestDelegate? Compile(RouteScope scope)
    {
        if (scope.Config.Root.Written<ForwardIdentitySection>().ForwardIdentity is not { Token: { } token } options || !ForwardIdentityStage.IsSound(options))
        {
            return null;
        }
        var mint = TokenMint.Of(scope, token);
        scope.Note("keys", $"the public keys of {token.Header}");
        return context => AnswerAsync(context, mint);
    }

    private static async Task AnswerAsync(HttpContext context, TokenMint mint)
    {
        var (exchange, response) = (Exchange.Of(context), context.Response);
        var isHead = HttpMethods.IsHead(context.Request.Method);
        if (!isHead && !HttpMethods.IsGet(context.Request.Method))
        {
            exchange.Allow = "GET, HEAD";
            await Answer.FailAsync(context, Failure.MethodNotAllowed);
            return;
        }
        var keys = mint.KeySet();
        response.ContentType = "application/jwk-set+json";
        response.ContentLength = keys.Length;
        response.Headers.CacheControl = CacheControl;
        Answer.CloseUnasked(context);
        if (!isHead)
        {
            exchange.BytesSent = keys.Length;
            response.BodyWriter.Write(keys);
            await response.BodyWriter.FlushAsync(context.RequestAborted);
        }
    }
}
