using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Postern.Config;
using Postern.Edge.Authenticating;
using Postern.Pipeline;
using Postern.Runtime;

namespace Postern;

/// <summary>The gateway's ways to know callers, for the host's own endpoints.</summary>
public static class PosternAuthentication
{
    /// <summary>The name of the authentication scheme, unless another is given.</summary>
    public const string Scheme = "Postern";

    /// <summary>
    /// Lets the host's own endpoints know callers as gates do, with the same keys, caches and answers: <c>[Authorize]</c>,
    /// <c>RequireAuthorization()</c> and <c>HttpContext.User</c> work with it.
    /// </summary>
    /// <param name="builder">What <c>AddAuthentication()</c> returned.</param>
    /// <param name="ways">Names under the gateway's <c>identity</c>. What a request carries decides which one applies.</param>
    public static AuthenticationBuilder AddPostern(this AuthenticationBuilder builder, params string[] ways) => builder.AddPostern(Scheme, o => o.Ways = ways);

    /// <summary>The same under a name of its own, so that endpoints can choose: <c>[Authorize(AuthenticationSchemes = "Partners")]</c>.</summary>
    public static AuthenticationBuilder AddPostern(this AuthenticationBuilder builder, string scheme, Action<PosternAuthenticationOptions> configure)
    {
        builder.Services.AddSingleton(new HostScheme(scheme));
        return builder.AddScheme<PosternAuthenticationOptions, PosternAuthenticationHandler>(scheme, configure);
    }

    /// <summary>
    /// Who is calling, as the gateway knows it: on its routes, and on the host's endpoints that authenticate by <see cref="Scheme"/>.
    /// Null where nobody is known, or nobody has looked.
    /// </summary>
    public static Consumer? GetConsumer(this HttpContext context) => context.Features.Get<Exchange>()?.Consumer ?? context.Features.Get<Consumer>();

    /// <summary>What the schemes want compiled with the gateway.</summary>
    internal static HostParts Parts(IServiceProvider services)
    {
        var parts = new HostParts();
        foreach (var scheme in services.GetServices<HostScheme>())
        {
            parts[scheme.Name] = scope => Compile(scope, scheme.Name, services.GetRequiredService<IOptionsMonitor<PosternAuthenticationOptions>>().Get(scheme.Name).Ways);
        }
        return parts;
    }

    private static Ways? Compile(RouteScope scope, string scheme, IReadOnlyList<string> ways)
    {
        var callers = new CallerOptions { Use = ways, Origin = new Origin(null, 0, 0, $"AddAuthentication.{scheme}") };
        if (ways.Count == 0)
        {
            scope.Check.Error(callers, "", $"names no way to know a caller; write AddPostern(\"{scope.Config.Root.Written<IdentitySection>().Identity?.Keys.FirstOrDefault() ?? "NAME"}\")");
            return null;
        }
        callers.Validate(scope.Check);
        return Ways.Of(scope, callers);
    }

    /// <summary>A scheme that was added, so that its ways are kept although no route lists them.</summary>
    private sealed record HostScheme(string Name);
}

/// <summary>Which of the gateway's ways an authentication scheme of the host uses.</summary>
public sealed class PosternAuthenticationOptions : AuthenticationSchemeOptions
{
    /// <summary>Names under the gateway's <c>identity</c>.</summary>
    public IReadOnlyList<string> Ways { get; set; } = [];
}
