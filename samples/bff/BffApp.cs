using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Postern;

namespace Bff;

/// <summary>The application: one gate, of which one part is in YAML and one in C#.</summary>
internal static class BffApp
{
    /// <param name="args">The command line, as any host of ASP.NET Core takes it: <c>--urls http://127.0.0.1:8090</c>.</param>
    /// <param name="adapt">Changes the configuration once it was read; null for nothing.</param>
    public static WebApplication Build(string[] args, Action<GatewayBuilder>? adapt = null)
    {
        var builder = WebApplication.CreateSlimBuilder(args);
        builder.WebHost.UseSetting(WebHostDefaults.ServerUrlsKey, builder.Configuration["urls"] ?? "http://127.0.0.1:8090");
        builder.Services.ConfigureHttpJsonOptions(json =>
        {
            // Types that are known beforehand are read and written without reflection.
            json.SerializerOptions.TypeInfoResolverChain.Insert(0, DashboardJson.Default);
            json.SerializerOptions.Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;
        });
        builder.AddPostern(
            gateway =>
            {
                gateway.Gate("web", Dashboard.Map);
                adapt?.Invoke(gateway);
            },
            file: Path.Combine(AppContext.BaseDirectory, "bff", "postern.yaml"));
        var app = builder.Build();
        app.MapGet("/healthz", () => Results.NoContent());
        app.MapPostern();
        return app;
    }
}
