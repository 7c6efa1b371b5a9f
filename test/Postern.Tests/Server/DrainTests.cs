using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Postern.Config;
using Postern.Server.Listening;
using Postern.Tests.Harness;

namespace Postern.Tests.Server;

public sealed class DrainTests : IAsyncLifetime
{
    private const string Get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    private static readonly TimeSpan Delay = TimeSpan.FromSeconds(10), Grace = TimeSpan.FromSeconds(1), Patience = TimeSpan.FromSeconds(10);

    private readonly ManualTime time = new();
    private readonly TaskCompletionSource release = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource entered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Served served = null!;
    private Drain drain = null!;

    public async ValueTask InitializeAsync()
    {
        served = await Served.StartAsync(HandleAsync);
        drain = new Drain(served.Server, new DrainOptions { Delay = Delay, Timeout = TimeSpan.FromSeconds(30) }, time);
    }

    public async ValueTask DisposeAsync()
    {
        release.TrySetResult();
        await served.DisposeAsync();
    }

    private async Task HandleAsync(HttpContext context)
    {
        switch (context.Request.Path.Value)
        {
            case "/slow":
                entered.TrySetResult();
                await release.Task;
                break;
            case "/body":
                entered.TrySetResult();
                using (var reader = new StreamReader(context.Request.Body))
                {
                    Assert.Equal("one two", await reader.ReadToEndAsync());
                }
                break;
            case "/tunnel":
                await using (var stream = await context.Features.Get<IHttpUpgradeFeature>()!.UpgradeAsync())
                {
                    var buffer = new byte[16];
                    while (await stream.ReadAsync(buffer) is > 0 and var read)
                    {
                        await stream.WriteAsync(buffer.AsMemory(0, read));
                    }
                }
                return;
        }
        context.Response.ContentLength = 2;
        await context.Response.WriteAsync("ok");
    }

    /// <summary>One half of the delay.</summary>
    private async Task HalfAsync()
    {
        await time.UntilWaitingAsync();
        time.Advance(Delay / 2);
    }

    /// <summary>To the moment when the sockets have closed and idle connections have their grace.</summary>
    private async Task<Task<bool>> ToClosedSocketsAsync()
    {
        var drained = drain.RunAsync();
        await HalfAsync();
        await HalfAsync();
        await time.UntilWaitingAsync();
        return drained;
    }

