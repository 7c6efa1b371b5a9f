using Microsoft.AspNetCore.Http;
using Postern.Pipeline;

namespace Postern.Tests.Pipeline;

/// <summary>An answer that nobody wants.</summary>
public sealed class DiscardedReplyTests
{
    private static readonly Exception[] Ends =
        [new OperationCanceledException(), new ObjectDisposedException("a"), new UpstreamException(Failure.UpstreamBroken, "a"), new BadHttpRequestException("a"), new IOException()];

    [Fact]
    public async Task What_it_held_is_told_however_reading_it_ends()
    {
        foreach (var reading in Ends.SelectMany(e => new[] { ValueTask.FromException<ReadOnlyMemory<byte>>(e), LaterAsync(e) }))
        {
            var (reply, ending) = (new Reply(() => reading), new Ending());
            reply.Hold(ending);
            await reply.DiscardAsync();
            Assert.Equal(1, ending.Told);
        }
    }

    [Fact]
    public async Task No_more_is_read_of_it_than_makes_sense()
    {
        var (reads, ending) = (0, new Ending());
        var reply = new Reply(() => new(new byte[++reads > 1000 ? throw new InvalidOperationException("reads without end") : 16 * 1024]));
        reply.Hold(ending);
        await reply.DiscardAsync();
        Assert.Equal((4, 1), (reads, ending.Told));
    }

    private static async ValueTask<ReadOnlyMemory<byte>> LaterAsync(Exception e)
    {
        await Task.Yield();
        throw e;
    }

    private sealed class Reply : UpstreamReply
    {
        private readonly Func<ValueTask<ReadOnlyMemory<byte>>> read;

        public Reply(Func<ValueTask<ReadOnlyMemory<byte>>> read) => (this.read, HasBody) = (read, true);

        public override ValueTask<ReadOnlyMemory<byte>> ReadAsync() => read();
    }

    private sealed class Ending : IEnding
    {
        public int Told { get; private set; }

        public void Ended(UpstreamReply reply) => Told++;
    }
}
