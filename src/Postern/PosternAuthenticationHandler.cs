using System.Diagnostics;
using System.Globalization;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Postern.Edge.Authenticating;
using Postern.Pipeline;
using Postern.Runtime;

namespace Postern;

/// <summary>
/// Authenticates requests to the host's own endpoints by the ways of the gateway. A request without a credential is nobody's,
/// a bad credential fails, and an endpoint that asks for a known caller answers as a route would: 401 and what was wrong, or 503
/// while nobody can say. An endpoint that is open to anyone goes on without a user in each of these cases, as ASP.NET Core has it.
/// </summary>
internal sealed class PosternAuthenticationHandler(IOptionsMonitor<PosternAuthenticationOptions> options, ILoggerFactory loggers, UrlEncoder encoder, IServiceProvider services)
    : AuthenticationHandler<PosternAuthenticationOptions>(options, loggers, encoder)
{
    private Ways? ways;
    private Failure failure = Failure.Unauthenticated;
    private string? detail;
    private string? scopes;
    private int? retryAfter;

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var endpoint = Context.GetEndpoint();
        if (endpoint?.Metadata.GetMetadata<GatewayEndpoint>() is not null && endpoint.Metadata.GetMetadata<IAuthorizeData>() is null)
        {
            return AuthenticateResult.NoResult(); // The route that answers knows its own ways.
        }
        var runtime = services.GetService<GatewayRuntime>() ?? throw new InvalidOperationException("There is no gateway; call AddPostern on the application's builder, too.");
        ways = (Ways)runtime.Snapshot.Parts[Scheme.Name]!;
        var presented = Presented.Read(ways, Request.Headers, Request.QueryString.Value ?? "");
        if (presented.Failure != Failure.None)
        {
            return Fail(presented.Failure, presented.Detail);
        }
        if (!presented.IsThere)
        {
            return AuthenticateResult.NoResult();
        }
        var digest = Digest.Of(presented.Text);
        var consumer = ways.Find(presented, digest);
        if (consumer is null)
        {
            var verdict = await ways.JudgeAsync(presented, digest, Context.Connection.RemoteIpAddress?.ToString() ?? "");
            if (verdict.Consumer is null)
            {
                return Fail(verdict.Failure, verdict.Detail, verdict.RetryAfter, verdict.Scopes);
            }
            consumer = verdict.Consumer;
        }
        Context.Features.Set(consumer);
        return AuthenticateResult.Success(new AuthenticationTicket(GatewayUser.Of(consumer), Scheme.Name));
    }

    protected override async Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        await HandleAuthenticateOnceSafeAsync();
        await AnswerAsync(failure, detail, ways is null ? default : new Challenges(ways, Scheme.Name).Of(failure, detail, scopes).ToArray());
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) => AnswerAsync(Failure.Forbidden, null, []);

    private AuthenticateResult Fail(Failure reason, string? words, int? after = null, string? needed = null)
    {
        (failure, detail, retryAfter, scopes) = (reason, words, after, needed);
        return AuthenticateResult.Fail(words ?? FailureTable.Of(reason).Detail);
    }

    /// <summary>Answers as the gateway does. Fields that the host has set stay.</summary>
    private async Task AnswerAsync(Failure reason, string? words, string?[]? challenges)
    {
        if (Response.HasStarted)
        {
            return;
        }
        var row = FailureTable.Of(reason);
        Response.StatusCode = row.Status;
        foreach (var challenge in challenges ?? [])
        {
            Response.Headers.Append("WWW-Authenticate", challenge);
        }
        if (retryAfter is { } seconds && reason != Failure.Forbidden)
        {
            Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        }
        Response.Headers.CacheControl = "no-store";
        Response.ContentType = "application/problem+json";
        var body = Answer.Problem(row, words, Activity.Current?.TraceId.ToHexString() ?? Context.TraceIdentifier);
        Response.ContentLength = body.WrittenCount;
        if (!HttpMethods.IsHead(Request.Method))
        {
            await Response.Body.WriteAsync(body.WrittenMemory);
        }
    }
}
