using System.Text.Json;
using Postern.Edge.Authenticating;
using Postern.Pipeline;

namespace Postern.Tests.Edge.Authenticating;

public sealed class SingleFlightTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task Those_with_one_credential_share_one_flight()
    {
        var (flights, end, begun) = (new SingleFlight(10), new TaskCompletionSource<Verdict>(), 0);
        var joined = Enumerable.Range(0, 10).Select(_ => flights.Join(Digest.Of("a"), () =>
        {
            Interlocked.Increment(ref begun);
            return end.Task;
        })!).ToArray();
        end.SetResult(Known("alice"));
        foreach (var flight in joined)
        {
            Assert.Equal("alice", (await flight.WaitAsync(Patience)).Consumer?.Id);
        }
        Assert.Equal(1, begun);
    }

    [Fact]
    public async Task A_flight_that_has_landed_is_not_joined()
    {
        var flights = new SingleFlight(1);
        for (var i = 0; i < 1000; i++)
        {
            var verdict = await flights.Join(Digest.Of("a"), () => Task.FromResult(Known($"user{i}")))!.WaitAsync(Patience);
            Assert.Equal($"user{i}", verdict.Consumer?.Id);
        }
    }

    [Fact]
    public async Task Two_credentials_never_share_a_flight()
    {
        var flights = new SingleFlight(100);
        var workers = Enumerable.Range(0, 8).Select(worker => Task.Run(async () =>
        {
            var user = worker % 2 == 0 ? "alice" : "bob";
            for (var i = 0; i < 5000; i++)
            {
                var verdict = await flights.Join(Digest.Of(user), async () =>
                {
                    await Task.Yield();
                    return Known(user);
                })!;
                Assert.Equal(user, verdict.Consumer?.Id);
            }
        }));
        await Task.WhenAll(workers).WaitAsync(Patience * 3);
    }

    [Fact]
    public async Task The_work_is_not_done_on_the_thread_that_asks()
    {
        var (flights, asking) = (new SingleFlight(1), Environment.CurrentManagedThreadId);
        var judging = 0;
        var flight = flights.Join(Digest.Of("a"), () =>
        {
            judging = Thread.CurrentThread.IsThreadPoolThread ? Environment.CurrentManagedThreadId : 0;
            return Task.FromResult(Known("alice"));
        })!;
        // This thread does nothing else until then, so the pool can't borrow it.
        Assert.True(((IAsyncResult)flight).AsyncWaitHandle.WaitOne(Patience));
        Assert.NotEqual(0, judging);
        Assert.NotEqual(asking, judging);
        await flight;
    }

    [Fact]
    public async Task Past_the_most_a_new_credential_is_turned_away_but_a_known_one_joins()
    {
        var (flights, end) = (new SingleFlight(2), new TaskCompletionSource<Verdict>());
        var (a, b) = (flights.Join(Digest.Of("a"), () => end.Task)!, flights.Join(Digest.Of("b"), () => end.Task)!);
        Assert.Null(flights.Join(Digest.Of("c"), Never));
        Assert.Same(a, flights.Join(Digest.Of("a"), Never));
        end.SetResult(Known("alice"));
        await Task.WhenAll(a, b).WaitAsync(Patience);
        Assert.NotNull(flights.Join(Digest.Of("c"), () => Task.FromResult(Known("carol"))));
    }

    [Fact]
    public async Task One_client_has_at_most_a_quarter_whatever_becomes_of_its_flights()
    {
        var flights = new SingleFlight(8);
        var (one, other) = (Network.Of("192.0.2.1"), Network.Of("192.0.2.2"));
        for (var round = 0; round < 3; round++)
        {
            var end = new TaskCompletionSource<Verdict>();
            var begun = new[] { flights.Join(Digest.Of("a"), () => end.Task, one)!, flights.Join(Digest.Of("b"), () => end.Task, one)! };
            Assert.Null(flights.Join(Digest.Of("c"), Never, one));
            Assert.Same(begun[0], flights.Join(Digest.Of("a"), Never, one));
            var others = flights.Join(Digest.Of("c"), () => end.Task, other);
            Assert.NotNull(others);
            end.SetException(new InvalidOperationException());
            foreach (var flight in (Task<Verdict>[])[.. begun, others])
            {
                await Assert.ThrowsAsync<InvalidOperationException>(() => flight.WaitAsync(Patience));
            }
        }
    }

    [Fact]
    public void An_IPv6_network_is_one_client()
    {
        Assert.Equal(Network.Of("2001:db8::1"), Network.Of("2001:db8::ffff:2"));
        Assert.NotEqual(Network.Of("2001:db8::1"), Network.Of("2001:db8:0:1::1"));
        Assert.Equal(Network.Of("192.0.2.1"), Network.Of("::ffff:192.0.2.1"));
        Assert.NotEqual(Network.Of("192.0.2.1"), Network.Of("192.0.2.2"));
    }

    [Fact]
    public async Task A_flight_that_fails_fails_for_all_that_joined_and_makes_room()
    {
        var (flights, end) = (new SingleFlight(1), new TaskCompletionSource<Verdict>());
        var (first, second) = (flights.Join(Digest.Of("a"), () => end.Task)!, flights.Join(Digest.Of("a"), Never)!);
        end.SetException(new InvalidOperationException("no"));
        await Assert.ThrowsAsync<InvalidOperationException>(() => first.WaitAsync(Patience));
        await Assert.ThrowsAsync<InvalidOperationException>(() => second.WaitAsync(Patience));
        Assert.Equal("alice", (await flights.Join(Digest.Of("a"), () => Task.FromResult(Known("alice")))!.WaitAsync(Patience)).Consumer?.Id);
        await Assert.ThrowsAsync<InvalidOperationException>(() => flights.Join(Digest.Of("b"), () => throw new InvalidOperationException())!.WaitAsync(Patience));
    }

    private static Task<Verdict> Never() => throw new InvalidOperationException("This is never called.");

    private static Verdict Known(string id) => Verdict.Known(new Consumer { Id = id, Way = "w", Claims = JsonElement.Parse("{}") });
}
