namespace Postern.Edge.ForwardingIdentity;

/// <summary>The root key <c>forwardIdentity</c> in C#.</summary>
public static class ForwardIdentityExtensions
{
    /// <summary>What upstreams are told of a known caller.</summary>
    /// <param name="gateway">The gateway.</param>
    /// <param name="headers">Header fields, and the claim that each tells: <c>["X-User-Id"] = "sub"</c>.</param>
    /// <param name="authorization">Whether the caller's own credential goes on.</param>
    /// <param name="token">A token that the gateway signs; null for none.</param>
    public static GatewayBuilder ForwardIdentity(
        this GatewayBuilder gateway, IReadOnlyDictionary<string, string>? headers = null, ForwardedCredential authorization = ForwardedCredential.Keep, IdentityTokenOptions? token = null) =>
        gateway.Root<ForwardIdentitySection>(o => o with
        {
            ForwardIdentity = new ForwardIdentityOptions { Headers = headers ?? new Dictionary<string, string>(), Authorization = authorization, Token = token },
        });
}
