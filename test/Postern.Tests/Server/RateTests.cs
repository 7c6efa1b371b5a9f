using System.Text;
using Microsoft.AspNetCore.Http;
using Postern.Config;

namespace Postern.Tests.Server;

/// <summary>The minimum rate of a request's body; it holds after 5 s, so these take their time.</summary>
public sealed class RateTests
{
    private static Task Ok(HttpContext context) => context.Response.WriteAsync("ok");

    [Fact]
    public async Task A_body_slower_than_the_minimum_is_given_up()
    {
        var error = new TaskCompletionSource<Exception>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var served = await Served.StartAsync(async context =>
        {
            try
            {
                await context.Request.Body.CopyToAsync(Stream.Null);
            }
            catch (Exception e)
            {
                error.TrySetResult(e);
                throw;
            }
        }, new ListenLimitsOptions { MinRate = 1000 });
        using var client = await served.ConnectAsync();
        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nslow");
        var thrown = await error.Task.WaitAsync(TimeSpan.FromSeconds(15));
        Assert.Equal(408, Assert.IsAssignableFrom<BadHttpRequestException>(thrown).StatusCode);
        Assert.StartsWith("HTTP/1.1 408", await client.ReadToEndAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_gRPC_stream_may_be_silent_for_longer()
    {
        await using var served = await Served.StartAsync(async context =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null);
            await Ok(context);
        }, new ListenLimitsOptions { MinRate = 1000 });
        using var wire = await Http2Wire.ConnectAsync(served.Url);
        await wire.RequestAsync(1, open: true, fields: [("content-type", "application/grpc")]);
        using var other = await Http2Wire.ConnectAsync(served.Url);
        await other.RequestAsync(1, open: true, fields: [("content-type", "text/plain")]);
        // The other one shows that the time has passed.
        await other.UntilAsync(Http2Wire.GoAway);
        await wire.SendAsync(Http2Wire.Data, 1, 1, []);
        Assert.Equal("ok", Encoding.ASCII.GetString((await wire.UntilAsync(Http2Wire.Data, 1)).Payload));
    }
}
