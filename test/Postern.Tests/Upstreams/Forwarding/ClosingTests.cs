using System.Buffers.Binary;
using Postern.Tests.Harness;
using Postern.Tests.Server;

namespace Postern.Tests.Upstreams.Forwarding;

/// <summary>An HTTP/2 service closes a connection (after so many requests, or because it is restarted) while a request is on its way.</summary>
public sealed class ClosingTests
{
    private const byte EndOfHead = 4, EndOfStream = 1;

    private int streams;

    /// <summary>Says goodbye to the first requests without a look at them, each on its connection, and answers those after them.</summary>
    /// <param name="closing">How many connections it closes so.</param>
    /// <param name="first">How many requests it answers on each before.</param>
    private ScriptedUpstream Closing(int closing, int first = 0)
    {
        var accepted = 0;
        return ScriptedUpstream.Serving(async connection =>
        {
            var closes = Interlocked.Increment(ref accepted) <= closing;
            await connection.ReadAsync(Http2Wire.Line.Length);
            await connection.WriteAsync(Frame(Http2Wire.Settings, 0, 0, []));
            for (var answered = 0; await connection.ReadAsync(9) is { Length: 9 } head;)
            {
                await connection.ReadAsync(head[0] << 16 | head[1] << 8 | head[2]);
                if (head[3] != Http2Wire.Headers)
                {
                    continue;
                }
                Interlocked.Increment(ref streams);
                // 0x88 is ":status: 200" (RFC 7541 §A).
                var stream = head[7] << 8 | head[8];
                await connection.WriteAsync(closes && answered++ == first ? Frame(Http2Wire.GoAway, 0, 0, [0, 0, 0, (byte)(stream - 2 < 0 ? 0 : stream - 2), 0, 0, 0, 0])
                    : Frame(Http2Wire.Headers, EndOfHead | EndOfStream, stream, [0x88]));
            }
        });
    }

    private static byte[] Frame(byte type, byte flags, int stream, byte[] payload)
    {
        byte[] frame = [0, 0, (byte)payload.Length, type, flags, 0, 0, 0, 0, .. payload];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        return frame;
    }

    [Theory]
    [InlineData("breaker: 1")]
    [InlineData("retry: 2, breaker: 1")]
    [InlineData("retry: { attempts: 2, on: 503 }, health: { passive: 1 }")]
    [InlineData("retry: { attempts: 2, budget: 0%, minPerSecond: 0 }, breaker: 1")]
    public async Task A_request_that_came_too_late_goes_on_another_connection_and_nobody_has_failed(string more)
    {
        await using var service = Closing(2, first: 1);
        using var up = new OneUpstream($"{{ url: \"{service.Url}\", protocol: http2, {more} }}");
        Assert.Equal(["200", "200", "200", "200"], await up.CallAsync(4));
        Assert.Equal((6, 3), (streams, service.Accepted));
        Assert.Empty(up[0].Troubles);
        Assert.DoesNotContain("reason=\"connect\"} 1", up.Metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_says_goodbye_to_every_request_fails()
    {
        await using var service = Closing(100);
        using var up = new OneUpstream($"{{ url: \"{service.Url}\", protocol: http2, retry: off }}");
        Assert.StartsWith("Upstream", await up.CallAsync(), StringComparison.Ordinal);
        Assert.Equal(4, streams);
    }
}
