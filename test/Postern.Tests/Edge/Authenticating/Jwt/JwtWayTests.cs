using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Postern.Edge.Authenticating;
using Postern.Edge.Authenticating.Jwt;
using Postern.Pipeline;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.Authenticating.Jwt;

/// <summary>Whom signed tokens make known, and what that costs. What makes nobody known is in <see cref="TokenAttackTests"/>.</summary>
public sealed class JwtWayTests
{
    private static readonly SigningKey Rsa = SigningKey.Make("k1"), Ec = SigningKey.Make("k2", "ES256"), OtherRsa = SigningKey.Make("k1");

    [Theory]
    [InlineData("RS256"), InlineData("RS384"), InlineData("RS512"), InlineData("PS256"), InlineData("PS384"), InlineData("PS512")]
    [InlineData("ES256"), InlineData("ES384"), InlineData("ES512"), InlineData("HS256"), InlineData("HS384"), InlineData("HS512")]
    public async Task A_token_of_each_algorithm_makes_its_caller_known(string algorithm)
    {
        var key = algorithm[0] is 'R' or 'P' ? Rsa.As(algorithm: algorithm) : SigningKey.Make("k1", algorithm);
        var issuer = new Issuer(key);
        Assert.Equal("alice", (await issuer.JudgeAsync(issuer.Token(key))).Consumer?.Id);
    }

    [Fact]
    public async Task What_a_token_says_is_in_the_consumer()
    {
        var issuer = new Issuer(Rsa);
        var verdict = await issuer.JudgeAsync(issuer.Token(Rsa, new JsonObject
        {
            ["name"] = "Alice Álvarez", ["scope"] = "orders.read orders.write", ["scp"] = new JsonArray("ignored"), ["roles"] = new JsonArray("admin", "buyer"),
            ["plan"] = "pro", ["deep"] = new JsonObject { ["n"] = 12345678901234567890m },
        }));
        var consumer = verdict.Consumer!;
        Assert.Equal(Failure.None, verdict.Failure);
        Assert.Equal(("alice", "Alice Álvarez", "pro", "customers", Issuer.Name), (consumer.Id, consumer.Name, consumer.Tier, consumer.Way, consumer.Issuer));
        Assert.Equal(["orders.read", "orders.write"], consumer.Scopes);
        Assert.Equal(["admin", "buyer"], consumer.Roles);
        Assert.Equal("12345678901234567890", consumer.Claims.GetProperty("deep").GetProperty("n").GetRawText());
    }

    [Fact]
    public async Task Claims_have_the_names_that_the_options_give_them()
    {
        var claims = new ClaimOptions { Id = "https://example.com/uid", Name = "preferred_username", Scopes = ["permissions"], Roles = ["realm_access.roles"], Tier = "org.plan" };
        var issuer = new Issuer(["RS256"], claims, Rsa);
        var consumer = (await issuer.JudgeAsync(issuer.Token(Rsa, new JsonObject
        {
            ["https://example.com/uid"] = "u-7", ["preferred_username"] = "al", ["permissions"] = new JsonArray("a", "b"), ["scope"] = "c",
            ["realm_access"] = new JsonObject { ["roles"] = new JsonArray("admin") }, ["org"] = new JsonObject { ["plan"] = "free" },
        }))).Consumer!;
        Assert.Equal(("u-7", "al", "free"), (consumer.Id, consumer.Name, consumer.Tier));
        Assert.Equal(["a", "b"], consumer.Scopes);
        Assert.Equal(["admin"], consumer.Roles);
    }

    [Fact]
    public void The_summary_names_issuer_audience_and_algorithms() =>
        Assert.Equal("jwt from https://auth.example.com for api.example.com or other.example.com, RS256 or ES256", new Issuer(Rsa, Ec).Way.Summary);

    [Fact]
    public async Task A_good_token_is_verified_once_and_then_known_by_its_digest()
    {
        var issuer = new Issuer(Rsa);
        var token = issuer.Token(Rsa);
        var first = (await issuer.JudgeAsync(token)).Consumer;
        Assert.Same(first, issuer.Way.Find(Digest.Of(token)));
        Assert.Same(first, (await issuer.JudgeAsync(token)).Consumer);
        // As a request that had looked for it just before it was known.
        Assert.Same(first, (await issuer.Way.JudgeAsync(token, Digest.Of(token), Issuer.Client)).Consumer);
        Assert.Equal((1, 1L), (issuer.Keys.Verifications, issuer.Count("verified")));
    }

    [Fact]
    public async Task To_find_a_known_token_takes_no_memory()
    {
        var issuer = new Issuer(Rsa);
        var token = issuer.Token(Rsa);
        await issuer.JudgeAsync(token);
        var digest = Digest.Of(token);
        Assert.NotNull(issuer.Way.Find(digest));
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            issuer.Way.Find(digest);
        }
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public async Task A_known_token_is_forgotten_when_it_ends_and_the_clocks_difference_is_over()
    {
        var issuer = new Issuer(Rsa);
        var token = issuer.Token(Rsa);
        await issuer.JudgeAsync(token);
        issuer.Time.Advance(TimeSpan.FromSeconds(329.9));
        Assert.NotNull(issuer.Way.Find(Digest.Of(token)));
        issuer.Time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.Null(issuer.Way.Find(Digest.Of(token)));
        Assert.Equal("exp is past", (await issuer.JudgeAsync(token)).Reason);
    }

