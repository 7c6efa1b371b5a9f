using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;

namespace Postern.Tests.Harness;

/// <summary>
/// An authorization server: publishes keys, mints tokens, answers introspection. Real HTTP on a free port of its own, which it
/// keeps while it is down. Each endpoint counts, and can be slow, fail or lie.
/// </summary>
internal sealed class AuthServer : IAsyncDisposable
{
    /// <summary>What its tokens are for, unless a test says otherwise.</summary>
    public const string Audience = "api.example.com";

    public const string ClientId = "postern", ClientSecret = "s3cret:%";

    // Bound and never listening: nobody else is given the port, and who connects while the server is down is refused.
    private readonly Socket reserved = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly ConcurrentDictionary<string, JsonObject> replies = [];
    private readonly ConcurrentDictionary<string, int> asked = [];
    private readonly Lock gate = new();
    private List<SigningKey> published = [];
    private WebApplication? app;

    private AuthServer(TimeProvider time)
    {
        Time = time;
        reserved.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        reserved.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        Url = $"http://127.0.0.1:{((IPEndPoint)reserved.LocalEndPoint!).Port}";
        Issuer = Url;
        Jwks = new AuthEndpoint(context => AuthEndpoint.WriteAsync(context, KeySet()));
        Discovery = new AuthEndpoint(context => AuthEndpoint.WriteAsync(context, Configuration()));
        Introspection = new AuthEndpoint(IntrospectAsync);
    }

    public TimeProvider Time { get; }

    public string Url { get; }

    /// <summary>What it calls itself: its URL, unless a test says otherwise.</summary>
    public string Issuer { get; set; }

    public string JwksUrl => Url + "/jwks.json";

    public string DiscoveryUrl => Url + "/.well-known/openid-configuration";

    public string IntrospectionUrl => Url + "/introspect";

    public AuthEndpoint Jwks { get; }

    public AuthEndpoint Discovery { get; }

    /// <summary>Counts those whose client authentication failed, too.</summary>
    public AuthEndpoint Introspection { get; }

    /// <summary>The keys it publishes, the newest last.</summary>
    public IReadOnlyList<SigningKey> Published => published;

    /// <summary>The key that signs: the newest.</summary>
    public SigningKey Key => published[^1];

    /// <summary>Starts one with one RSA key, <c>k1</c>.</summary>
    public static async Task<AuthServer> StartAsync(TimeProvider? time = null)
    {
        var server = Down(time);
        await server.UpAsync();
        return server;
    }

    /// <summary>One with one RSA key, <c>k1</c>, that isn't up yet: connections are refused until <see cref="UpAsync"/>.</summary>
    public static AuthServer Down(TimeProvider? time = null)
    {
        var server = new AuthServer(time ?? TimeProvider.System);
        server.Publish("k1");
        return server;
    }

