using System.CommandLine;
using System.Globalization;
using Postern.Config;
using Postern.Edge.Authenticating;
using Postern.Server.Listening;
using Postern.Server.Serving;
using Postern.Upstreams.Forwarding;
using Shop;

namespace Postern.Server.Commands;

/// <summary><c>postern demo</c>: the shop's services and authorization server, and the gateway with its three gates in front of them.</summary>
internal sealed class DemoCommand(TextWriter output, TextWriter error, TimeProvider time)
{
    private const int DefaultPort = 8080;

    public static Command Create(TextWriter error, TimeProvider time)
    {
        var port = new Option<int>("--port", "-p") { Description = "The gateway's port on 127.0.0.1.", HelpName = "PORT", DefaultValueFactory = _ => DefaultPort };
        port.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && !ushort.TryParse(token.Value, NumberStyles.None, CultureInfo.InvariantCulture, out _))
            {
                result.AddError($"A port is a number from 0 to 65535, got '{token.Value}'.");
            }
        });
        var chaos = new Option<bool>("--chaos") { Description = "Break one service after the other, and say what to look at." };
        var command = new Command("demo", """
            Start a small shop: its services, an authorization server that gives tokens to anyone, and a web, a mobile and a
            partner gate in front of them. Ctrl-C stops all of it.

            Example: postern demo --port 8080
            """) { port, chaos };
        command.SetAction((parsed, _) => new DemoCommand(Console.Out, error, time).RunAsync(parsed.GetValue(port), parsed.GetValue(chaos)));
        return command;
    }

    private async Task<int> RunAsync(int port, bool chaos)
    {
        using var loggers = Log.ToStandardError();
        await using var shop = await ShopServices.StartAsync(preferredPorts: true);
        var (gateway, problems) = OpenedGateway.Open(ShopServices.ConfigFile, builder => Adapt(builder, shop, port), loggers, time);
        ConfigOption.Print(problems);
        if (gateway is null)
        {
            return 1;
        }
        using var ending = new CancellationTokenSource();
        var breaking = Task.CompletedTask;
        try
        {
            using var signals = new Signals(() => gateway.Reload(), Environment.Exit);
            // What is broken then is mended first: the drain waits for its answers.
            _ = signals.Stopping.ContinueWith(_ => ending.Cancel(), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            return await new RunCommand(OpenedGateway.Open, error, time)
                .ServeAsync(gateway, signals.Stopping, loggers, loggers.CreateLogger("Postern"), (urls, admin) =>
                {
                    Welcome(gateway, shop, urls[0]);
                    breaking = chaos ? new Chaos(shop, Chaos.Steps(urls[0], admin), output, time).RunAsync(ending.Token) : breaking;
                });
        }
        catch (ListenException e)
        {
            await error.WriteLineAsync(port == DefaultPort ? $"{e.Message}; 'postern demo --port 8181' takes another" : e.Message);
            return 1;
        }
        finally
        {
            await ending.CancelAsync();
            await breaking;
            await gateway.StopAsync();
        }
    }

    /// <summary>The shop's own files, but for where its services found room.</summary>
    internal static void Adapt(GatewayBuilder builder, ShopServices shop, int port)
    {
        builder.Root<GatewayOptions>(o => o with
        {
            Listen = [new ListenOptions { Url = $"http://127.0.0.1:{port}" }],
            // A second demo beside the first moves its admin port too.
            Admin = port == DefaultPort ? o.Admin : new AdminOptions { Url = "http://127.0.0.1:0" },
        });
        builder.Root<IdentitySection>(o => o with { Identity = o.Identity?.ToDictionary(way => way.Key, way => Moved(way.Value, shop.AuthorizationUrl)) });
        foreach (var upstream in builder.Config.Upstreams)
        {
            if (shop.Urls.TryGetValue(upstream.Name, out var urls))
            {
                upstream.Sections.Set<ForwardingOptions>(o => o with { Url = null, Urls = [.. urls.Select(u => new DestinationOptions { Url = u })] });
            }
        }
    }

    /// <summary>A way that asks the shop's authorization server, where it is now.</summary>
    private static WayOptions Moved(WayOptions way, string now)
    {
        string? To(string? url) => url?.StartsWith(ShopServices.PreferredAuthorizationUrl, StringComparison.Ordinal) is true ? now + url[ShopServices.PreferredAuthorizationUrl.Length..] : url;
        return way with
        {
            Jwt = way.Jwt is { } jwt ? jwt with { Issuer = To(jwt.Issuer), Jwks = To(jwt.Jwks), Discovery = To(jwt.Discovery) } : null,
            Introspection = way.Introspection is { } asked ? asked with { Issuer = To(asked.Issuer), Endpoint = To(asked.Endpoint) } : null,
        };
    }

    private void Welcome(Gateway gateway, ShopServices shop, string url)
    {
        shop.Gateway = url;
        output.WriteLine();
        foreach (var gate in gateway.Config.Gates)
        {
            output.WriteLine($"gate {gate.Name,-8} {url}{gate.Own.Match.Path,-9} {ConfigOption.Count(gate.Routes.Count, "route"),-10} {gate.Own.Owner}");
        }
        output.WriteLine($"tokens        {shop.AuthorizationUrl}  from '{TokenCommand.ForShell(shop.AuthorizationUrl)}', for anyone who asks");
        output.WriteLine();
        output.WriteLine("Try, in another shell:");
        foreach (var line in DemoText.Lines(url, TokenCommand.ForShell(shop.AuthorizationUrl)))
        {
            output.WriteLine($"  # {line.Shows}");
            output.WriteLine($"  {line.Command}");
        }
        output.WriteLine();
        output.WriteLine($"The gates are in {Path.GetDirectoryName(ShopServices.ConfigFile)}; edit one, save, and ask again. Ctrl-C stops everything.");
        output.WriteLine();
        output.Flush();
    }
}
