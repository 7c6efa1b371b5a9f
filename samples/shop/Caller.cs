using Microsoft.AspNetCore.Http;

namespace Shop;

/// <summary>
/// Who is calling, as the gateway says. A service may believe these fields because the gateway removes what clients send
/// under their names, and because nobody else reaches the service.
/// </summary>
internal static class Caller
{
    /// <summary>The caller's id; null where the gateway names nobody.</summary>
    public static string? IdOf(HttpContext context) => context.Request.Headers["X-User-Id"] is [{ Length: > 0 } id] ? id : null;

    /// <summary>What the caller is, as the gateway says; null where it says nothing.</summary>
    public static string? RolesOf(HttpContext context) => context.Request.Headers["X-User-Roles"] is [{ Length: > 0 } roles] ? roles : null;

    /// <summary>What a service says to a request that should have come through the gateway and didn't, or from nobody.</summary>
    public static Task RefuseAsync(HttpContext context) =>
        context.Response.SendErrorAsync(401, "unknown_caller", "The gateway did not say who is calling (X-User-Id).");
}
