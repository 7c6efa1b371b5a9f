using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Postern.Edge.Guarding;

namespace Postern.Tests.Edge.Guarding;

public sealed class BoundedBodyTests
{
    private readonly Pipe pipe = new();

    [Fact]
    public async Task A_body_up_to_its_bound_is_read_whole()
    {
        var body = new BoundedBody(pipe.Reader, 10);
        await pipe.Writer.WriteAsync(new byte[6]);
        var result = await body.ReadAsync();
        // What is looked at twice counts once.
        body.AdvanceTo(result.Buffer.GetPosition(2), result.Buffer.End);
        await pipe.Writer.WriteAsync(new byte[4]);
        Assert.True(body.TryRead(out result));
        Assert.Equal(8, result.Buffer.Length);
        body.AdvanceTo(result.Buffer.End);
        await pipe.Writer.CompleteAsync();
        Assert.True((await body.ReadAsync()).IsCompleted);
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task One_byte_more_fails_as_too_large_and_leaves_the_body_readable(bool ready)
    {
        var body = new BoundedBody(pipe.Reader, 10);
        await pipe.Writer.WriteAsync(new byte[10]);
        var result = await body.ReadAsync();
        body.AdvanceTo(result.Buffer.End);
        var reading = ready ? null : body.ReadAsync().AsTask();
        await pipe.Writer.WriteAsync(new byte[1]);
        var refused = reading is null
            ? Assert.Throws<BadHttpRequestException>(() => body.TryRead(out _))
            : await Assert.ThrowsAsync<BadHttpRequestException>(() => reading);
        Assert.Equal(StatusCodes.Status413PayloadTooLarge, refused.StatusCode);
        Assert.Equal(1, (await pipe.Reader.ReadAsync()).Buffer.Length);
    }
}
