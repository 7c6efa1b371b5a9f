using Microsoft.Extensions.Logging.Abstractions;
using Postern.Edge.Authenticating;
using Postern.Runtime;
using Postern.Tests.Harness;
using Postern.Tests.Server;

namespace Postern.Tests.Backends.Proxying;

public sealed class ResponseBodyTests
{
    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "hello", "hello")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n")]
    public async Task The_end_of_a_body_that_comes_after_its_head_is_sent_at_once(string head, string rest, string received)
    {
        var headSeen = new TaskCompletionSource();
        await using var upstream = ScriptedUpstream.Serving(async connection =>
        {
            while (await connection.ReadRequestAsync() is { Length: > 0 })
            {
                await connection.WriteAsync(head);
                await headSeen.Task.WaitAsync(ScriptedUpstream.Patience);
                await connection.WriteAsync(rest);
            }
        });
        var (runtime, problems) = GatewayRuntime.Start(() => PosternExtensions.Load(null, g =>
        {
            g.Upstream("u", upstream.Url);
            g.Gate("web", gate => Postern.Backends.Proxying.ProxyExtensions.To(gate.IdentityOff().Get("/"), "http://u"));
        }), NullLogger.Instance, TimeProvider.System);
        Assert.Empty(problems);
        using var gateway = runtime!;
        await using var served = await Served.StartAsync(gateway.HandleAsync);
        using var client = await served.ConnectAsync();

        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        await client.ReadHeadAsync();
        headSeen.SetResult();

        Assert.Equal(received, System.Text.Encoding.ASCII.GetString(await client.ReadAsync(received.Length)));
    }
}
