using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Postern.Edge.Authenticating;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.Authenticating;

public sealed class FetchTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    [Theory]
    [InlineData("https://auth.example.com/keys")]
    [InlineData("http://127.0.0.1:8080/keys")]
    [InlineData("http://127.8.9.1/keys")]
    [InlineData("http://[::1]/keys")]
    [InlineData("http://localhost:1/keys")]
    public void Https_and_loopback_may_be_asked(string url) => Assert.True(Fetch.Allows(new Uri(url)));

    [Theory]
    [InlineData("http://auth.example.com/keys")]
    [InlineData("http://10.0.0.1/keys")]
    [InlineData("http://0.0.0.0/keys")]
    [InlineData("http://localhost.example.com/keys")]
    [InlineData("http://127.0.0.1.example.com/keys")]
    [InlineData("https://user:password@auth.example.com/keys")]
    [InlineData("ftp://127.0.0.1/keys")]
    [InlineData("file:///etc/passwd")]
    [InlineData("/keys")]
    public async Task Nothing_else_may_be(string url)
    {
        var uri = new Uri(url, UriKind.RelativeOrAbsolute);
        Assert.False(Fetch.Allows(uri));
        using var fetch = new Fetch(TimeProvider.System, Patience, 1024);
        Assert.Equal("https is needed, or http on loopback", (await fetch.GetAsync(uri, TestContext.Current.CancellationToken)).Problem);
    }

    [Fact]
    public async Task A_document_is_fetched_whole()
    {
        await using var server = await AuthServer.StartAsync();
        server.Jwks.Say(new string('a', 100_000), "Application/JSON; charset=utf-8");
        var answer = await GetAsync(server, 100_000);
        Assert.Null(answer.Problem);
        Assert.Equal((200, "application/json", 100_000), (answer.Status, answer.MediaType, answer.Body.Length));
        Assert.Equal("identity", server.Jwks.LastHeaders!.AcceptEncoding);
        Assert.False(server.Jwks.LastHeaders.ContainsKey("traceparent"));
    }

    [Fact]
    public async Task A_body_that_says_it_is_too_large_is_not_read()
    {
        await using var server = await AuthServer.StartAsync();
        server.Jwks.Say(new string('a', 4097));
        Assert.Equal("answered more than 4 KB", (await GetAsync(server, 4096)).Problem);
    }

    [Fact]
    public async Task A_body_without_end_is_cut_off()
    {
        await using var server = await AuthServer.StartAsync();
        server.Jwks.Flood();
        Assert.Equal("answered more than 512 KB", (await GetAsync(server, 512 * 1024)).Problem);
    }

    [Fact]
    public async Task An_answer_without_end_is_given_up_in_time()
    {
        await using var server = await AuthServer.StartAsync();
        var time = new ManualTime();
        server.Jwks.Stall();
        using var fetch = new Fetch(time, TimeSpan.FromSeconds(5), 4096);
        var answer = fetch.GetAsync(new Uri(server.JwksUrl), TestContext.Current.CancellationToken);
        await server.Jwks.UntilAsync(1);
        Assert.False(answer.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal("no whole answer within 5 s", (await answer.WaitAsync(Patience, TestContext.Current.CancellationToken)).Problem);
    }

    [Fact]
    public async Task Packed_answers_are_refused_however_small()
    {
        await using var server = await AuthServer.StartAsync();
        server.Jwks.Instead = async context =>
        {
            context.Response.Headers.ContentEncoding = "gzip";
            await using var packed = new GZipStream(context.Response.Body, CompressionLevel.Fastest);
            await packed.WriteAsync("{}"u8.ToArray());
        };
        Assert.Equal("answered with a content coding that it was not asked for", (await GetAsync(server)).Problem);
    }

    [Fact]
    public async Task Header_fields_are_bounded()
    {
        await using var server = await AuthServer.StartAsync();
        server.Jwks.Instead = context =>
        {
            context.Response.Headers["X-Much"] = new string('a', 70_000);
            return Task.CompletedTask;
        };
        Assert.Equal("its header fields are larger than 64 KB", (await GetAsync(server)).Problem);
    }

    [Theory]
    [InlineData(204)]
    [InlineData(304)]
    [InlineData(401)]
    [InlineData(404)]
    [InlineData(500)]
    public async Task Only_200_is_an_answer(int status)
    {
        await using var server = await AuthServer.StartAsync();
        server.Jwks.Fail(status);
        var answer = await GetAsync(server);
        Assert.Equal(($"answered {status}", status, 0), (answer.Problem, answer.Status, answer.Body.Length));
    }

    [Fact]
    public async Task A_server_that_is_down_is_named_so()
    {
        await using var server = AuthServer.Down();
        Assert.Equal("connection refused", (await GetAsync(server)).Problem);
        await server.UpAsync();
        Assert.Null((await GetAsync(server)).Problem);
        await server.DownAsync();
        Assert.Equal("connection refused", (await GetAsync(server)).Problem);
    }

    [Theory]
    [InlineData(301)]
    [InlineData(302)]
    [InlineData(303)]
    [InlineData(307)]
    [InlineData(308)]
    public async Task Redirects_on_the_same_server_are_followed(int status)
    {
        await using var server = await AuthServer.StartAsync();
        server.Jwks.Redirect("/.well-known/openid-configuration", status);
        Assert.Null((await GetAsync(server)).Problem);
        Assert.Equal(1, server.Discovery.Requests);
    }

    [Fact]
    public async Task Redirects_end_after_three()
    {
        await using var server = await AuthServer.StartAsync();
        server.Jwks.Redirect(server.JwksUrl);
        Assert.Equal("answered 302: a redirect that is one too many", (await GetAsync(server)).Problem);
        Assert.Equal(1 + Fetch.MaxRedirects, server.Jwks.Requests);
    }

    [Theory]
    [InlineData("http://127.0.0.1:{other}/jwks.json")]
    [InlineData("//127.0.0.1:{other}/jwks.json")]
    [InlineData("http://localhost:{own}/jwks.json")]
    [InlineData("https://127.0.0.1:{own}/jwks.json")]
    [InlineData("http://127.0.0.2:{other}/latest/meta-data")]
    [InlineData("http://user:password@127.0.0.1:{own}/jwks.json")]
    [InlineData("file:///etc/passwd")]
    public async Task Redirects_elsewhere_are_not(string location)
    {
        await using var server = await AuthServer.StartAsync();
        await using var other = await AuthServer.StartAsync();
        server.Jwks.Redirect(location.Replace("{own}", $"{new Uri(server.Url).Port}").Replace("{other}", $"{new Uri(other.Url).Port}"));
        Assert.Equal("answered 302: a redirect to another server, which is not followed", (await GetAsync(server)).Problem);
        Assert.Equal((1, 0), (server.Jwks.Requests, other.Jwks.Requests));
    }

    [Fact]
    public async Task What_is_posted_is_never_redirected()
    {
        await using var server = await AuthServer.StartAsync();
        server.Introspection.Redirect("/introspect", 307);
        using var fetch = new Fetch(TimeProvider.System, Patience, 4096);
        var answer = await fetch.PostAsync(new Uri(server.IntrospectionUrl), "token=t"u8.ToArray(), new("Basic", "eDp5"), TestContext.Current.CancellationToken);
        Assert.Equal("answered 307: a redirect that is one too many", answer.Problem);
        Assert.Equal(1, server.Introspection.Requests);
    }

    [Fact]
    public async Task A_form_is_posted_with_its_credentials()
    {
        await using var server = await AuthServer.StartAsync();
        server.Opaque("t");
        using var fetch = new Fetch(TimeProvider.System, Patience, 4096);
        var credentials = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{AuthServer.ClientId}:{WebUtility.UrlEncode(AuthServer.ClientSecret)}"));
        var answer = await fetch.PostAsync(new Uri(server.IntrospectionUrl), "token=t"u8.ToArray(), new("Basic", credentials), TestContext.Current.CancellationToken);
        Assert.Null(answer.Problem);
        Assert.Contains("\"active\":true", Encoding.UTF8.GetString(answer.Body.Span));
    }

    [Fact]
    public async Task Cookies_are_not_sent_back()
    {
        await using var server = await AuthServer.StartAsync();
        server.Jwks.Instead = context =>
        {
            context.Response.Headers.SetCookie = "session=1; Path=/";
            return Task.CompletedTask;
        };
        using var fetch = new Fetch(TimeProvider.System, Patience, 4096);
        await fetch.GetAsync(new Uri(server.JwksUrl), TestContext.Current.CancellationToken);
        await fetch.GetAsync(new Uri(server.JwksUrl), TestContext.Current.CancellationToken);
        Assert.Equal(2, server.Jwks.Requests);
        Assert.False(server.Jwks.LastHeaders!.ContainsKey("Cookie"));
    }

    [Fact]
    public async Task What_is_no_HTTP_is_a_problem_not_an_exception()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var fetch = new Fetch(TimeProvider.System, Patience, 4096);
        var answer = fetch.GetAsync(new Uri($"http://{listener.LocalEndpoint}/"), TestContext.Current.CancellationToken);
        using (var connection = await listener.AcceptTcpClientAsync(TestContext.Current.CancellationToken))
        {
            await connection.GetStream().WriteAsync("SSH-2.0-OpenSSH_9.2\r\n\r\n"u8.ToArray(), TestContext.Current.CancellationToken);
            Assert.Equal("not an answer in HTTP", (await answer.WaitAsync(Patience, TestContext.Current.CancellationToken)).Problem);
        }
    }

    [Fact]
    public async Task A_certificate_that_nobody_vouches_for_is_not_accepted()
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(200));
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration()
            .ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0, l => l.UseHttps(X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null))));
        await using var app = builder.Build();
        var asked = 0;
        app.Run(_ =>
        {
            Interlocked.Increment(ref asked);
            return Task.CompletedTask;
        });
        await app.StartAsync(TestContext.Current.CancellationToken);
        using var fetch = new Fetch(TimeProvider.System, Patience, 4096);
        var answer = await fetch.GetAsync(new Uri($"https://localhost:{new Uri(app.Urls.First()).Port}/"), TestContext.Current.CancellationToken);
        Assert.StartsWith("TLS failed", answer.Problem);
        Assert.Equal(0, asked);
    }

    private static async Task<Fetched> GetAsync(AuthServer server, int maxBytes = 4096)
    {
        using var fetch = new Fetch(TimeProvider.System, Patience, maxBytes);
        return await fetch.GetAsync(new Uri(server.JwksUrl), TestContext.Current.CancellationToken);
    }
}

