using Postern.Pipeline;
using Postern.Tests.Backends.Proxying;
using Postern.Upstreams.Deadlines;

namespace Postern.Tests.Upstreams.Deadlines;

/// <summary>Deadlines that are kept for the next call. Alone, for all calls of a process share them.</summary>
[Collection(nameof(AllocationTests))]
public sealed class KeptDeadlinesTests
{
    private const int Storm = 5_000;
    private const int Calls = 1_000;

    [Fact]
    public void Storms_of_more_calls_at_once_than_are_kept_leave_as_many_as_there_were()
    {
        using var call = new UpstreamCall();
        for (var storm = 0; storm < 3; storm++)
        {
            foreach (var deadline in Enumerable.Range(0, Storm).Select(_ => Start(call)).ToArray())
            {
                deadline.End();
            }
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < Calls; i++)
        {
            Start(call).End();
        }
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, Calls);
    }

    private static Deadline Start(UpstreamCall call) => Deadline.Start(call, TimeSpan.FromMinutes(1), CancellationToken.None);
}
