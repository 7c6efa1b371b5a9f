using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Postern.Edge.Authenticating;
using Postern.Edge.Authenticating.Introspecting;
using Postern.Pipeline;

namespace Postern.Tests.Edge.Authenticating.Introspecting;

public sealed class IntrospectionWayTests
{
    [Fact]
    public async Task The_server_is_sent_the_token_as_a_form_and_the_gateways_credentials_form_encoded()
    {
        await using var asked = await Introspected.StartAsync(o => o with { ClientId = "gate:way é", ClientSecret = "a+b %&" });
        var (method, type, accept, authorization, body) = ("", "", "", "", "");
        asked.Server.Introspection.Instead = async context =>
        {
            (method, type) = (context.Request.Method, context.Request.ContentType!);
            (accept, authorization) = (context.Request.Headers.Accept.ToString(), context.Request.Headers.Authorization.ToString());
            body = await new StreamReader(context.Request.Body).ReadToEndAsync();
            await context.Response.WriteAsJsonAsync(new { active = false }, options: null, "application/json");
        };
        await asked.JudgeAsync("a.b-c_d~e/f+g==");
        Assert.Equal(("POST", "application/x-www-form-urlencoded"), (method, type));
        Assert.StartsWith("application/json", accept);
        Assert.Equal("token=a.b-c_d%7Ee%2Ff%2Bg%3D%3D&token_type_hint=access_token", body);
        Assert.StartsWith("Basic ", authorization);
        Assert.Equal("gate%3Away+%C3%A9:a%2Bb+%25%26", Encoding.ASCII.GetString(Convert.FromBase64String(authorization[6..])));
    }

    [Fact]
    public async Task An_active_token_makes_its_subject_known_with_all_that_the_reply_says()
    {
        await using var asked = await Introspected.StartAsync();
        var verdict = await asked.JudgeAsync(new JsonObject
        {
            ["sub"] = "alice", ["name"] = "Alice A.", ["username"] = "al", ["scope"] = "orders.read orders.write", ["roles"] = new JsonArray("admin"),
            ["plan"] = "pro", ["org_id"] = 9007199254740993, ["token_type"] = "Bearer", ["client_id"] = "shop",
        });
        var consumer = Assert.IsType<Consumer>(verdict.Consumer);
        Assert.Equal(("alice", "Alice A.", "pro", "opaque", asked.Server.Issuer), (consumer.Id, consumer.Name, consumer.Tier, consumer.Way, consumer.Issuer));
        Assert.Equal(["orders.read", "orders.write"], consumer.Scopes);
        Assert.Equal(["admin"], consumer.Roles);
        Assert.Equal("9007199254740993", consumer.Claims.GetProperty("org_id").GetRawText());
        Assert.False(consumer.Claims.TryGetProperty("active", out _));
        Assert.True(consumer.Principal.IsInRole("admin"));
    }

    [Fact]
    public async Task Claims_are_where_the_configuration_says()
    {
        await using var asked = await Introspected.StartAsync(claims: new() { Id = "client_id", Name = "n", Scopes = ["perm", "scp"], Roles = ["realm_access.roles"], Tier = "tier" });
        var verdict = await asked.JudgeAsync(new JsonObject
        {
            ["client_id"] = "shop", ["username"] = "al", ["scope"] = "never", ["scp"] = new JsonArray("a", "b"), ["realm_access"] = new JsonObject { ["roles"] = new JsonArray("r") }, ["tier"] = 3,
        });
        Assert.Equal(("shop", "al", "3"), (verdict.Consumer!.Id, verdict.Consumer.Name, verdict.Consumer.Tier));
        Assert.Equal(["a", "b"], verdict.Consumer.Scopes);
        Assert.Equal(["r"], verdict.Consumer.Roles);
    }

    [Fact]
    public async Task An_answer_is_believed_for_as_long_as_the_cache_says_and_no_longer()
    {
        await using var asked = await Introspected.StartAsync(o => o with { Cache = TimeSpan.FromSeconds(30) });
        var token = asked.Server.Opaque("t1");
        Assert.Equal("alice", (await asked.JudgeAsync(token)).Consumer?.Id);
        asked.Server.Revoke(token);
        asked.Time.Advance(TimeSpan.FromSeconds(29.9));
        Assert.Equal("alice", (await asked.JudgeAsync(token)).Consumer?.Id);
        Assert.Equal(1, asked.Server.Asked(token));
        asked.Time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.Equal(Failure.InvalidToken, (await asked.JudgeAsync(token)).Failure);
        Assert.Equal(2, asked.Server.Asked(token));
    }

