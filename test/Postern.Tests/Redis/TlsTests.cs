using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Postern.Config;
using Postern.Edge.RateLimiting;
using Postern.Redis;
using Postern.Tests.Harness;

namespace Postern.Tests.Redis;

/// <summary><c>rediss://</c>: the certificate is looked at, and what is trusted is what the host trusts.</summary>
public sealed class TlsTests : IDisposable
{
    private readonly TempFolder folder = new();
    private readonly int port = FreePort();

    [Theory]
    [InlineData("rediss://:{0}@localhost:{1}/2", true, "Limits are counted in Redis")]
    [InlineData("rediss://gateway:{0}@localhost:{1}", true, "Limits are counted in Redis")]
    [InlineData("rediss://:{0}@localhost:{1}", false, "no certificate of that name which is trusted here")]
    [InlineData("rediss://:{0}@127.0.0.1:{1}", true, "no certificate of that name which is trusted here")]
    [InlineData("redis://:{0}@localhost:{1}", true, "it may want TLS, which is rediss://")]
    public async Task A_certificate_must_be_trusted_and_of_that_name(string url, bool trusted, string said)
    {
        await using var server = await StartAsync();
        await server.AskAsync("ACL", "SETUSER", "gateway", "on", ">s3cret", "~*", "&*", "+@all");
        folder.Write("postern.yaml", $$"""
            version: 1
            listen: http://127.0.0.1:0
            admin: http://127.0.0.1:0
            telemetry: { accessLog: off }
            drain: { delay: 0, timeout: 1s }
            redis: { url: "{{string.Format(CultureInfo.InvariantCulture, url, "s3cret", port)}}", timeout: 2s }
            gates:
              web: { identity: off, routes: [ { get: /, rateLimit: 1000/hour, respond: 204 } ] }
            """);
        await using var tool = await RunningTool.StartAsync("env", null,
            [$"SSL_CERT_FILE={(trusted ? folder["server.pem"] : "/dev/null")}", $"SSL_CERT_DIR={folder["none"]}", Path.Combine(AppContext.BaseDirectory, "Postern.Server"), "run", "--config", folder["postern.yaml"]]);
        await tool.SaysAsync(said);
        Assert.DoesNotContain("s3cret", tool.Error);
    }

    [Fact]
    public async Task What_is_not_trusted_is_said()
    {
        await using var server = await StartAsync();
        await using var store = new RedisLimitStore(RedisConnection.Share(new RedisOptions { Url = $"rediss://:s3cret@localhost:{port}", Timeout = Stores.Patient }), "postern");
        var e = await Assert.ThrowsAsync<IOException>(async () => await store.TakeAsync(Stores.Plan("p", Stores.Rule(LimitAlgorithm.FixedWindow, 1)), "key", 1));
        Assert.Contains("no certificate of that name which is trusted here", e.Message);
    }

    public void Dispose() => folder.Dispose();

    private async Task<RedisServer> StartAsync()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        folder.Write("server.pem", certificate.ExportCertificatePem());
        folder.Write("server.key", key.ExportPkcs8PrivateKeyPem());
        return await RedisServer.StartAsync("s3cret", "--tls-port", port.ToString(CultureInfo.InvariantCulture), "--tls-cert-file", folder["server.pem"],
            "--tls-key-file", folder["server.key"], "--tls-ca-cert-file", folder["server.pem"], "--tls-auth-clients", "no");
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
