using System.Diagnostics;
using Postern.Pipeline;
using Postern.Tests.Upstreams.Forwarding;
using Postern.Upstreams.Balancing;
using Postern.Upstreams.Breaking;

namespace Postern.Tests.Upstreams;

/// <summary>What judging calls costs when nothing goes wrong.</summary>
[Collection(nameof(CostTests))]
public sealed class JudgingCostTests
{
    [Fact]
    public async Task A_breaker_and_passive_health_allocate_little()
    {
        var (without, with) = (await LeastAsync(""), await LeastAsync(", breaker: {}, health: { passive: {} }"));
        TestContext.Current.SendDiagnosticMessage($"{with.Bytes - without.Bytes:F0} bytes and {(with.Nanoseconds - without.Nanoseconds):F0} ns a call");
        // Only a call that somebody watches carries the room for it.
        Assert.InRange(with.Bytes - without.Bytes, -8, 64);
    }

    private static async Task<(double Bytes, double Nanoseconds)> LeastAsync(string more)
    {
        using var up = new OneUpstream($"{{ urls: [\"http://127.0.0.1:1\", \"http://127.0.0.1:2\"]{more} }}", TimeProvider.System);
        HttpMessageHandler chain = new BalancingHandler(up.Set, Rule.Of(new BalanceOptions()), null, new Answering());
        chain = up.Live<Breakers>().FirstOrDefault() is { } breakers ? new BreakerHandler(breakers, up.Set, chain) : chain;
        using var invoker = new HttpMessageInvoker(chain);
        const int calls = 5_000;
        var (least, time, watch) = (double.MaxValue, double.MaxValue, Stopwatch.StartNew());
        while (watch.Elapsed < TimeSpan.FromSeconds(1))
        {
            var (before, began) = (GC.GetTotalAllocatedBytes(precise: true), Stopwatch.GetTimestamp());
            await Task.Run(async () =>
            {
                for (var i = 0; i < calls; i++)
                {
                    var call = new UpstreamCall();
                    var reply = (UpstreamReply)await invoker.SendAsync(call, default);
                    call.Settle(reply);
                    call.End(reply);
                    await reply.FinishAsync();
                }
            });
            time = Math.Min(time, Stopwatch.GetElapsedTime(began).TotalNanoseconds / calls);
            least = Math.Min(least, (GC.GetTotalAllocatedBytes(precise: true) - before) / (double)calls);
        }
        return (least, time);
    }

    /// <summary>Answers later, as every upstream does.</summary>
    private sealed class Answering : HttpMessageHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            await Task.Yield();
            return new Answer();
        }
    }

    private sealed class Answer : UpstreamReply
    {
        public override ValueTask<ReadOnlyMemory<byte>> ReadAsync() => default;
    }
}