    [Fact]
    public async Task An_answer_is_never_believed_past_the_tokens_own_end()
    {
        await using var asked = await Introspected.StartAsync(o => o with { Cache = TimeSpan.FromHours(1) });
        var token = asked.Server.Opaque("t1", new JsonObject { ["exp"] = asked.Time.GetUtcNow().ToUnixTimeSeconds() + 10.5 });
        await asked.JudgeAsync(token);
        asked.Time.Advance(TimeSpan.FromSeconds(10.4));
        Assert.NotNull((await asked.JudgeAsync(token)).Consumer);
        asked.Time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.Equal(Failure.InvalidToken, (await asked.JudgeAsync(token)).Failure);
        Assert.Equal(2, asked.Server.Asked(token));
    }

    [Fact]
    public async Task With_a_cache_of_0_each_request_asks()
    {
        await using var asked = await Introspected.StartAsync(o => o with { Cache = TimeSpan.Zero });
        var token = asked.Server.Opaque("t1");
        for (var i = 1; i <= 3; i++)
        {
            Assert.NotNull((await asked.JudgeAsync(token)).Consumer);
            Assert.Equal(Failure.InvalidToken, (await asked.JudgeAsync("unknown")).Failure);
            Assert.Equal((i, i), (asked.Server.Asked(token), asked.Server.Asked("unknown")));
        }
    }

    [Fact]
    public async Task That_a_token_is_not_active_is_remembered_for_five_seconds()
    {
        await using var asked = await Introspected.StartAsync();
        var verdict = await asked.JudgeAsync("fresh");
        Assert.Equal((Failure.InvalidToken, "The token is not active."), (verdict.Failure, verdict.Detail));
        asked.Server.Opaque("fresh");
        asked.Time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.Equal(Failure.InvalidToken, (await asked.JudgeAsync("fresh")).Failure);
        Assert.Equal(1, asked.Server.Asked("fresh"));
        asked.Time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.NotNull((await asked.JudgeAsync("fresh")).Consumer);
    }

    [Fact]
    public async Task A_flood_of_bad_tokens_makes_no_good_one_forgotten()
    {
        await using var asked = await Introspected.StartAsync(mostKnown: 16);
        await asked.JudgeAsync(asked.Server.Opaque("good"));
        for (var i = 0; i < 100; i++)
        {
            Assert.Equal(Failure.InvalidToken, (await asked.JudgeAsync($"bad{i}")).Failure);
        }
        Assert.NotNull(asked.Way.Find(Digest.Of("good")));
        Assert.Equal(1, asked.Server.Asked("good"));
    }

    [Fact]
    public async Task Requests_with_one_token_share_one_call()
    {
        await using var asked = await Introspected.StartAsync();
        var token = asked.Server.Opaque("t1");
        asked.Server.Introspection.Hold();
        var verdicts = Enumerable.Range(0, 100).Select(_ => asked.JudgeAsync(token)).ToArray();
        await asked.Server.Introspection.UntilAsync(1);
        asked.Server.Introspection.Release();
        foreach (var verdict in await Task.WhenAll(verdicts))
        {
            Assert.Equal("alice", verdict.Consumer?.Id);
        }
        Assert.Equal(1, asked.Server.Introspection.Requests);
    }

    [Fact]
    public async Task At_most_so_many_calls_are_under_way_and_the_tokens_past_all_places_are_turned_away()
    {
        await using var asked = await Introspected.StartAsync();
        asked.Server.Introspection.Hold();
        var verdicts = Enumerable.Range(0, IntrospectionWay.MostTokens + 50)
            .Select(i => asked.JudgeAsync(asked.Server.Opaque($"t{i}", new JsonObject { ["sub"] = $"user{i}" }), client: $"192.0.2.{i % 8}")).ToArray();
        await asked.Server.Introspection.UntilAsync(IntrospectionWay.MostCalls);
        var turnedAway = verdicts.Where(v => v.IsCompleted).ToArray();
        Assert.Equal(50, turnedAway.Length);
        Assert.All(turnedAway, v => Assert.Equal((Failure.IdentityUnavailable, 1), (v.Result.Failure, v.Result.RetryAfter)));
        Assert.Equal(IntrospectionWay.MostCalls, asked.Server.Introspection.Requests);
        Assert.Equal(50, asked.Count("busy"));
        asked.Server.Introspection.Release();
        var all = await Task.WhenAll(verdicts);
        for (var i = 0; i < IntrospectionWay.MostTokens; i++)
        {
            Assert.Equal($"user{i}", all[i].Consumer?.Id);
        }
        Assert.NotNull((await asked.JudgeAsync(asked.Server.Opaque("later"))).Consumer);
    }

