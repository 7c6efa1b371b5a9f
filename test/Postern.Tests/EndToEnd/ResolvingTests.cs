using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Postern.Tests.Harness;
using Postern.Tests.Upstreams.Resolving;

namespace Postern.Tests.EndToEnd;

/// <summary>One host name, several services: through the whole gateway, by a name server of our own.</summary>
public sealed class ResolvingTests : IAsyncLifetime
{
    private readonly DnsPeer dns = new();
    private readonly TaskCompletionSource hold = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource held = new(TaskCreationOptions.RunContinuationsAsynchronously), closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private WebApplication services = null!;
    private int port;

    /// <summary>Three services, at three addresses of this machine and one port.</summary>
    public async ValueTask InitializeAsync()
    {
        using (var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))
        {
            probe.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            port = ((IPEndPoint)probe.LocalEndPoint!).Port;
        }
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            for (var i = 1; i <= 3; i++)
            {
                kestrel.Listen(IPAddress.Parse($"127.0.0.{i}"), port);
            }
        });
        builder.Services.Configure<Microsoft.Extensions.Hosting.HostOptions>(o => o.ShutdownTimeout = TimeSpan.Zero);
        services = builder.Build();
        services.Run(async context =>
        {
            if (context.Request.Path == "/held")
            {
                await context.Response.WriteAsync("held at ");
                context.Features.Get<IConnectionLifetimeFeature>()!.ConnectionClosed.Register(closed.SetResult);
                held.SetResult();
                await hold.Task;
            }
            await context.Response.WriteAsync($"{context.Connection.LocalIpAddress} {context.Request.Host}");
        });
        await services.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        hold.TrySetResult();
        await services.DisposeAsync();
        await dns.DisposeAsync();
    }

    [Fact]
    public async Task A_name_of_three_addresses_is_three_destinations_asked_for_by_its_name()
    {
        dns.Say("shop.test", 60, "127.0.0.1", "127.0.0.2", "127.0.0.3");
        await using var gateway = await StartAsync($"url: http://shop.test:{port}, balance: roundRobin, resolve: {{ servers: {dns.Server}, family: ipv4 }}");
        var answers = await AskAsync(gateway, 9);
        Assert.Equal(3, answers.Count);
        Assert.All(answers, a => Assert.Equal((3, $"shop.test:{port}"), (a.Value, a.Key.Split(' ')[1])));
        Assert.Contains("postern_upstream_destinations{upstream=\"shop\"} 3", gateway.Metrics(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Services_of_SRV_share_by_weight_and_those_of_a_later_priority_wait()
    {
        dns.Say("one.test", 60, "127.0.0.1");
        dns.Say("two.test", 60, "127.0.0.2");
        dns.Say("three.test", 60, "127.0.0.3");
        dns.Services("_http._tcp.shop.test", 60, (1, 3, port, "one.test"), (1, 1, port, "two.test"), (2, 1, port, "three.test"));
        await using var gateway = await StartAsync($"url: http://_http._tcp.shop.test, balance: roundRobin, resolve: {{ by: srv, servers: [\"{dns.Server}\"] }}");
        var answers = await AskAsync(gateway, 12);
        Assert.Equal(new Dictionary<string, int> { [$"127.0.0.1 one.test:{port}"] = 9, [$"127.0.0.2 two.test:{port}"] = 3 }, answers);
    }

    [Fact]
    public async Task An_address_that_is_gone_ends_its_calls_in_peace_and_then_its_connections()
    {
        dns.Say("shop.test", 0, "127.0.0.1");
        await using var gateway = await StartAsync($"url: http://shop.test:{port}, resolve: {{ floor: 100ms, servers: {dns.Server}, family: ipv4 }}");
        using var client = gateway.Client();
        var answer = await client.GetAsync("/held", HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        await held.Task.WaitAsync(TestGateway.Patience);
        dns.Say("shop.test", 0, "127.0.0.2");
        while (!(await AskAsync(gateway, 1)).ContainsKey($"127.0.0.2 shop.test:{port}"))
        {
            await dns.UntilAskedAsync();
        }
        Assert.False(closed.Task.IsCompleted);
        hold.SetResult();
        Assert.StartsWith("held at 127.0.0.1", await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        await closed.Task.WaitAsync(TestGateway.Patience);
    }

    [Fact]
    public async Task The_last_addresses_serve_while_no_name_server_answers()
    {
        dns.Say("shop.test", 0, "127.0.0.1", "127.0.0.2");
        await using var gateway = await StartAsync($"url: http://shop.test:{port}, balance: roundRobin, resolve: {{ floor: 100ms, timeout: 100ms, servers: {dns.Server}, family: ipv4 }}");
        Assert.Equal(2, (await AskAsync(gateway, 4)).Count);
        dns.Code = 5;
        await dns.UntilAskedAsync(5);
        Assert.Equal(2, (await AskAsync(gateway, 4)).Count);
    }

    [Fact]
    public async Task A_name_that_nobody_knows_is_503()
    {
        await using var gateway = await StartAsync($"url: http://shop.test:{port}, resolve: {{ servers: {dns.Server} }}");
        using var client = gateway.Client();
        using var answer = await client.GetAsync("/", TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Contains("upstream-empty", await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Localhost_needs_no_name_server()
    {
        await using var gateway = await StartAsync($"url: http://localhost:{port}, resolve: dns");
        Assert.Equal($"127.0.0.1 localhost:{port}", Assert.Single(await AskAsync(gateway, 3)).Key);
    }

    private static Task<TestGateway> StartAsync(string shop) => TestGateway.StartAsync($$"""
        upstreams:
          shop: { {{shop}} }
        gates:
          web:
            identity: off
            routes: [{ any: "/{**rest}", to: http://shop }]
        """);

    private static async Task<Dictionary<string, int>> AskAsync(TestGateway gateway, int times)
    {
        using var client = gateway.Client();
        var answers = new Dictionary<string, int>();
        for (var i = 0; i < times; i++)
        {
            var text = await client.GetStringAsync("/", TestContext.Current.CancellationToken);
            answers[text] = answers.GetValueOrDefault(text) + 1;
        }
        return answers;
    }
}
