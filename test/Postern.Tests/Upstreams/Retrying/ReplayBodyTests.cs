using System.IO.Pipelines;
using System.Text;
using Postern.Pipeline;
using Postern.Upstreams.Retrying;

namespace Postern.Tests.Upstreams.Retrying;

/// <summary>A body that is read more than once.</summary>
public sealed class ReplayBodyTests
{
    private readonly Pipe client = new();
    private readonly UpstreamCall call = new();

    [Fact]
    public async Task What_was_read_comes_again_and_then_what_was_not()
    {
        var body = new ReplayBody(call, client.Reader, 100);
        await client.Writer.WriteAsync("first "u8.ToArray());
        Assert.Equal("first ", await PieceAsync(body));
        body.Rewind();
        Assert.True(call.Replays);
        Assert.Equal("first ", await PieceAsync(body));
        await client.Writer.WriteAsync("second"u8.ToArray());
        await client.Writer.CompleteAsync();
        Assert.Equal("second", await RestAsync(body));
        Assert.False(call.Replays);
        for (var i = 0; i < 3; i++)
        {
            body.Rewind();
            Assert.Equal("first second", await RestAsync(body));
        }
        body.Release();
    }

    [Fact]
    public async Task Reading_in_bites_keeps_the_whole()
    {
        var text = string.Concat(Enumerable.Range(0, 5000).Select(i => $"{i} "));
        await client.Writer.WriteAsync(Encoding.ASCII.GetBytes(text[..10_000]));
        var body = new ReplayBody(call, client.Reader, 64 * 1024);
        var read = new StringBuilder();
        while (read.Length < 10_000)
        {
            var there = (await body.ReadAsync()).Buffer;
            var bite = there.Slice(0, Math.Min(777, there.Length));
            read.Append(Encoding.ASCII.GetString(bite));
            body.AdvanceTo(bite.End);
        }
        Assert.True(body.CanRewind);
        body.Rewind();
        await client.Writer.WriteAsync(Encoding.ASCII.GetBytes(text[10_000..]));
        await client.Writer.CompleteAsync();
        Assert.Equal(text, await RestAsync(body));
        body.Rewind();
        Assert.Equal(text, await RestAsync(body));
        body.Release();
    }

    [Theory]
    [InlineData(10, true), InlineData(11, false)]
    public async Task No_more_is_kept_than_may_be(int length, bool kept)
    {
        var body = new ReplayBody(call, client.Reader, 10);
        await client.Writer.WriteAsync(new byte[5]);
        await PieceAsync(body);
        Assert.True(body.CanRewind);
        await client.Writer.WriteAsync(new byte[length - 5]);
        await client.Writer.CompleteAsync();
        await RestAsync(body);
        Assert.Equal(kept, body.CanRewind);
    }

    [Fact]
    public async Task An_empty_body_comes_again_too()
    {
        await client.Writer.CompleteAsync();
        var body = new ReplayBody(call, client.Reader, 10);
        Assert.Equal("", await RestAsync(body));
        body.Rewind();
        Assert.Equal("", await RestAsync(body));
    }

    [Fact]
    public async Task A_read_that_was_cancelled_for_one_try_is_not_cancelled_for_the_next()
    {
        var body = new ReplayBody(call, client.Reader, 100);
        var reading = body.ReadAsync();
        body.CancelPendingRead();
        var cancelled = await reading;
        Assert.True(cancelled.IsCanceled);
        body.AdvanceTo(cancelled.Buffer.Start);

        // Said a moment too late, it would hit the next read.
        body.CancelPendingRead();
        body.Rewind();
        var next = body.ReadAsync();
        await client.Writer.WriteAsync("x"u8.ToArray());
        var result = await next;
        Assert.False(result.IsCanceled);
        Assert.Equal(1, result.Buffer.Length);
        body.AdvanceTo(result.Buffer.End);
    }

    [Fact]
    public async Task After_the_last_try_nothing_more_is_kept()
    {
        var body = new ReplayBody(call, client.Reader, 100);
        await client.Writer.WriteAsync("first"u8.ToArray());
        await PieceAsync(body);
        body.Settle();
        Assert.False(body.CanRewind);
        await client.Writer.WriteAsync("second"u8.ToArray());
        Assert.Equal("second", await PieceAsync(body));
        body.Release();
    }

    private static async Task<string> PieceAsync(PipeReader body)
    {
        if (!body.TryRead(out var result))
        {
            result = await body.ReadAsync();
        }
        var text = Encoding.ASCII.GetString(result.Buffer);
        body.AdvanceTo(result.Buffer.End);
        return text;
    }

    private static async Task<string> RestAsync(PipeReader body)
    {
        var text = new StringBuilder();
        while (await body.ReadAsync() is var result)
        {
            text.Append(Encoding.ASCII.GetString(result.Buffer));
            body.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
            {
                break;
            }
        }
        return text.ToString();
    }
}
