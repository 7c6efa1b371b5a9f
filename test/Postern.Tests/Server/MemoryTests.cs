namespace Postern.Tests.Server;

/// <summary>Counts the bytes of the whole process, so nothing else may run meanwhile.</summary>
[CollectionDefinition(nameof(MemoryTests), DisableParallelization = true)]
[Collection(nameof(MemoryTests))]
public sealed class MemoryTests
{
    [Fact]
    public async Task The_next_request_of_a_connection_costs_next_to_no_memory()
    {
        ReadOnlyMemory<byte> answer = "ok"u8.ToArray();
        await using var served = await Served.StartAsync(async context =>
        {
            context.Response.ContentLength = 2;
            await context.Response.BodyWriter.WriteAsync(answer);
        });
        using var client = await served.ConnectAsync();
        var request = "GET /p HTTP/1.1\r\nHost: a\r\n\r\n"u8.ToArray();
        var buffer = new byte[4096];
        const int count = 200;
        var each = long.MaxValue;
        await AskAsync(count);
        // The compiler is at work, too; the quietest round counts.
        for (var round = 0; round < 20; round++)
        {
            var before = GC.GetTotalAllocatedBytes(precise: true);
            await AskAsync(count);
            each = Math.Min(each, (GC.GetTotalAllocatedBytes(precise: true) - before) / count);
        }
        // An exchange and a context made anew would be a kilobyte.
        Assert.InRange(each, 0, 40);

        async Task AskAsync(int times)
        {
            for (var i = 0; i < times; i++)
            {
                await client.Stream.WriteAsync(request);
                Assert.True(await client.Stream.ReadAsync(buffer) > 2);
            }
        }
    }
}
