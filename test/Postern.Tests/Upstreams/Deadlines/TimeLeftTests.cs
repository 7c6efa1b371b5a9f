using System.Globalization;
using Postern.Tests.Harness;
using Postern.Upstreams.Deadlines;

namespace Postern.Tests.Upstreams.Deadlines;

/// <summary>What an upstream is told of how long its answer is waited for.</summary>
public sealed class TimeLeftTests
{
    [Theory]
    [InlineData("1H", 3_600_000L), InlineData("2M", 120_000L), InlineData("3S", 3000L), InlineData("4m", 4L), InlineData("5000u", 5L), InlineData("6000000n", 6L), InlineData("99999999H", 359_999_996_400_000L)]
    [InlineData("", null), InlineData("S", null), InlineData("5", null), InlineData("5s", null), InlineData("-5S", null), InlineData("+5S", null), InlineData("123456789S", null), InlineData("5 S", null)]
    [InlineData(null, null), InlineData("1.5S", null), InlineData("٣S", null)]
    public void A_grpc_timeout_is_digits_and_a_unit(string? text, long? ms) => Assert.Equal(ms, TimeLeft.ParseGrpc(text));

    [Theory]
    [InlineData(1, "1m"), InlineData(30_000, "30000m"), InlineData(99_999_999, "99999999m"), InlineData(100_000_000, "100000S")]
    public void It_is_written_with_eight_digits_at_most(long ms, string text) => Assert.Equal(text, TimeLeft.FormatGrpc(ms));

    [Theory]
    // Nobody has written a deadline, so none is made up: it would end streams.
    [InlineData("", "", "application/grpc", null, null), InlineData("", "", "application/grpc", "1H", "1H")]
    [InlineData("timeout: 20s", "", "application/grpc", null, "<20s"), InlineData("tryTimeout: 20s", "", "application/grpc+proto", null, "<20s"), InlineData("timeout: 20s", "", "application/grpc-web", null, "<20s")]
    [InlineData("protocol: http1, timeout: 40s", "timeout: 20s", "application/grpc", null, "<20s")]
    [InlineData("timeout: 20s", "", "application/grpc", "10S", "<10s"), InlineData("timeout: 20s", "", "application/grpc", "10M", "<20s"), InlineData("timeout: 20s", "", "application/grpc", "soon", "<20s")]
    [InlineData("timeout: 20s, grpcTimeout: false", "", "application/grpc", null, null), InlineData("timeout: 20s, grpcTimeout: false", "", "application/grpc", "10M", "10M")]
    [InlineData("timeout: 20s", "", "application/json", null, null), InlineData("timeout: 20s", "", "application/json", "10M", "10M")]
    public async Task A_gRPC_call_says_how_much_is_left(string options, string route, string contentType, string? own, string? told) =>
        await TellsAsync(options, route, contentType, "grpc-timeout", own, told);

    [Theory]
    [InlineData("", null, null), InlineData("deadlineHeader: X-Time-Left", null, "<30s"), InlineData("deadlineHeader: X-Time-Left, timeout: 20s", null, "<20s"), InlineData("deadlineHeader: X-Time-Left, tryTimeout: 10s", null, "<10s")]
    [InlineData("deadlineHeader: x-time-left, timeout: 20s", "5000", "<5s"), InlineData("deadlineHeader: X-Time-Left, timeout: 20s", "50000", "<20s"), InlineData("deadlineHeader: X-Time-Left", "-1", "<30s")]
    [InlineData("deadlineHeader: X-Time-Left", "99999999999999999999", "<30s"), InlineData("", "7", "7")]
    public async Task Any_call_says_so_where_a_field_is_named_for_it(string options, string? own, string? told) =>
        await TellsAsync(options, "", "text/plain", "X-Time-Left", own, told);

    [Theory]
    // The default is told to nobody, with a later try neither: there too it would end streams.
    [InlineData(null, null, null), InlineData("2M", 115_000, 120_000), InlineData("10S", 5000, 10_000)]
    public async Task Another_try_has_what_is_left_of_the_clients_own_patience(string? own, int? least, int? most)
    {
        var told = new List<string?>();
        await using var upstream = await KestrelUpstream.StartAsync(http2: true, context =>
        {
            told.Add(context.Request.Headers["grpc-timeout"].SingleOrDefault());
            context.Response.StatusCode = told.Count == 1 ? 503 : 200;
            return Task.CompletedTask;
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, "protocol: http2, retry: { attempts: 2, backoff: 10ms }");
        var answer = await gateway.SendRawAsync(
            $"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\nIdempotency-Key: 1\r\nContent-Length: 0\r\n{(own is null ? "" : $"grpc-timeout: {own}\r\n")}\r\n");
        Assert.Equal((200, 2), (answer.Status, told.Count));
        Assert.Equal(own, told[0]);
        if (least is null)
        {
            Assert.Null(told[1]);
            return;
        }
        Assert.InRange(int.Parse(told[1]!.TrimEnd('m'), CultureInfo.InvariantCulture), least.Value, most!.Value);
    }

    [Fact]
    public async Task Each_try_says_what_is_left_to_it()
    {
        var told = new List<int>();
        await using var upstream = await KestrelUpstream.StartAsync(http2: false, async context =>
        {
            told.Add(int.Parse(context.Request.Headers["X-Time-Left"].Single()!, CultureInfo.InvariantCulture));
            if (told.Count == 1)
            {
                // It is given up on long before it answers.
                await Task.Delay(Timeout.Infinite, context.RequestAborted);
            }
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, "deadlineHeader: X-Time-Left, timeout: 20s, tryTimeout: 300ms, retry: { attempts: 2, backoff: 1ms }");
        using var client = gateway.Client();
        using var answer = await client.GetAsync("/");
        Assert.Equal(200, (int)answer.StatusCode);
        Assert.Equal(2, told.Count);
        Assert.All(told, ms => Assert.InRange(ms, 1, 300));
    }

    private static async Task TellsAsync(string options, string route, string contentType, string field, string? own, string? told)
    {
        IReadOnlyList<string?> seen = [];
        await using var upstream = await KestrelUpstream.StartAsync(http2: false, context =>
        {
            seen = [.. context.Request.Headers[field]];
            return Task.CompletedTask;
        });
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, options, route);
        var answer = await gateway.SendRawAsync($"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: {contentType}\r\nContent-Length: 0\r\n{(own is null ? "" : $"{field}: {own}\r\n")}\r\n");
        Assert.Equal(200, answer.Status);
        if (told is null || !told.StartsWith('<'))
        {
            Assert.Equal(told is null ? [] : [told], seen);
            return;
        }
        var most = int.Parse(told.AsSpan(1, told.Length - 2), CultureInfo.InvariantCulture) * 1000;
        Assert.InRange(int.Parse(Assert.Single(seen)!.TrimEnd('m'), CultureInfo.InvariantCulture), most - 5000, most);
    }
}
