using Microsoft.Extensions.Logging.Abstractions;
using Postern.Edge.Authenticating;
using Postern.Edge.Authenticating.ApiKeys;
using Postern.Pipeline;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.Authenticating.ApiKeys;

public sealed class ApiKeyWayTests
{
    private readonly SteppedTime time = new();

    [Fact]
    public void A_key_is_known_by_its_hash()
    {
        var way = Way(KeyOptions.For("acme", "secret-1"), KeyOptions.For("other", "secret-2"));
        Assert.Equal("acme", way.Find(Digest.Of("secret-1"))?.Id);
        Assert.Equal("other", way.Find(Digest.Of("secret-2"))?.Id);
        Assert.Null(way.Find(Digest.Of("secret-3")));
        // The hash is no key: who reads the file can't call.
        Assert.Null(way.Find(Digest.Of(KeyOptions.For("acme", "secret-1").Hash!)));
    }

    [Fact]
    public void The_hash_is_what_sha256sum_prints() =>
        Assert.Equal("2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b", KeyOptions.For("acme", "secret").Hash);

    [Fact]
    public void What_its_entry_says_is_what_is_known_of_the_caller()
    {
        var key = KeyOptions.For("acme", "k") with { Tier = "partner", Scopes = ["orders.read", "orders.write"], Created = "1970-01-01T00:00:10Z", Expires = "1970-01-02T01:00:00+01:00" };
        var consumer = Way(key).Find(Digest.Of("k"))!;
        Assert.Equal(("acme", "acme", "partner", "partners", null), (consumer.Id, consumer.Name, consumer.Tier, consumer.Way, consumer.Issuer));
        Assert.Equal(["orders.read", "orders.write"], consumer.Scopes);
        Assert.Equal("""{"sub":"acme","name":"acme","plan":"partner","tier":"partner","scope":"orders.read orders.write","iat":10,"exp":86400}""", consumer.Claims.GetRawText());
        Assert.Equal("acme", consumer.Principal.Identity!.Name);
    }

    [Fact]
    public void What_its_entry_does_not_say_is_no_claim() =>
        Assert.Equal("""{"sub":"acme","name":"acme"}""", Way(KeyOptions.For("acme", "k")).Find(Digest.Of("k"))!.Claims.GetRawText());

    [Theory]
    [InlineData("1970-01-01T01:00:00Z")]
    [InlineData("1970-01-01T02:30:00.0+01:30")]
    public void A_key_ends_at_its_time(string expires)
    {
        var way = Way(KeyOptions.For("acme", "k") with { Expires = expires });
        time.Advance(TimeSpan.FromHours(1) - TimeSpan.FromTicks(1));
        Assert.NotNull(way.Find(Digest.Of("k")));
        time.Advance(TimeSpan.FromTicks(1));
        Assert.Null(way.Find(Digest.Of("k")));
    }

    [Theory]
    [InlineData("1970-01-01T00:00:00Z")]
    [InlineData("2999-01-01T00:00:00Z")]
    public void A_revoked_key_is_refused_whatever_the_clocks_say(string revoked) =>
        Assert.Null(Way(KeyOptions.For("acme", "k") with { Revoked = revoked }).Find(Digest.Of("k")));

    [Fact]
    public async Task Why_a_key_is_refused_is_for_the_log_alone()
    {
        var way = Way(
            KeyOptions.For("acme", "secret-1") with { Revoked = "1970-01-01T00:00:00Z" },
            KeyOptions.For("acme", "secret-2") with { Expires = "1970-01-01T00:00:00Z", Last4 = null });
        foreach (var (key, reason) in new[]
        {
            ("secret-0", "no such key"), ("secret-1", "the key of 'acme' that ends in et-1 was revoked at 1970-01-01T00:00:00Z"), ("secret-2", "a key of 'acme' expired at 1970-01-01T00:00:00Z"),
        })
        {
            var verdict = await way.JudgeAsync(key, Digest.Of(key), "127.0.0.1");
            Assert.Equal((Failure.InvalidKey, null, reason, null), (verdict.Failure, verdict.Detail, verdict.Reason, verdict.Consumer));
        }
    }

    [Fact]
    public void Knowing_a_caller_allocates_nothing()
    {
        var way = Way([.. Enumerable.Range(0, 1000).Select(i => KeyOptions.For($"c{i}", $"k{i}") with { Expires = "2999-01-01T00:00:00Z" })]);
        var digest = Digest.Of("k7");
        Assert.NotNull(way.Find(digest));
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            way.Find(digest);
        }
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Two_ways_of_one_gateway_share_nothing_but_their_file()
    {
        var (state, file) = (new StatePool(), new KeyFileOptions { Keys = [KeyOptions.For("acme", "k")] });
        var (one, other) = (ApiKeyWay.Of(state, "one", new ApiKeyOptions { Header = "X-A", Keys = file }), ApiKeyWay.Of(state, "other", new ApiKeyOptions { Query = "a", Keys = file }));
        state.Start(time, NullLogger.Instance);
        state.Commit();
        Assert.Equal(("one", "other"), (one.Find(Digest.Of("k"))!.Way, other.Find(Digest.Of("k"))!.Way));
    }

    [Fact]
    public void Keys_of_a_configuration_that_is_not_taken_are_not_taken()
    {
        var state = new StatePool();
        var way = Of(state, KeyOptions.For("acme", "k"));
        state.Start(time, NullLogger.Instance);
        state.Commit();
        Assert.Same(way, Of(state, KeyOptions.For("acme", "other")));
        state.Abandon();
        Assert.NotNull(way.Find(Digest.Of("k")));
        Assert.Same(way, Of(state, KeyOptions.For("acme", "other")));
        state.Start(time, NullLogger.Instance);
        state.Commit();
        Assert.Null(way.Find(Digest.Of("k")));
        Assert.NotNull(way.Find(Digest.Of("other")));
    }

    private static ApiKeyWay Of(StatePool state, params KeyOptions[] keys) =>
        ApiKeyWay.Of(state, "partners", new ApiKeyOptions { Header = "X-Api-Key", Keys = new KeyFileOptions { Keys = keys } });

    private ApiKeyWay Way(params KeyOptions[] keys)
    {
        var way = new ApiKeyWay("partners", new ApiKeyOptions { Header = "X-Api-Key", Keys = new KeyFileOptions { Keys = keys } });
        way.Start(time, NullLogger.Instance);
        return way;
    }
}
