using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Postern.Tests.Harness;

/// <summary>An upstream that is a real server: HTTP/1.1, or HTTP/2 with prior knowledge.</summary>
internal sealed class KestrelUpstream : IAsyncDisposable
{
    private readonly WebApplication app;

    private KestrelUpstream(WebApplication app, bool http2) => (this.app, Options) = (app, http2 ? "protocol: http2" : "protocol: http1");

    public string Url => app.Urls.First();

    public int Port => new Uri(Url).Port;

    /// <summary>What the gateway's configuration says of it.</summary>
    public string Options { get; }

    public static async Task<KestrelUpstream> StartAsync(bool http2, RequestDelegate answer)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MinRequestBodyDataRate = kestrel.Limits.MinResponseDataRate = null;
            kestrel.RequestHeaderEncodingSelector = kestrel.ResponseHeaderEncodingSelector = _ => Encoding.Latin1;
            kestrel.Listen(IPAddress.Loopback, 0, port => port.Protocols = http2 ? HttpProtocols.Http2 : HttpProtocols.Http1);
        });
        builder.Services.Configure<Microsoft.Extensions.Hosting.HostOptions>(o => o.ShutdownTimeout = TimeSpan.Zero);
        var app = builder.Build();
        app.UseWebSockets();
        app.Run(answer);
        await app.StartAsync();
        return new KestrelUpstream(app, http2);
    }

    public ValueTask DisposeAsync() => app.DisposeAsync();
}