    [Fact]
    public async Task A_known_token_is_forgotten_when_its_key_is_withdrawn()
    {
        var issuer = new Issuer(["RS256", "ES256"], null, Ec);
        var withdrawn = issuer.Keys.Add(Rsa);
        var (theirs, mine) = (issuer.Token(Rsa), issuer.Token(Ec));
        Assert.NotNull((await issuer.JudgeAsync(theirs)).Consumer);
        Assert.NotNull((await issuer.JudgeAsync(mine)).Consumer);
        issuer.Keys.Withdraw(withdrawn);
        Assert.Null(issuer.Way.Find(Digest.Of(theirs)));
        Assert.NotNull(issuer.Way.Find(Digest.Of(mine)));
        Assert.Equal(Failure.InvalidToken, (await issuer.JudgeAsync(theirs)).Failure);
    }

    [Fact]
    public async Task A_hundred_requests_at_once_verify_their_token_once_and_not_on_their_own_threads()
    {
        var issuer = new Issuer(Rsa);
        var (token, begun, go, onPool) = (issuer.Token(Rsa), new TaskCompletionSource(), new ManualResetEventSlim(), false);
        issuer.Keys.OnVerify = () =>
        {
            onPool = Thread.CurrentThread.IsThreadPoolThread;
            begun.TrySetResult();
            Assert.True(go.Wait(TimeSpan.FromSeconds(10)));
        };
        var verdicts = new ConcurrentBag<Task<Verdict>>();
        // A thread of its own: were the signature computed here, this would never end.
        var caller = new Thread(() =>
        {
            for (var i = 0; i < 100; i++)
            {
                verdicts.Add(issuer.Way.JudgeAsync(token, Digest.Of(token), Issuer.Client).AsTask());
            }
        });
        caller.Start();
        Assert.True(caller.Join(TimeSpan.FromSeconds(10)));
        await begun.Task.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.All(verdicts, v => Assert.False(v.IsCompleted));
        go.Set();
        var consumers = (await Task.WhenAll(verdicts).WaitAsync(TimeSpan.FromSeconds(10))).Select(v => v.Consumer).Distinct();
        Assert.Equal("alice", Assert.Single(consumers)?.Id);
        Assert.True(onPool);
        Assert.Equal(1, issuer.Keys.Verifications);
    }

    [Fact]
    public async Task Two_users_at_once_are_never_taken_for_each_other()
    {
        var issuer = new Issuer(Rsa, Ec);
        string[] tokens = [.. Enumerable.Range(0, 40).Select(i => issuer.Token(i % 4 < 2 ? Rsa : Ec, new JsonObject { ["sub"] = i % 2 == 0 ? "alice" : "bob", ["jti"] = $"{i}" }))];
        await Parallel.ForAsync(0, 4000, async (i, _) =>
        {
            var at = i % tokens.Length;
            Assert.Equal(at % 2 == 0 ? "alice" : "bob", (await issuer.JudgeAsync(tokens[at])).Consumer?.Id);
        });
        Assert.Equal(40, issuer.Keys.Verifications);
    }

    [Fact]
    public async Task Without_keys_nobody_can_say_whether_a_token_is_good()
    {
        var issuer = new Issuer(Rsa);
        issuer.Keys.NotReady = "the key set was never fetched";
        var verdict = await issuer.JudgeAsync(issuer.Token(Rsa));
        Assert.Equal((Failure.IdentityUnavailable, 7, "the key set was never fetched"), (verdict.Failure, verdict.RetryAfter, verdict.Reason));
        Assert.Equal("the key set was never fetched", issuer.Way.NotReady);
        // But what no key could make good is refused all the same.
        Assert.Equal(Failure.InvalidToken, (await issuer.JudgeAsync(issuer.Token(Rsa, new JsonObject { ["aud"] = "elsewhere" }))).Failure);
    }

    [Fact]
    public async Task A_key_that_is_not_known_is_asked_for_once_and_then_found()
    {
        var issuer = new Issuer(["RS256", "ES256"], null, Rsa);
        var fetched = new TaskCompletionSource();
        issuer.Keys.OnRefetch = () => fetched.Task;
        var token = issuer.Token(Ec);
        var waiting = issuer.JudgeAsync(token);
        Assert.False(waiting.IsCompleted);
        issuer.Keys.Add(Ec);
        fetched.SetResult();
        Assert.Equal("alice", (await waiting).Consumer?.Id);
        Assert.Equal(1, issuer.Keys.Refetches);
    }

    [Fact]
    public async Task A_key_that_stays_unknown_costs_no_signature()
    {
        var issuer = new Issuer(["RS256", "ES256"], null, Rsa);
        var verdict = await issuer.JudgeAsync(issuer.Token(Ec));
        Assert.Equal((Failure.InvalidToken, "The token's key is not known."), (verdict.Failure, verdict.Detail));
        Assert.Equal((0, 1L), (issuer.Keys.Verifications, issuer.Count("unknown_key")));
    }