    /// <summary>Listens, at the same port each time.</summary>
    public async Task UpAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MinRequestBodyDataRate = kestrel.Limits.MinResponseDataRate = null;
            kestrel.Listen(IPAddress.Loopback, new Uri(Url).Port);
        });
        builder.Services.Configure<SocketTransportOptions>(o => o.CreateBoundListenSocket = endpoint =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
            socket.Bind(endpoint);
            return socket;
        });
        builder.Services.Configure<Microsoft.Extensions.Hosting.HostOptions>(o => o.ShutdownTimeout = TimeSpan.Zero);
        app = builder.Build();
        app.Run(context => context.Request.Path.Value switch
        {
            "/jwks.json" => Jwks.AnswerAsync(context),
            "/.well-known/openid-configuration" => Discovery.AnswerAsync(context),
            "/introspect" => Introspection.AnswerAsync(context),
            _ => NotFoundAsync(context),
        });
        await app.StartAsync();
    }

    /// <summary>Connections are refused from now on.</summary>
    public async Task DownAsync()
    {
        if (Interlocked.Exchange(ref app, null) is { } running)
        {
            await running.DisposeAsync();
        }
    }

    /// <summary>Makes a key and publishes it beside the others; it signs from now on.</summary>
    public SigningKey Publish(string kid, string algorithm = "RS256") => Publish(SigningKey.Make(kid, algorithm));

    /// <summary>Publishes a key beside the others; it signs from now on.</summary>
    public SigningKey Publish(SigningKey key)
    {
        lock (gate)
        {
            published = [.. published, key];
        }
        return key;
    }

    /// <summary>Publishes a key no longer.</summary>
    public void Withdraw(string kid)
    {
        lock (gate)
        {
            published = [.. published.Where(k => k.Kid != kid)];
        }
    }

    /// <summary>The key set as it is published; a test may change what it gets.</summary>
    public JsonObject KeySet() => new() { ["keys"] = new JsonArray([.. published.Select(k => k.Jwk())]) };

    /// <summary>The OpenID configuration as it is published; a test may change what it gets.</summary>
    public JsonObject Configuration() => new()
    {
        ["issuer"] = Issuer,
        ["jwks_uri"] = JwksUrl,
        ["introspection_endpoint"] = IntrospectionUrl,
        ["id_token_signing_alg_values_supported"] = new JsonArray("RS256", "ES256"),
    };

    /// <summary>
    /// The claims of a sound token: <c>iss</c>, <c>aud</c>, <c>sub</c> alice, <c>iat</c> now, <c>exp</c> in five minutes; with those
    /// given instead or beside. One that is null is left out.
    /// </summary>
    public JsonObject Claims(JsonObject? claims = null)
    {
        var now = Time.GetUtcNow().ToUnixTimeSeconds();
        return With(new JsonObject { ["iss"] = Issuer, ["aud"] = Audience, ["sub"] = "alice", ["iat"] = now, ["exp"] = now + 300 }, claims);
    }

    /// <summary>A signed token: <see cref="Claims"/>, by <see cref="Key"/>, with <c>alg</c>, <c>kid</c> and <c>typ</c> in its header; each may be given instead, null leaves it out.</summary>
    public string Token(JsonObject? claims = null, SigningKey? key = null, JsonObject? header = null)
    {
        key ??= Key;
        var fields = With(new JsonObject { ["alg"] = key.Algorithm, ["kid"] = key.Kid, ["typ"] = "JWT" }, header);
        return key.Sign(fields, Claims(claims));
    }

    /// <summary>
    /// Makes introspection answer for a token: <c>active</c> and <see cref="Claims"/>, with those given instead or beside; one
    /// that is null is left out. Tokens it doesn't know are not active.
    /// </summary>
    /// <returns>The token.</returns>
    public string Opaque(string token, JsonObject? reply = null)
    {
        replies[token] = With(With(new JsonObject { ["active"] = true }, Claims()), reply);
        return token;
    }

    /// <summary>The token is not active from now on.</summary>
    public void Revoke(string token) => replies.TryRemove(token, out _);

    /// <summary>How often introspection was asked about a token.</summary>
    public int Asked(string token) => asked.GetValueOrDefault(token);

    public async ValueTask DisposeAsync()
    {
        Jwks.Release();
        Discovery.Release();
        Introspection.Release();
        await DownAsync();
        reserved.Dispose();
    }

    private static JsonObject With(JsonObject defaults, JsonObject? changes)
    {
        foreach (var (name, value) in changes ?? [])
        {
            if (value is null)
            {
                defaults.Remove(name);
            }
            else
            {
                defaults[name] = value.DeepClone();
            }
        }
        return defaults;
    }

    private static Task NotFoundAsync(HttpContext context)
    {
        context.Response.StatusCode = 404;
        return Task.CompletedTask;
    }

    private async Task IntrospectAsync(HttpContext context)
    {
        if (context.Request.Method != "POST" || !context.Request.HasFormContentType)
        {
            context.Response.StatusCode = 400;
            return;
        }
        var token = (await context.Request.ReadFormAsync(context.RequestAborted))["token"].ToString();
        asked.AddOrUpdate(token, 1, (_, count) => count + 1);
        if (!IsClient(context.Request.Headers.Authorization.ToString()))
        {
            context.Response.StatusCode = 401;
            context.Response.Headers.WWWAuthenticate = "Basic realm=\"introspection\"";
            return;
        }
        await AuthEndpoint.WriteAsync(context, replies.TryGetValue(token, out var reply) ? reply : new JsonObject { ["active"] = false });
    }

    /// <summary>RFC 6749 §2.3.1: both parts are form-encoded before they are joined.</summary>
    private static bool IsClient(string authorization)
    {
        var basic = new byte[authorization.Length];
        if (!authorization.StartsWith("Basic ", StringComparison.Ordinal) || !Convert.TryFromBase64String(authorization[6..], basic, out var length))
        {
            return false;
        }
        return Encoding.UTF8.GetString(basic, 0, length).Split(':') is [var id, var secret]
            && WebUtility.UrlDecode(id) == ClientId && WebUtility.UrlDecode(secret) == ClientSecret;
    }
}
