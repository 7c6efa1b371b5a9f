using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features.Authentication;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Postern.Config;
using Postern.Config.Yaml;
using Postern.Pipeline;
using Postern.Runtime;

namespace Postern;

/// <summary>The two calls that make an ASP.NET Core application a gateway.</summary>
public static class PosternExtensions
{
    /// <summary>
    /// Adds the gateway to a host: from a YAML file, from code, or from both, where code adds to what the file says. A file is
    /// watched and reloaded. The listeners and the admin port are the host's own business; <c>listen</c>, <c>admin</c> and
    /// <c>drain</c> are read by the <c>postern</c> command only.
    /// </summary>
    /// <param name="builder">The application's builder.</param>
    /// <param name="build">Fills the configuration; called again at each reload.</param>
    /// <param name="file">The main file; null for none.</param>
    public static IHostApplicationBuilder AddPostern(this IHostApplicationBuilder builder, Action<GatewayBuilder>? build = null, string? file = null)
    {
        builder.Services.AddSingleton(services =>
        {
            var logger = services.GetRequiredService<ILoggerFactory>().CreateLogger("Postern");
            var time = services.GetService<TimeProvider>() ?? TimeProvider.System;
            var (runtime, problems) = GatewayRuntime.Start(() => Load(file, build, services), logger, time, PosternAuthentication.Parts(services));
            return runtime ?? throw new GatewayConfigException(problems);
        });
        builder.Services.AddHostedService<ReloadService>();
        UpstreamClients.Add(builder.Services);
        return builder;
    }

    /// <summary>
    /// Lets the gateway answer what no endpoint of the application does. The application's own routes come first.
    /// </summary>
    /// <exception cref="GatewayConfigException">The configuration has errors; the exception lists all of them.</exception>
    public static IEndpointConventionBuilder MapPostern(this IEndpointRouteBuilder endpoints)
    {
        var runtime = endpoints.ServiceProvider.GetRequiredService<GatewayRuntime>();
        return endpoints.Map("{**path}", Handle).WithDisplayName("Postern").WithMetadata(new GatewayEndpoint()).WithOrder(int.MaxValue);

        Task Handle(HttpContext context)
        {
            if (context.RequestAborted.IsCancellationRequested)
            {
                // Where a client has left, Kestrel takes what nobody read of its last request's body for another request.
                return Task.CompletedTask;
            }
            var exchange = new Exchange();
            context.Features.Set(exchange);
            context.Features.Set<IHttpAuthenticationFeature>(new GatewayUser(exchange, context.Features.Get<IHttpAuthenticationFeature>()));
            return runtime.HandleAsync(context);
        }
    }

    internal static LoadedConfig Load(string? file, Action<GatewayBuilder>? build, IServiceProvider? services = null)
    {
        var loaded = file is null
            ? new LoadedConfig(new GatewayConfig(), new Check(), new Sources(null))
            : ConfigFile.Load(file, Features.Grammar);
        if (services is not null)
        {
            loaded.Config.Provide(services);
        }
        if (build is not null)
        {
            build(new GatewayBuilder(loaded));
            Validation.Run(loaded.Config, loaded.Check);
        }
        return loaded;
    }

    /// <summary>Watches the files for as long as the host runs.</summary>
    private sealed class ReloadService(GatewayRuntime runtime, ILoggerFactory loggers) : IHostedService
    {
        private ConfigReloader? reloader;

        public Task StartAsync(CancellationToken cancellationToken)
        {
            reloader = new ConfigReloader(runtime, loggers.CreateLogger("Postern"), TimeProvider.System);
            return Task.CompletedTask;
        }

        public async Task StopAsync(CancellationToken cancellationToken)
        {
            if (reloader is not null)
            {
                await reloader.DisposeAsync();
            }
        }
    }
}

/// <summary>A configuration that can't run, with everything that is wrong with it.</summary>
public sealed class GatewayConfigException(IReadOnlyList<ConfigProblem> problems)
    : Exception("The gateway's configuration has errors:" + Environment.NewLine + string.Join(Environment.NewLine, problems))
{
    /// <summary>Every problem, in file order.</summary>
    public IReadOnlyList<ConfigProblem> Problems { get; } = problems;
}