    [Fact]
    public async Task A_token_that_names_no_key_is_verified_where_only_one_fits()
    {
        var issuer = new Issuer(Rsa, Ec);
        var nameless = new JsonObject { ["kid"] = null };
        Assert.NotNull((await issuer.JudgeAsync(issuer.Token(Rsa, header: nameless))).Consumer);
        issuer.Keys.Add(SigningKey.Make("k3"));
        var verdict = await issuer.JudgeAsync(issuer.Token(Rsa, new JsonObject { ["jti"] = "2" }, nameless));
        Assert.Equal("the token names no key, and not exactly one fits its algorithm", verdict.Reason);
        Assert.Equal(1, issuer.Keys.Verifications);
    }

    [Fact]
    public async Task A_flood_of_made_up_tokens_pushes_no_good_one_out()
    {
        var issuer = new Issuer(Rsa);
        var good = issuer.Token(Rsa);
        await issuer.JudgeAsync(good);
        var made = issuer.Token(Rsa).Split('.');
        var signature = SigningKey.Encode(new byte[256])[..^10];
        for (var i = 0; i < 30_000; i++)
        {
            Assert.Null((await issuer.JudgeAsync($"{made[0]}.{made[1]}.{signature}{i:D9}A", "198.51.100.1")).Consumer);
        }
        Assert.NotNull(issuer.Way.Find(Digest.Of(good)));
        // The clock stands still, so the bucket isn't refilled.
        Assert.Equal((FailureBudget.Burst, FailureBudget.Burst + 1, 30_000L - FailureBudget.Burst), ((int)issuer.Count("forged"), issuer.Keys.Verifications, issuer.Count("over_budget")));
    }

    [Fact]
    public async Task Who_sent_too_many_bad_signatures_waits_and_others_do_not()
    {
        var issuer = new Issuer(Ec);
        var known = issuer.Token(Ec);
        await issuer.JudgeAsync(known, "2001:db8::1");
        for (var i = 0; i < FailureBudget.Burst; i++)
        {
            Assert.Equal("the signature does not verify", (await issuer.JudgeAsync(Forged(issuer, $"{i}"), "2001:db8::1")).Reason);
        }
        var fresh = issuer.Token(Ec, new JsonObject { ["jti"] = "fresh" });
        var refused = await issuer.JudgeAsync(fresh, "2001:db8::ffff");
        Assert.Equal((Failure.InvalidToken, 1, 1L), (refused.Failure, refused.RetryAfter, issuer.Count("over_budget")));
        Assert.StartsWith("Too many tokens with bad signatures came from this address", refused.Detail, StringComparison.Ordinal);
        Assert.NotNull((await issuer.JudgeAsync(known, "2001:db8::ffff")).Consumer);
        Assert.NotNull((await issuer.JudgeAsync(fresh, "2001:db8:0:1::1")).Consumer);
        issuer.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.NotNull((await issuer.JudgeAsync(issuer.Token(Ec, new JsonObject { ["jti"] = "later" }), "2001:db8::1")).Consumer);
    }

    [Fact]
    public async Task Good_tokens_take_nothing_from_the_budget()
    {
        var issuer = new Issuer(Ec);
        for (var i = 0; i < FailureBudget.Burst * 2; i++)
        {
            Assert.NotNull((await issuer.JudgeAsync(issuer.Token(Ec, new JsonObject { ["jti"] = $"{i}" }))).Consumer);
        }
    }

    [Fact]
    public async Task No_more_than_so_many_tokens_are_verified_at_once()
    {
        var issuer = new Issuer(SigningKey.Make("k1", "HS256"));
        var (key, go) = (SigningKey.Make("k2", "HS256"), new TaskCompletionSource());
        issuer.Keys.Add(key);
        using var held = new ManualResetEventSlim();
        issuer.Keys.OnVerify = () => held.Wait(TimeSpan.FromSeconds(10));
        Task<Verdict>[] verdicts = [.. Enumerable.Range(0, 2001).Select(i => issuer.JudgeAsync(issuer.Token(key, new JsonObject { ["jti"] = $"{i}" })))];
        var turnedAway = await verdicts[2000];
        Assert.Equal((Failure.IdentityUnavailable, 1), (turnedAway.Failure, turnedAway.RetryAfter));
        held.Set();
        Assert.All((await Task.WhenAll(verdicts[..2000])).Select(v => v.Consumer), Assert.NotNull);
    }

    [Fact]
    public async Task A_token_by_the_key_of_another_issuer_is_refused()
    {
        var issuer = new Issuer(Rsa);
        Assert.Equal("the signature does not verify", (await issuer.JudgeAsync(issuer.Token(OtherRsa))).Reason);
        Assert.Equal(1L, issuer.Count("forged"));
    }

    private static string Forged(Issuer issuer, string id)
    {
        var token = issuer.Token(Ec, new JsonObject { ["jti"] = id });
        return token[..^2] + (token[^2] == 'A' ? "BA" : "AA");
    }
}
