using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Authentication;

namespace Postern.Edge.Authenticating;

/// <summary>
/// Asks servers that know about callers: for key sets, for OpenID configurations, about tokens. Whatever they answer, it
/// costs a bounded time and a bounded number of bytes; what they redirect to is asked only where it is the same server; a
/// certificate that isn't trusted is never accepted. It never throws for what a server does: <see cref="Fetched.Problem"/> says it.
/// </summary>
internal sealed class Fetch : IDisposable
{
    /// <summary>Redirects that a GET follows, all to the same scheme, host and port.</summary>
    public const int MaxRedirects = 3;

    private readonly HttpMessageInvoker client;
    private readonly TimeProvider time;
    private readonly TimeSpan timeout;
    private readonly int maxBytes;

    /// <param name="time">The clock of the time-out.</param>
    /// <param name="timeout">From the first look-up of a name to the last byte, redirects included.</param>
    /// <param name="maxBytes">The largest body that is read.</param>
    /// <param name="maxConnections">To one server at once; who comes later waits, within the time-out.</param>
    public Fetch(TimeProvider time, TimeSpan timeout, int maxBytes, int maxConnections = 8)
    {
        (this.time, this.timeout, this.maxBytes) = (time, timeout, maxBytes);
        client = new HttpMessageInvoker(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            PreAuthenticate = false,
            Credentials = null,
            // The platform's own: HTTPS_PROXY and NO_PROXY. What is encrypted stays so through it; http, which is loopback only, never goes there.
            Proxy = new TunnelOnly(),
            AutomaticDecompression = DecompressionMethods.None,
            MaxResponseHeadersLength = 64,
            MaxResponseDrainSize = 16 * 1024,
            MaxConnectionsPerServer = maxConnections,
            PooledConnectionLifetime = TimeSpan.FromMinutes(2), // so that a name which moves is noticed
            ActivityHeadersPropagator = null,
        });
    }

    /// <summary>Whether a URL may be asked at all: https, or http to this machine; without credentials in it.</summary>
    public static bool Allows(Uri url) =>
        url.IsAbsoluteUri && url.UserInfo.Length == 0 && url.Host.Length > 0 && (url.Scheme == Uri.UriSchemeHttps || (url.Scheme == Uri.UriSchemeHttp && IsLoopback(url)));

    /// <summary>Whether a URL leads to this machine.</summary>
    public static bool IsLoopback(Uri url) =>
        url.IdnHost.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(url.IdnHost, out var address) && IPAddress.IsLoopback(address));

    /// <summary>Gets a JSON document.</summary>
    public Task<Fetched> GetAsync(Uri url, CancellationToken cancel) => SendAsync(url, () => new HttpRequestMessage(HttpMethod.Get, url), MaxRedirects, cancel);

    /// <summary>Posts a form and gets a JSON document. No redirect is followed: what is posted is for this URL alone.</summary>
    public Task<Fetched> PostAsync(Uri url, ReadOnlyMemory<byte> form, AuthenticationHeaderValue? authorization, CancellationToken cancel) => SendAsync(url, () =>
    {
        var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new ReadOnlyMemoryContent(form) };
        request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/x-www-form-urlencoded");
        request.Headers.Authorization = authorization;
        return request;
    }, 0, cancel);

    /// <inheritdoc/>
    public void Dispose() => client.Dispose();

    private async Task<Fetched> SendAsync(Uri url, Func<HttpRequestMessage> make, int redirects, CancellationToken cancel)
    {
        if (!Allows(url))
        {
            return Fetched.Failed("https is needed, or http on loopback");
        }
        using var timer = new CancellationTokenSource(timeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, cancel);
        try
        {
            while (true)
            {
                using var request = make();
                request.RequestUri = url;
                request.Headers.TryAddWithoutValidation("Accept", "application/json, */*;q=0.5");
                request.Headers.TryAddWithoutValidation("Accept-Encoding", "identity"); // a small body packed can be a huge one unpacked
                request.Headers.TryAddWithoutValidation("User-Agent", "Postern");
                using var response = await client.SendAsync(request, either.Token).ConfigureAwait(false);
                if (response.StatusCode is not (HttpStatusCode.MovedPermanently or HttpStatusCode.Found or HttpStatusCode.SeeOther or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect))
                {
                    return await ReadAsync(response, either.Token).ConfigureAwait(false);
                }
                if (Next(url, response.Headers.Location, redirects--, out var next) is { } problem)
                {
                    return Fetched.Failed($"answered {(int)response.StatusCode}: {problem}", (int)response.StatusCode);
                }
                url = next!;
            }
        }
        catch (OperationCanceledException)
        {
            return Fetched.Failed(cancel.IsCancellationRequested ? "given up" : $"no whole answer within {timeout.TotalSeconds:0.###} s");
        }
        catch (Exception e) when (e is HttpRequestException or IOException or InvalidOperationException)
        {
            return Fetched.Failed(Words(e));
        }
    }

    /// <summary>Where a redirect leads; else why it isn't followed.</summary>
    private static string? Next(Uri from, Uri? location, int left, out Uri? next)
    {
        next = null;
        if (location is null || !Uri.TryCreate(from, location, out next))
        {
            return "a redirect to nowhere";
        }
        // Another port or scheme is another server: only the one that was configured is trusted.
        if (next.Scheme != from.Scheme || !next.IdnHost.Equals(from.IdnHost, StringComparison.OrdinalIgnoreCase) || next.Port != from.Port || next.UserInfo.Length > 0)
        {
            return "a redirect to another server, which is not followed";
        }
        return left > 0 ? null : "a redirect that is one too many";
    }

    private async Task<Fetched> ReadAsync(HttpResponseMessage response, CancellationToken cancel)
    {
        var status = (int)response.StatusCode;
        if (status != 200)
        {
            return Fetched.Failed($"answered {status}", status);
        }
        var content = response.Content;
        if (content.Headers.ContentEncoding.Any(c => !c.Equals("identity", StringComparison.OrdinalIgnoreCase)))
        {
            return Fetched.Failed("answered with a content coding that it was not asked for", status);
        }
        if (content.Headers.ContentLength > maxBytes)
        {
            return TooLarge(status);
        }
        using var stream = await content.ReadAsStreamAsync(cancel).ConfigureAwait(false);
        var body = new byte[Math.Min(content.Headers.ContentLength ?? 4096, maxBytes) + 1];
        var length = 0;
        while (true)
        {
            var read = await stream.ReadAsync(body.AsMemory(length), cancel).ConfigureAwait(false);
            if (read == 0)
            {
                break;
            }
            length += read;
            if (length > maxBytes)
            {
                return TooLarge(status);
            }
            if (length == body.Length)
            {
                Array.Resize(ref body, Math.Min(length * 2, maxBytes + 1));
            }
        }
        return new Fetched { Status = status, Body = body.AsMemory(0, length), MediaType = content.Headers.ContentType?.MediaType?.ToLowerInvariant() ?? "" };
    }

    private Fetched TooLarge(int status) => Fetched.Failed($"answered more than {maxBytes / 1024} KB", status);

    /// <summary>What went wrong on the way, in few words and without what the server sent.</summary>
    private static string Words(Exception e)
    {
        for (var inner = e; inner is not null; inner = inner.InnerException)
        {
            switch (inner)
            {
                case AuthenticationException or System.Security.Cryptography.CryptographicException:
                    return $"TLS failed: {inner.Message}";
                case SocketException socket:
                    return Words(socket);
            }
        }
        return e is HttpRequestException { HttpRequestError: var error } ? error switch
        {
            HttpRequestError.NameResolutionError => "its name has no address",
            HttpRequestError.ConnectionError => "no connection",
            HttpRequestError.SecureConnectionError => "TLS failed",
            HttpRequestError.ResponseEnded => "broke off its answer",
            HttpRequestError.ConfigurationLimitExceeded => "its header fields are larger than 64 KB",
            HttpRequestError.InvalidResponse => "not an answer in HTTP",
            HttpRequestError.ProxyTunnelError => "the proxy opened no tunnel",
            _ => "the connection failed",
        } : "the connection failed";
    }

    private static string Words(SocketException e) => e.SocketErrorCode switch
    {
        SocketError.ConnectionRefused => "connection refused",
        SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain => "its name has no address",
        SocketError.ConnectionReset => "the connection was reset",
        SocketError.TimedOut => "no connection in time",
        SocketError.HostUnreachable or SocketError.NetworkUnreachable => "no way to its address",
        var other => $"no connection ({other})",
    };

    /// <summary>The proxy that the environment names, for what is encrypted.</summary>
    private sealed class TunnelOnly : IWebProxy
    {
        public ICredentials? Credentials { get => HttpClient.DefaultProxy.Credentials; set => throw new NotSupportedException(); }

        public Uri? GetProxy(Uri destination) => IsBypassed(destination) ? null : HttpClient.DefaultProxy.GetProxy(destination);

        public bool IsBypassed(Uri host) => host.Scheme != Uri.UriSchemeHttps || IsLoopback(host) || HttpClient.DefaultProxy.IsBypassed(host);
    }
}
