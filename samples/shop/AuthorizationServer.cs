using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Shop;

/// <summary>
/// The shop's authorization server: its configuration and keys where OpenID Connect has them, introspection (RFC 7662), and a
/// token endpoint for the desk. That one is no login: it gives anyone who reaches it a token for whomever they name, which is
/// why it listens on loopback only and why nothing like it belongs anywhere else.
/// </summary>
internal sealed class AuthorizationServer(TimeProvider time)
{
    /// <summary>What the shop's gates call themselves; its tokens are for them.</summary>
    public const string Audience = "shop";

    /// <summary>Who may introspect.</summary>
    public const string ClientId = "postern", ClientSecret = "for-the-desk-only";

    /// <summary>What a token holds where nothing else is asked for.</summary>
    private const string DefaultScope = "orders.read orders.write documents.read", DefaultRole = "customer", DefaultPlan = "pro";

    private const int DefaultLifetime = 3600, LongestLifetime = 24 * 3600, LongestBody = 32 * 1024;

    private readonly SigningKeys keys = new();
    private readonly IssuedTokens issued = new();

    /// <summary>Its own URL: the <c>iss</c> of its tokens. Known once it listens.</summary>
    public string Issuer { get; set; } = "";

    public void Map(WebApplication app)
    {
        app.MapMethods("/.well-known/openid-configuration", Answers.Read, context => context.Response.SendAsync(200, Configuration()));
        app.MapMethods("/.well-known/jwks.json", Answers.Read, context => context.Response.SendAsync(200, keys.PublicSet()));
        app.MapPost("/token", TokenAsync);
        app.MapPost("/introspect", IntrospectAsync);
        app.MapPost("/rotate", context => context.Response.SendAsync(200, new JsonObject { ["kid"] = keys.Rotate() }));
    }

    private JsonObject Configuration() => new()
    {
        ["issuer"] = Issuer,
        ["jwks_uri"] = Issuer + "/.well-known/jwks.json",
        ["token_endpoint"] = Issuer + "/token",
        ["introspection_endpoint"] = Issuer + "/introspect",
        ["introspection_endpoint_auth_methods_supported"] = new JsonArray("client_secret_basic"),
        ["response_types_supported"] = new JsonArray("token"),
        ["subject_types_supported"] = new JsonArray("public"),
        ["id_token_signing_alg_values_supported"] = new JsonArray(SigningKeys.Algorithm),
    };

    /// <summary>A token for <c>sub</c>, with <c>scope</c>, <c>roles</c>, <c>plan</c>, <c>expires_in</c>; <c>format=opaque</c> for one that only introspection can read.</summary>
    private async Task TokenAsync(HttpContext context)
    {
        if (await FormAsync(context) is not { } form)
        {
            return;
        }
        var sub = Said(form, "sub") ?? Users.All[0].Id;
        var seconds = DefaultLifetime;
        if (Said(form, "expires_in") is { } text && !(int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out seconds) && seconds is >= 1 and <= LongestLifetime))
        {
            await RefuseAsync(context, 400, "invalid_request", $"expires_in is a number of seconds from 1 to {LongestLifetime}.");
            return;
        }
        var opaque = Said(form, "format") == "opaque";
        if (!opaque && Said(form, "format") is not (null or "jwt"))
        {
            await RefuseAsync(context, 400, "invalid_request", "format is jwt or opaque.");
            return;
        }
        var now = time.GetUtcNow().ToUnixTimeSeconds();
        var user = Array.Find(Users.All, u => u.Id == sub);
        var claims = new JsonObject
        {
            ["iss"] = Issuer,
            ["sub"] = sub,
            ["aud"] = Audience,
            ["iat"] = now,
            ["exp"] = now + seconds,
            ["jti"] = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8)),
            ["scope"] = Listed(form, "scope", DefaultScope),
            ["roles"] = new JsonArray([.. Listed(form, "roles", DefaultRole).Split(' ', StringSplitOptions.RemoveEmptyEntries)]),
            ["plan"] = Said(form, "plan") ?? DefaultPlan,
        };
        if (user is not null)
        {
            claims["name"] = user.Name;
        }
        var token = opaque ? Base64Url(RandomNumberGenerator.GetBytes(24)) : keys.Sign(claims);
        issued.Add(token, claims, now);
        // RFC 6749 §5.1
        await context.Response.SendAsync(200, new JsonObject
        {
            ["access_token"] = token,
            ["token_type"] = "Bearer",
            ["expires_in"] = seconds,
            ["scope"] = claims["scope"]!.DeepClone(),
        });
    }

    /// <summary>What a token stands for, told to those who know the client secret.</summary>
    private async Task IntrospectAsync(HttpContext context)
    {
        if (!Knows(context.Request.Headers.Authorization.ToString()))
        {
            context.Response.Headers.WWWAuthenticate = "Basic realm=\"introspection\"";
            await RefuseAsync(context, 401, "invalid_client", "Introspection is for clients that this server knows, by HTTP Basic.");
            return;
        }
        if (await FormAsync(context) is not { } form)
        {
            return;
        }
        if (Said(form, "token") is not { } token)
        {
            await RefuseAsync(context, 400, "invalid_request", "Send token=… as a form.");
            return;
        }
        if (issued.Find(token, time.GetUtcNow().ToUnixTimeSeconds()) is not { } claims)
        {
            // RFC 7662 §2.2: nothing but this of a token that isn't good.
            await context.Response.SendAsync(200, new JsonObject { ["active"] = false });
            return;
        }
        claims["active"] = true;
        claims["token_type"] = "Bearer";
        await context.Response.SendAsync(200, claims);
    }

    private static bool Knows(string authorization)
    {
        var expected = "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{ClientId}:{ClientSecret}"));
        return CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(authorization), Encoding.UTF8.GetBytes(expected));
    }

    /// <summary>The request's form; null where it had none, and that has been answered.</summary>
    private static async Task<IFormCollection?> FormAsync(HttpContext context)
    {
        context.Features.Get<IHttpMaxRequestBodySizeFeature>()?.MaxRequestBodySize = LongestBody;
        try
        {
            if (!context.Request.HasFormContentType && context.Request.ContentLength is null or 0)
            {
                return FormCollection.Empty;
            }
            return await context.Request.ReadFormAsync(context.RequestAborted);
        }
        catch (Exception e) when (e is InvalidOperationException or InvalidDataException or BadHttpRequestException)
        {
            await RefuseAsync(context, 400, "invalid_request", $"The body is a form (application/x-www-form-urlencoded) of at most {LongestBody / 1024} KB.");
            return null;
        }
    }

    private static string? Said(IFormCollection form, string name) => form[name] is [{ Length: > 0 } only] ? only : null;

    /// <summary>Words, and none where the field is there and empty.</summary>
    private static string Listed(IFormCollection form, string name, string otherwise) => form[name] is [{ } only] ? only : otherwise;

    private static Task RefuseAsync(HttpContext context, int status, string error, string description) =>
        context.Response.SendAsync(status, new JsonObject { ["error"] = error, ["error_description"] = description });

    internal static string Base64Url(ReadOnlySpan<byte> bytes) => System.Buffers.Text.Base64Url.EncodeToString(bytes);
}
