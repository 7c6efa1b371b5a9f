using Postern.Tests.Harness;

namespace Postern.Tests.Edge.Authenticating.Jwt.Keys;

public sealed class FetchedKeysTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task Keys_are_fetched_at_the_start_and_by_nobody_who_asks()
    {
        await using var source = new Source(await AuthServer.StartAsync());
        Assert.Equal($"identity 'customers': no keys yet from {source.Server.JwksUrl}", source.Keys.NotReady);
        Assert.Equal(0, source.Server.Jwks.Requests);
        await source.StartAsync();
        Assert.True(source.Keys.HasKeys);
        Assert.Null(source.Keys.NotReady);
        for (var i = 0; i < 100; i++)
        {
            Assert.Equal("k1", source.Keys.Find("k1", "RS256")!.Id);
            Assert.Null(source.Keys.Find("k2", "RS256"));
        }
        Assert.Equal(1, source.Server.Jwks.Requests);
        Assert.Equal("Information: Identity 'customers': keys that verify its tokens now: k1", Assert.Single(source.Lines));
        Assert.Equal("1", source.Metric("postern_key_fetches_total{identity=\"customers\",outcome=\"ok\"}"));
        Assert.Equal("1", source.Metric("postern_keys{identity=\"customers\"}"));
        source.Time.Advance(TimeSpan.FromSeconds(90));
        Assert.Equal("90", source.Metric("postern_keys_age_seconds{identity=\"customers\"}"));
    }

    [Fact]
    public async Task They_are_fetched_again_within_a_tenth_of_the_interval()
    {
        await using var source = new Source(await AuthServer.StartAsync());
        await source.StartAsync();
        for (var round = 2; round < 12; round++)
        {
            source.Time.Advance(TimeSpan.FromMinutes(8.99));
            Assert.Equal(round - 1, source.Server.Jwks.Requests);
            await source.AdvanceAsync(TimeSpan.FromMinutes(2.02));
            Assert.Equal(round, source.Server.Jwks.Requests);
        }
    }

    [Fact]
    public async Task A_new_key_is_known_after_the_next_fetch_and_a_withdrawn_one_is_retired()
    {
        await using var source = new Source(await AuthServer.StartAsync());
        await source.StartAsync();
        var (first, second) = (source.Keys.Find("k1", "RS256")!, source.Server.Publish("k2", "ES256"));
        await source.RefreshAsync();
        Assert.Same(first, source.Keys.Find("k1", "RS256"));
        Assert.Equal(second.Kid, source.Keys.Find("k2", "ES256")!.Id);
        source.Server.Withdraw("k1");
        Assert.False(first.Retired);
        await source.RefreshAsync();
        Assert.Null(source.Keys.Find("k1", "RS256"));
        Assert.True(first.Retired);
        Assert.False(source.Keys.Find("k2", "ES256")!.Retired);
    }

    [Fact]
    public async Task A_key_that_changes_under_its_kid_is_another_key()
    {
        await using var source = new Source(await AuthServer.StartAsync());
        await source.StartAsync();
        var first = source.Keys.Find("k1", "RS256")!;
        source.Server.Withdraw("k1");
        source.Server.Publish("k1");
        await source.RefreshAsync();
        Assert.True(first.Retired);
        Assert.False(source.Keys.Find("k1", "RS256")!.Retired);
    }

    [Fact]
    public async Task Until_the_first_success_it_tries_soon_and_then_more_slowly()
    {
        await using var source = new Source(AuthServer.Down());
        await source.StartAsync();
        Assert.False(source.Keys.HasKeys);
        Assert.Null(source.Keys.Find("k1", "RS256"));
        Assert.Equal($"identity 'customers': no keys yet from {source.Server.JwksUrl}: connection refused", source.Keys.NotReady);
        Assert.InRange(source.Keys.RetryAfter, 1, 2);
        foreach (var longest in new[] { 0.6, 1.2, 2.4, 4.8, 9.6, 19.2, 36, 36 })
        {
            await source.AdvanceAsync(TimeSpan.FromSeconds(longest));
        }
        Assert.InRange(source.Keys.RetryAfter, 25, 37);
        Assert.Equal("9", source.Metric("postern_key_fetches_total{identity=\"customers\",outcome=\"failed\"}"));
        Assert.Equal("NaN", source.Metric("postern_keys_age_seconds{identity=\"customers\"}"));
        await source.Server.UpAsync();
        await source.AdvanceAsync(TimeSpan.FromSeconds(36));
        Assert.Null(source.Keys.NotReady);
        Assert.NotNull(source.Keys.Find("k1", "RS256"));
        Assert.Equal(
        [
            $"Warning: Identity 'customers': its keys can't be fetched from {source.Server.JwksUrl}: connection refused; there are none yet",
            $"Information: Identity 'customers': its keys can be fetched from {source.Server.JwksUrl} again",
            "Information: Identity 'customers': keys that verify its tokens now: k1",
        ], source.Lines);
    }

    [Fact]
    public async Task While_they_cannot_be_fetched_the_last_good_ones_serve_on_for_a_bounded_time()
    {
        await using var source = new Source(await AuthServer.StartAsync(), keep: TimeSpan.FromHours(1));
        await source.StartAsync();
        var key = source.Keys.Find("k1", "RS256")!;
        source.Server.Jwks.Fail(503);
        await source.RefreshAsync();
        await source.AdvanceAsync(TimeSpan.FromMinutes(48.9));
        Assert.Same(key, source.Keys.Find("k1", "RS256"));
        Assert.Null(source.Keys.NotReady);
        Assert.False(key.Retired);
        await source.AdvanceAsync(TimeSpan.FromMinutes(1));
        Assert.Null(source.Keys.Find("k1", "RS256"));
        Assert.False(source.Keys.HasKeys);
        Assert.Equal($"identity 'customers': no keys any more from {source.Server.JwksUrl}: answered 503", source.Keys.NotReady);
        Assert.True(key.Retired);
        source.Server.Jwks.Recover();
        await source.AdvanceAsync(TimeSpan.FromMinutes(1));
        Assert.Null(source.Keys.NotReady);
        Assert.False(source.Keys.Find("k1", "RS256")!.Retired);
        Assert.True(key.Retired);
        Assert.Equal(
        [
            "Information: Identity 'customers': keys that verify its tokens now: k1",
            $"Warning: Identity 'customers': its keys can't be fetched from {source.Server.JwksUrl}: answered 503; the last good keys serve on for 49 min",
            $"Error: Identity 'customers': its keys could not be fetched for 01:00:00 and are believed no longer; {source.Server.JwksUrl}: answered 503",
            $"Information: Identity 'customers': its keys can be fetched from {source.Server.JwksUrl} again",
            "Information: Identity 'customers': keys that verify its tokens now: k1",
        ], source.Lines);
    }

    [Fact]
    public async Task Keys_that_are_kept_no_longer_than_the_interval_are_renewed_in_time()
    {
        await using var source = new Source(await AuthServer.StartAsync(), keep: TimeSpan.FromMinutes(10));
        await source.StartAsync();
        for (var round = 2; round < 7; round++)
        {
            await source.AdvanceAsync(TimeSpan.FromMinutes(9.01));
            Assert.Equal(round, source.Server.Jwks.Requests);
            Assert.Null(source.Keys.NotReady);
        }
    }

    [Theory]
    [InlineData("""<!doctype html>""", "its answer is not JSON, or nested deeper than 32")]
    [InlineData("", "its answer is not JSON, or nested deeper than 32")]
    [InlineData("""{"keys":[""", "its answer is not JSON, or nested deeper than 32")]
    [InlineData("""{"keys":[],"keys":[]}""", "its answer has a name twice")]
    [InlineData("""{"keys":[{"kid":"a","kty":"RSA","k\u0069d":"b"}]}""", "its answer has a name twice")]
    [InlineData("""{"keys":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}""", "its answer is not JSON, or nested deeper than 32")]
    [InlineData("""{"keys":[{"kid":"\ud800"}]}""", "its answer has half of a surrogate pair")]
    [InlineData("""{"\ud800":1}""", "its answer has half of a surrogate pair")]
    [InlineData("[]", "its answer is not a JSON object")]
    [InlineData("""{"keys":[]}""", "it has no keys")]
    public async Task A_set_that_makes_no_sense_leaves_the_last_one_serving(string answer, string reason)
    {
        await using var source = new Source(await AuthServer.StartAsync());
        await source.StartAsync();
        var key = source.Keys.Find("k1", "RS256");
        source.Server.Jwks.Say(answer);
        await source.RefreshAsync();
        Assert.Same(key, source.Keys.Find("k1", "RS256"));
        Assert.False(key!.Retired);
        Assert.Contains(source.Lines, l => l.Contains($": {reason}; the last good keys serve on", StringComparison.Ordinal));
    }

    [Fact]
    public async Task So_do_floods_pages_redirects_and_broken_text()
    {
        await using var source = new Source(await AuthServer.StartAsync());
        await using var other = await AuthServer.StartAsync();
        await source.StartAsync();
        var (key, jwks) = (source.Keys.Find("k1", "RS256"), source.Server.Jwks);
        Action[] lies = [jwks.Flood, jwks.SayHtml, () => jwks.Redirect(other.JwksUrl), () => jwks.Instead = c => AuthEndpoint.WriteAsync(c, [.. "{\"keys\":[{\"kid\":\""u8, 0xff, .. "\"}]}"u8])];
        foreach (var lie in lies)
        {
            lie();
            await source.AdvanceAsync(TimeSpan.FromMinutes(11));
            Assert.Same(key, source.Keys.Find("k1", "RS256"));
        }
        Assert.Equal("4", source.Metric("postern_key_fetches_total{identity=\"customers\",outcome=\"failed\"}"));
        Assert.Equal(0, other.Jwks.Requests);
        Assert.Single(source.Lines, l => l.StartsWith("Warning", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Keys_that_cannot_be_used_are_logged_once()
    {
        await using var source = new Source(await AuthServer.StartAsync());
        source.Server.Publish(SigningKey.FromSecret(new string('x', 32), kid: "shared"));
        await source.StartAsync();
        await source.RefreshAsync();
        Assert.Null(source.Keys.Find("shared", "HS256"));
        Assert.Equal($"Warning: Identity 'customers': keys at {source.Server.JwksUrl} that are not used: 'shared': a shared secret has no place in a key set",
            Assert.Single(source.Lines, l => l.StartsWith("Warning", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_hundred_requests_with_an_unknown_kid_share_one_fetch()
    {
        await using var source = new Source(await AuthServer.StartAsync());
        await source.StartAsync();
        source.Server.Publish("k2");
        source.Server.Jwks.Hold();
        var refetches = new Task[100];
        await Parallel.ForAsync(0, 100, (i, _) =>
        {
            refetches[i] = source.Keys.RefetchAsync();
            return default;
        });
        await source.Server.Jwks.UntilAsync(2);
        Assert.All(refetches, r => Assert.False(r.IsCompleted));
        source.Server.Jwks.Release();
        await Task.WhenAll(refetches).WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.Equal(2, source.Server.Jwks.Requests);
        Assert.NotNull(source.Keys.Find("k2", "RS256"));
    }

    [Fact]
    public async Task After_it_there_is_none_for_thirty_seconds()
    {
        await using var source = new Source(await AuthServer.StartAsync());
        await source.StartAsync();
        await source.RefetchAsync(fetches: true);
        await source.RefetchAsync(fetches: false);
        source.Time.Advance(TimeSpan.FromSeconds(29.9));
        await source.RefetchAsync(fetches: false);
        Assert.Equal(2, source.Server.Jwks.Requests);
        source.Time.Advance(TimeSpan.FromSeconds(0.1));
        await source.RefetchAsync(fetches: true);
        Assert.Equal(3, source.Server.Jwks.Requests);
    }

    [Fact]
    public async Task A_failed_one_has_its_cooldown_too_and_keeps_the_keys()
    {
        await using var source = new Source(await AuthServer.StartAsync());
        await source.StartAsync();
        source.Server.Jwks.Fail();
        await source.RefetchAsync(fetches: true);
        await source.RefetchAsync(fetches: false);
        Assert.Equal(2, source.Server.Jwks.Requests);
        Assert.NotNull(source.Keys.Find("k1", "RS256"));
    }

    [Fact]
    public async Task A_scheduled_fetch_neither_has_nor_causes_a_cooldown()
    {
        await using var source = new Source(await AuthServer.StartAsync());
        await source.StartAsync();
        source.Server.Publish("k2");
        await source.RefetchAsync(fetches: true);
        Assert.NotNull(source.Keys.Find("k2", "RS256"));
        await source.RefreshAsync();
        source.Server.Publish("k3");
        await source.RefetchAsync(fetches: true);
        Assert.NotNull(source.Keys.Find("k3", "RS256"));
    }

    [Fact]
    public async Task A_key_published_while_a_fetch_is_under_way_is_found_by_the_one_after_it()
    {
        await using var source = new Source(await AuthServer.StartAsync());
        await source.StartAsync();
        var old = source.Server.KeySet();
        source.Server.Jwks.Hold();
        source.Server.Jwks.Say(old);
        source.Time.Advance(TimeSpan.FromMinutes(11));
        await source.Server.Jwks.UntilAsync(2);
        source.Server.Publish("k2");
        var refetch = source.Keys.RefetchAsync();
        source.Server.Jwks.Instead = async context =>
        {
            source.Server.Jwks.Recover();
            await AuthEndpoint.WriteAsync(context, old);
        };
        source.Server.Jwks.Release();
        await refetch.WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.NotNull(source.Keys.Find("k2", "RS256"));
        Assert.Equal(3, source.Server.Jwks.Requests);
    }

    [Fact]
    public async Task Nothing_is_fetched_before_the_start_or_after_the_end()
    {
        await using var source = new Source(await AuthServer.StartAsync());
        await source.RefetchAsync(fetches: false);
        Assert.Equal(0, source.Server.Jwks.Requests);
        await source.StartAsync();
        source.Keys.Dispose();
        await source.RefetchAsync(fetches: false);
        source.Time.Advance(TimeSpan.FromDays(1));
        Assert.Equal(1, source.Server.Jwks.Requests);
        Assert.Equal("NaN", source.Metric("postern_keys_age_seconds{identity=\"customers\"}"));
    }

    [Fact]
    public async Task The_end_aborts_the_fetch_and_lets_go_who_waits_for_it()
    {
        await using var source = new Source(await AuthServer.StartAsync());
        await source.StartAsync();
        source.Server.Jwks.Hold();
        var refetch = source.Keys.RefetchAsync();
        await source.Server.Jwks.UntilAsync(2);
        source.Keys.Dispose();
        await refetch.WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.NotNull(source.Keys.Find("k1", "RS256")); // For requests that began before.
        Assert.DoesNotContain(source.Lines, l => l.StartsWith("Error", StringComparison.Ordinal) || l.StartsWith("Warning", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_slow_server_is_given_up_after_five_seconds()
    {
        await using var source = new Source(await AuthServer.StartAsync());
        source.Server.Jwks.Hold();
        source.Keys.Start(source.Time, source);
        await source.Server.Jwks.UntilAsync(1);
        await source.Time.UntilWaitingAsync();
        source.Time.Advance(TimeSpan.FromSeconds(5));
        await source.Time.UntilWaitingAsync();
        Assert.EndsWith(": no whole answer within 5 s", source.Keys.NotReady);
    }
}