    [Fact]
    public async Task One_clients_flood_leaves_places_for_the_others()
    {
        await using var asked = await Introspected.StartAsync();
        asked.Server.Introspection.Hold();
        var flood = Enumerable.Range(0, IntrospectionWay.MostTokens).Select(i => asked.JudgeAsync($"bad{i}", "192.0.2.66")).ToArray();
        var other = asked.JudgeAsync(asked.Server.Opaque("good"), "192.0.2.1");
        Assert.Equal(IntrospectionWay.MostTokens * 3 / 4, flood.Count(v => v.IsCompleted));
        Assert.False(other.IsCompleted);
        asked.Server.Introspection.Release();
        Assert.NotNull((await other).Consumer);
        await Task.WhenAll(flood);
    }

    [Fact]
    public async Task Each_user_is_always_themselves_however_many_ask_at_once()
    {
        await using var asked = await Introspected.StartAsync(o => o with { Cache = TimeSpan.FromMilliseconds(20) });
        string[] users = ["alice", "bob", "carol"];
        foreach (var user in users)
        {
            asked.Server.Opaque("token-of-" + user, new JsonObject { ["sub"] = user });
        }
        var workers = Enumerable.Range(0, 12).Select(worker => Task.Run(async () =>
        {
            for (var i = 0; i < 2000; i++)
            {
                var user = users[(worker + i) % 3];
                var verdict = await asked.JudgeAsync("token-of-" + user);
                Assert.Equal(user, verdict.Consumer?.Id);
                if (worker == 0)
                {
                    asked.Time.Advance(TimeSpan.FromMilliseconds(1));
                }
            }
        }));
        await Task.WhenAll(workers);
        Assert.InRange(asked.Server.Introspection.Requests, 100, 3 * 12 * 2000 / 20);
    }

    [Fact]
    public async Task What_was_begun_before_the_configuration_changed_is_answered_after_it()
    {
        await using var asked = await Introspected.StartAsync();
        asked.Server.Introspection.Hold();
        var verdict = asked.JudgeAsync(asked.Server.Opaque("t1"));
        await asked.Server.Introspection.UntilAsync(1);
        asked.Way.Dispose();
        asked.Server.Introspection.Release();
        Assert.NotNull((await verdict).Consumer);
        Assert.NotNull((await asked.JudgeAsync(asked.Server.Opaque("t2"))).Consumer);
    }

    [Fact]
    public async Task Calls_are_counted_by_what_came_of_them_and_no_token_is_logged()
    {
        await using var asked = await Introspected.StartAsync(o => o with { Issuer = "https://auth.example.com" });
        await asked.JudgeAsync(asked.Server.Opaque("a", new JsonObject { ["iss"] = "https://auth.example.com" }));
        await asked.JudgeAsync(asked.Server.Opaque("b"));
        await asked.JudgeAsync("c");
        asked.Server.Introspection.Fail(401);
        await asked.JudgeAsync("secret-token");
        await asked.JudgeAsync("e");
        Assert.Equal((1, 1, 1, 1, 1), (asked.Count("active"), asked.Count("unfit"), asked.Count("inactive"), asked.Count("failed"), asked.Count("resting")));
        var (buckets, _) = asked.Metrics.Histogram("postern_introspection_duration_seconds", "", ("identity", "opaque")).Read();
        Assert.Equal(4, buckets.Sum());
        Assert.DoesNotContain("secret", string.Join('\n', asked.Log.All));
        Assert.DoesNotContain(asked.Metrics.Read().SelectMany(f => f.Series), s => s.Labels.Contains("alice"));
    }

    [Fact]
    public async Task What_it_does_is_told_in_a_line()
    {
        await using var plain = await Introspected.StartAsync();
        Assert.Equal($"tokens known to {plain.Server.IntrospectionUrl}, answers kept 30s", plain.Way.Summary);
        await using var strict = await Introspected.StartAsync(o => o with { Endpoint = o.Endpoint + "?key=hidden", Cache = TimeSpan.Zero, Issuer = "me", Audience = ["a", "b"], Scopes = ["x", "y"] });
        Assert.Equal($"tokens known to {strict.Server.IntrospectionUrl}, asked each time, iss me, aud a or b, scopes x y", strict.Way.Summary);
    }
}
