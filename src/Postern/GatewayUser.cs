using System.Security.Claims;
using Microsoft.AspNetCore.Http.Features.Authentication;
using Postern.Pipeline;

namespace Postern;

/// <summary>
/// <c>HttpContext.User</c> on the gateway's routes in a host: the consumer once one is known, else whom the host's own
/// middleware knew. Made when somebody asks, so that requests for which nobody does don't pay.
/// </summary>
internal sealed class GatewayUser(Exchange exchange, IHttpAuthenticationFeature? host) : IHttpAuthenticationFeature
{
    private ClaimsPrincipal? user;

    public ClaimsPrincipal? User
    {
        get => user is not null ? user : exchange.Consumer is { } consumer ? user = Of(consumer) : host?.User;
        set => user = value;
    }

    /// <summary>
    /// The consumer as .NET knows callers. A copy: the consumer is shared by all requests with its credential, and what code
    /// of the host adds to a user (a claims transformation does) must not be there for the next.
    /// </summary>
    public static ClaimsPrincipal Of(Consumer consumer) => new(((ClaimsIdentity)consumer.Principal.Identity!).Clone()); // A principal's own Clone shares its identities.
}

/// <summary>Marks the endpoint at which the gateway answers.</summary>
internal sealed class GatewayEndpoint;