    /// <summary>Lets rounds of the drain pass until it has ended, each with a moment for what really happens.</summary>
    private async Task<bool> EndAsync(Task<bool> drained)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        for (var round = 0; round < 25 && !drained.IsCompleted; round++)
        {
            time.Advance(Grace);
            await Task.WhenAny(drained, timer.WaitForNextTickAsync().AsTask());
        }
        return await drained.WaitAsync(Patience);
    }

    private static async Task<string?> ConnectionAfterAsync(RawClient client, string request = Get)
    {
        await client.SendAsync(request);
        var (head, body) = await client.ReadResponseAsync();
        Assert.Equal("ok", body);
        return RawClient.Field(head, "Connection");
    }

    [Fact]
    public async Task It_serves_on_during_the_delay_and_asks_for_other_connections_in_the_second_half()
    {
        using var early = await served.ConnectAsync();
        using var late = await served.ConnectAsync();
        Assert.Null(await ConnectionAfterAsync(early));
        await served.UntilConnectionsAsync(2);
        Assert.False(drain.Began);

        var drained = drain.RunAsync();
        Assert.True(drain.Began);
        await time.UntilWaitingAsync();
        Assert.Null(await ConnectionAfterAsync(early));

        time.Advance(Delay / 2);
        await time.UntilWaitingAsync();
        Assert.Equal("close", await ConnectionAfterAsync(early));
        Assert.Equal("", await early.ReadToEndAsync());
        using var fresh = await served.ConnectAsync();
        Assert.Equal("close", await ConnectionAfterAsync(fresh));

        time.Advance(Delay / 2);
        await time.UntilWaitingAsync();
        Assert.False(drained.IsCompleted);
        Assert.Equal("close", await ConnectionAfterAsync(late));
        Assert.True(await EndAsync(drained));
    }

    [Fact]
    public async Task No_new_connection_is_taken_after_the_delay_and_idle_ones_have_a_grace()
    {
        var url = served.Url;
        using var idle = await served.ConnectAsync();
        Assert.Null(await ConnectionAfterAsync(idle));
        using var silent = await served.ConnectAsync();
        await served.UntilConnectionsAsync(2);
        var drained = await ToClosedSocketsAsync();
        await Assert.ThrowsAsync<SocketException>(() => RawClient.ConnectAsync(url));
        Assert.False(drained.IsCompleted);
        Assert.True(await EndAsync(drained));
        Assert.Equal("", await idle.ReadToEndAsync());
        Assert.Equal("", await silent.ReadToEndAsync());
    }

    [Fact]
    public async Task A_request_in_flight_is_answered_with_Connection_close()
    {
        using var client = await served.ConnectAsync();
        await client.SendAsync("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
        await entered.Task.WaitAsync(Patience);
        var drained = await ToClosedSocketsAsync();
        time.Advance(Grace);
        Assert.False(drained.IsCompleted);
        release.SetResult();
        var (head, body) = await client.ReadResponseAsync();
        Assert.Equal("close", RawClient.Field(head, "Connection"));
        Assert.Equal("ok", body);
        Assert.True(await EndAsync(drained));
    }

    [Theory]
    [InlineData("Content-Length: 7\r\n", "one ", "two")]
    [InlineData("Transfer-Encoding: chunked\r\n", "4\r\none \r\n", "3\r\ntwo\r\n0\r\n\r\n")]
    public async Task A_body_that_is_still_coming_comes_whole(string framing, string first, string second)
    {
        using var client = await served.ConnectAsync();
        await client.SendAsync($"POST /body HTTP/1.1\r\nHost: a\r\n{framing}\r\n{first}");
        await entered.Task.WaitAsync(Patience);
        var drained = await ToClosedSocketsAsync();
        time.Advance(Grace);
        await client.SendAsync(second);
        var (head, body) = await client.ReadResponseAsync();
        Assert.StartsWith("HTTP/1.1 200 ", head, StringComparison.Ordinal);
        Assert.Equal("ok", body);
        Assert.True(await EndAsync(drained));
    }

    [Fact]
    public async Task A_head_that_is_half_there_gets_its_answer()
    {
        using var client = await served.ConnectAsync();
        Assert.Null(await ConnectionAfterAsync(client));
        await client.SendAsync(Get[..20]);
        var drained = await ToClosedSocketsAsync();
        Assert.Equal("close", await ConnectionAfterAsync(client, Get[20..]));
        Assert.True(await EndAsync(drained));
    }

    [Fact]
    public async Task A_tunnel_counts_as_in_flight_and_isnt_disturbed()
    {
        using var client = await served.ConnectAsync();
        await client.SendAsync("GET /tunnel HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 101 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        var drained = await ToClosedSocketsAsync();
        time.Advance(Grace);
        await time.UntilWaitingAsync();
        time.Advance(Grace);
        await time.UntilWaitingAsync();
        await client.SendAsync("still here");
        Assert.Equal("still here", Encoding.ASCII.GetString(await client.ReadAsync(10)));
        Assert.False(drained.IsCompleted);
        client.Dispose();
        Assert.True(await EndAsync(drained));
    }

    [Fact]
    public async Task HTTP_2_is_told_to_go_away_and_its_streams_end_first()
    {
        using var wire = await Http2Wire.ConnectAsync(served.Url);
        await wire.RequestAsync(1, "/slow");
        await entered.Task.WaitAsync(Patience);
        var drained = await ToClosedSocketsAsync();
        Assert.Equal(0u, (await wire.UntilAsync(Http2Wire.GoAway)).Number(4));
        Assert.False(drained.IsCompleted);
        release.SetResult();
        Assert.Equal("ok", Encoding.ASCII.GetString((await wire.UntilAsync(Http2Wire.Data, 1)).Payload));
        Assert.True(await EndAsync(drained));
    }

    [Fact]
    public async Task An_idle_HTTP_2_connection_may_still_ask_within_the_grace()
    {
        using var wire = await Http2Wire.ConnectAsync(served.Url);
        await wire.RequestAsync(1);
        await wire.UntilAsync(Http2Wire.Data, 1);
        var drained = await ToClosedSocketsAsync();
        await wire.RequestAsync(3);
        var frames = await wire.ReadAllAsync();
        Assert.Equal("ok", Encoding.ASCII.GetString(frames.Single(f => f is { Type: Http2Wire.Data, Stream: 3, Payload.Length: > 0 }).Payload));
        Assert.Contains(frames, f => f.Type == Http2Wire.GoAway && f.Number(4) == 0);
        Assert.True(await EndAsync(drained));
    }

    [Fact]
    public async Task What_is_not_done_at_the_end_is_cut()
    {
        using var client = await served.ConnectAsync();
        await client.SendAsync("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
        await entered.Task.WaitAsync(Patience);
        var drained = await ToClosedSocketsAsync();
        for (var second = 1; second < 30; second++)
        {
            time.Advance(Grace);
            await time.UntilWaitingAsync();
        }
        Assert.False(drained.IsCompleted);
        time.Advance(Grace);
        Assert.Equal("", await client.ReadToEndAsync());
        release.SetResult();
        Assert.False(await drained.WaitAsync(Patience));
    }
}
