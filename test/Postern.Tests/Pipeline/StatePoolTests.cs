using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Pipeline;

namespace Postern.Tests.Pipeline;

public sealed class StatePoolTests
{
    [Fact]
    public void What_is_not_ready_is_told_of_each_and_once()
    {
        var pool = new StatePool();
        foreach (var (key, reason) in new[] { ("b", "no keys from b"), ("a", "no keys from a"), ("a2", "no keys from a"), ("c", null) })
        {
            pool.Keep("keys", key, () => new Live { NotReady = reason });
        }
        pool.Start(TimeProvider.System, NullLogger.Instance);
        pool.Commit();
        Assert.Equal("no keys from a; no keys from b", pool.NotReady);
        pool.Keep("keys", "c", () => new Live());
        pool.Commit();
        Assert.Null(pool.NotReady);
    }

    private sealed class Live : ILive
    {
        public string? NotReady { get; init; }

        public void Start(TimeProvider time, ILogger logger)
        {
        }

        public void Dispose()
        {
        }
    }
}
