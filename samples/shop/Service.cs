using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Shop;

/// <summary>One destination: a web server that says its name in every answer and whether it is well at <c>/healthz</c>. It can be broken, and mended.</summary>
internal sealed class Service : IAsyncDisposable
{
    private readonly Action<WebApplication> routes;
    private readonly bool grpc;
    private readonly Breakage breakage;
    private WebApplication app;

    private Service(string upstream, string name, WebApplication app, Breakage breakage, Action<WebApplication> routes, bool grpc)
    {
        (Upstream, Name, this.app, this.breakage, this.routes, this.grpc) = (upstream, name, app, breakage, routes, grpc);
        Url = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
    }

    public string Upstream { get; }

    public string Name { get; }

    public string Url { get; }

    /// <summary>Starts on <paramref name="port"/>, or on any free port if that one is taken or 0. One that speaks gRPC speaks HTTP/2 only:
    /// without TLS the two versions can't share a port here.</summary>
    public static async Task<Service> StartAsync(string upstream, string name, int port, Action<WebApplication> routes, CancellationToken cancellationToken, bool grpc = false)
    {
        var breakage = new Breakage();
        var app = Build(name, port, breakage, routes, grpc);
        try
        {
            await app.StartAsync(cancellationToken);
            return new Service(upstream, name, app, breakage, routes, grpc);
        }
        catch (IOException e) when (port != 0 && e.InnerException is AddressInUseException)
        {
            await app.DisposeAsync();
            return await StartAsync(upstream, name, 0, routes, cancellationToken, grpc);
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }
    }

    /// <summary>Has it break, or work again with <see cref="Fault.None"/>. Its address stays the same.</summary>
    public async Task BreakAsync(Fault fault)
    {
        var before = breakage.Begin(fault);
        if (fault == Fault.Killed && before != Fault.Killed)
        {
            await DisposeAsync();
        }
        else if (fault != Fault.Killed && before == Fault.Killed)
        {
            app = Build(Name, new Uri(Url).Port, breakage, routes, grpc);
            await app.StartAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        // A stream or a WebSocket would hold a graceful stop for as long as its client likes.
        using var now = new CancellationTokenSource();
        now.Cancel();
        await app.StopAsync(now.Token);
        await app.DisposeAsync();
    }

    private static WebApplication Build(string name, int port, Breakage breakage, Action<WebApplication> routes, bool grpc)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Listen(IPAddress.Loopback, port, listen => listen.Protocols = grpc ? HttpProtocols.Http2 : HttpProtocols.Http1);
        });
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton<IHostLifetime, Unattended>();
        var app = builder.Build();
        app.Use(next => context => AnswerAsync(context, name, next));
        app.Use(next => context => breakage.AnswerAsync(context, next));
        app.UseRouting();
        app.UseWebSockets();
        app.MapMethods("/healthz", Answers.Read, context => context.Response.SendAsync(200, new Health("ok", name), ShopJson.Plain.Health));
        routes(app);
        app.UseEndpoints(_ => { });
        return app;
    }

    private static async Task AnswerAsync(HttpContext context, string name, RequestDelegate next)
    {
        context.Response.Headers["X-Served-By"] = name;
        context.Response.Headers["X-Powered-By"] = "Shop";
        await next(context);
        if (context.Response is { HasStarted: false, StatusCode: 404 or 405 } response)
        {
            await response.SendErrorAsync(response.StatusCode, response.StatusCode == 404 ? "not_found" : "method_not_allowed",
                $"{context.Request.Method} {context.Request.Path} is not something that {name} answers.");
        }
    }

    /// <summary>Leaves signals alone: they belong to the program that the services run in.</summary>
    private sealed class Unattended : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}

internal sealed record Health(string Status, string Service);