/// <summary>The proxy of the environment is one for the whole process.</summary>
[Collection(nameof(Alone))]
public sealed class FetchThroughProxyTests
{
    [Fact]
    public async Task The_proxy_gets_what_is_encrypted_and_nothing_of_this_machine()
    {
        await using var server = await AuthServer.StartAsync();
        using var proxy = new TcpListener(IPAddress.Loopback, 0);
        proxy.Start();
        var before = HttpClient.DefaultProxy;
        HttpClient.DefaultProxy = new WebProxy($"http://{proxy.LocalEndpoint}");
        try
        {
            using var fetch = new Fetch(TimeProvider.System, TimeSpan.FromSeconds(10), 4096);
            Assert.Null((await fetch.GetAsync(new Uri(server.JwksUrl), TestContext.Current.CancellationToken)).Problem);
            Assert.False(proxy.Pending());

            var answer = fetch.GetAsync(new Uri("https://auth.invalid/keys"), TestContext.Current.CancellationToken);
            using var connection = await proxy.AcceptTcpClientAsync(TestContext.Current.CancellationToken);
            using var reader = new StreamReader(connection.GetStream());
            Assert.Equal("CONNECT auth.invalid:443 HTTP/1.1", await reader.ReadLineAsync(TestContext.Current.CancellationToken));
            await connection.GetStream().WriteAsync("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"u8.ToArray(), TestContext.Current.CancellationToken);
            Assert.Equal("the proxy opened no tunnel", (await answer).Problem);
        }
        finally
        {
            HttpClient.DefaultProxy = before;
        }
    }
}
