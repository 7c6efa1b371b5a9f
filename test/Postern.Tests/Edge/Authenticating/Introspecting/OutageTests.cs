using Postern.Edge.Authenticating;
using Postern.Edge.Authenticating.Introspecting;
using Postern.Pipeline;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.Authenticating.Introspecting;

/// <summary>What becomes of tokens while the server fails: never a pass, never a refusal, and the server is left alone.</summary>
public sealed class OutageTests
{
    [Theory]
    [InlineData(201)]
    [InlineData(204)]
    [InlineData(302)]
    [InlineData(400)]
    [InlineData(401)]
    [InlineData(403)]
    [InlineData(404)]
    [InlineData(429)]
    [InlineData(500)]
    [InlineData(502)]
    [InlineData(503)]
    public async Task A_status_that_is_not_200_says_nothing_of_the_token(int status)
    {
        await using var asked = await Introspected.StartAsync();
        asked.Server.Introspection.Fail(status);
        Unavailable(await asked.JudgeAsync(asked.Server.Opaque("t1")), $"answered {status}");
        asked.Server.Introspection.Recover();
        asked.Time.Advance(Outage.Rest);
        Assert.Equal("alice", (await asked.JudgeAsync("t1")).Consumer?.Id);
    }

    [Theory]
    [InlineData("", "application/json")]
    [InlineData("{", "application/json")]
    [InlineData("null", "application/json")]
    [InlineData("true", "application/json")]
    [InlineData("[{\"active\":true,\"sub\":\"alice\"}]", "application/json")]
    [InlineData("{}", "application/json")]
    [InlineData("{\"sub\":\"alice\"}", "application/json")]
    [InlineData("{\"active\":\"true\",\"sub\":\"alice\"}", "application/json")]
    [InlineData("{\"active\":1,\"sub\":\"alice\"}", "application/json")]
    [InlineData("{\"active\":null,\"sub\":\"alice\"}", "application/json")]
    [InlineData("{\"active\":[true],\"sub\":\"alice\"}", "application/json")]
    [InlineData("{\"Active\":true,\"sub\":\"alice\"}", "application/json")]
    [InlineData("{\"active\":false,\"active\":true,\"sub\":\"alice\"}", "application/json")]
    [InlineData("{\"active\":true,\"\\u0061ctive\":true,\"sub\":\"alice\"}", "application/json")]
    [InlineData("{\"active\":true,\"sub\":\"alice\",\"sub\":\"root\"}", "application/json")]
    [InlineData("{\"active\":true,\"sub\":\"alice\",\"a\":{\"b\":1,\"b\":2}}", "application/json")]
    [InlineData("{\"active\":true,\"sub\":\"alice\"} {}", "application/json")]
    [InlineData("{\"active\":true,\"sub\":\"alice\",}", "application/json")]
    [InlineData("{\"active\":true,\"sub\":\"\\ud800\"}", "application/json")]
    [InlineData("{\"active\":true,\"sub\":\"alice\",\"exp\":\"9999999999\"}", "application/json")]
    [InlineData("{\"active\":true,\"sub\":\"alice\",\"exp\":true}", "application/json")]
    [InlineData("{\"active\":true,\"sub\":\"alice\",\"nbf\":[]}", "application/json")]
    [InlineData("{\"active\":true,\"sub\":\"alice\",\"aud\":{\"a\":1}}", "application/json")]
    [InlineData("{\"active\":true,\"sub\":\"alice\",\"aud\":[\"a\",1]}", "application/json")]
    [InlineData("{\"active\":true,\"sub\":\"alice\",\"iss\":7}", "application/json")]
    [InlineData("{\"active\":true,\"sub\":\"alice\",\"token_type\":[\"Bearer\"]}", "application/json")]
    [InlineData("{\"active\":true,\"sub\":\"alice\"}", "text/html")]
    [InlineData("{\"active\":true,\"sub\":\"alice\"}", "text/plain")]
    [InlineData("{\"active\":true,\"sub\":\"alice\"}", "application/jwt")]
    [InlineData("{\"active\":true,\"sub\":\"alice\"}", "")]
    public async Task A_reply_that_is_not_what_the_RFC_describes_says_nothing_of_the_token(string body, string type)
    {
        await using var asked = await Introspected.StartAsync();
        asked.Server.Introspection.Say(body, type);
        Unavailable(await asked.JudgeAsync(asked.Server.Opaque("t1")), "the reply ");
        asked.Server.Introspection.Recover();
        asked.Time.Advance(Outage.Rest);
        Assert.Equal("alice", (await asked.JudgeAsync("t1")).Consumer?.Id);
    }

    [Fact]
    public async Task A_reply_of_any_size_costs_no_more_than_the_largest_one()
    {
        await using var asked = await Introspected.StartAsync();
        asked.Server.Introspection.Flood();
        Unavailable(await asked.JudgeAsync("t1"), "answered more than 64 KB");
        asked.Server.Introspection.Say("{\"active\":true,\"sub\":\"alice\",\"x\":\"" + new string('x', 60 * 1024) + "\"}");
        Assert.Equal("alice", (await asked.JudgeAsync("t2")).Consumer?.Id);
    }

    [Fact]
    public async Task A_token_is_posted_to_its_endpoint_alone()
    {
        await using var asked = await Introspected.StartAsync();
        await using var thief = await AuthServer.StartAsync(asked.Time);
        asked.Server.Introspection.Redirect(thief.IntrospectionUrl, 307);
        Unavailable(await asked.JudgeAsync(thief.Opaque("t1")), "answered 307");
        Assert.Equal(0, thief.Introspection.Requests);
    }

    [Fact]
    public async Task A_server_that_never_answers_is_waited_for_no_longer_than_the_timeout()
    {
        await using var asked = await Introspected.StartAsync(o => o with { Timeout = TimeSpan.FromSeconds(2) });
        asked.Server.Introspection.Hold();
        var verdict = asked.JudgeAsync("t1");
        await asked.Server.Introspection.UntilAsync(1);
        asked.Time.Advance(TimeSpan.FromSeconds(1.9));
        Assert.False(verdict.IsCompleted);
        asked.Time.Advance(TimeSpan.FromSeconds(0.1));
        Unavailable(await verdict, "no whole answer within 2 s");
    }

    [Fact]
    public async Task A_server_that_is_down_is_asked_once_a_second_and_believed_again_when_it_is_back()
    {
        await using var asked = await Introspected.StartAsync();
        asked.Server.Opaque("good");
        await asked.Server.DownAsync();
        for (var i = 0; i < 20; i++)
        {
            Unavailable(await asked.JudgeAsync($"t{i}"), i < 3 ? "opaque: connection refused" : "opaque: connection refused; not asked again yet");
        }
        Assert.Equal((3, 17), (asked.Count("failed"), asked.Count("resting")));
        asked.Time.Advance(Outage.Rest);
        Unavailable(await asked.JudgeAsync("u1"), "refused");
        Unavailable(await asked.JudgeAsync("u2"), "not asked again yet");
        Assert.Equal(4, asked.Count("failed"));
        await asked.Server.UpAsync();
        asked.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.NotNull((await asked.JudgeAsync("good")).Consumer);
        Assert.Equal(Failure.InvalidToken, (await asked.JudgeAsync("t1")).Failure);
        Assert.Equal(
        [
            $"Warning: Identity opaque: {asked.Server.IntrospectionUrl} can't be asked, so its tokens get 503: connection refused",
            "Information: Identity opaque: the introspection endpoint answers again, after 2 s",
        ], asked.Log.All);
    }

    [Fact]
    public async Task Whoever_is_known_stays_known_while_the_server_is_down_but_not_for_longer()
    {
        await using var asked = await Introspected.StartAsync();
        await asked.JudgeAsync(asked.Server.Opaque("good"));
        await asked.Server.DownAsync();
        asked.Time.Advance(TimeSpan.FromSeconds(29));
        Assert.NotNull((await asked.JudgeAsync("good")).Consumer);
        asked.Time.Advance(TimeSpan.FromSeconds(1));
        Unavailable(await asked.JudgeAsync("good"), "connection refused");
    }

    [Fact]
    public async Task Only_one_request_finds_out_whether_a_hanging_server_is_back()
    {
        await using var asked = await Introspected.StartAsync(o => o with { Timeout = TimeSpan.FromSeconds(3) });
        asked.Server.Introspection.Fail(503);
        await Task.WhenAll(Enumerable.Range(0, 3).Select(i => asked.JudgeAsync($"t{i}")));
        asked.Server.Introspection.Recover();
        asked.Server.Introspection.Hold();
        asked.Time.Advance(Outage.Rest);
        var probe = asked.JudgeAsync(asked.Server.Opaque("probe"));
        await asked.Server.Introspection.UntilAsync(4);
        for (var i = 0; i < 20; i++)
        {
            Unavailable(await asked.JudgeAsync($"u{i}"), "not asked again yet");
        }
        asked.Server.Introspection.Release();
        Assert.NotNull((await probe).Consumer);
        Assert.Equal(Failure.InvalidToken, (await asked.JudgeAsync("u1")).Failure);
    }

    [Fact]
    public async Task Refused_client_credentials_are_not_tried_with_each_token()
    {
        await using var asked = await Introspected.StartAsync(o => o with { ClientSecret = "wrong" });
        Unavailable(await asked.JudgeAsync("t1"), "answered 401: it refuses clientId and clientSecret");
        Unavailable(await asked.JudgeAsync("t2"), "not asked again yet");
        Assert.Equal(1, asked.Server.Introspection.Requests);
        Assert.Contains("refuses clientId and clientSecret", Assert.Single(asked.Log.All));
    }

    [Fact]
    public async Task A_token_that_the_server_stumbles_over_shuts_out_nobody_else()
    {
        await using var asked = await Introspected.StartAsync(o => o with { Cache = TimeSpan.Zero });
        asked.Server.Opaque("good");
        for (var i = 0; i < 50; i++)
        {
            asked.Server.Introspection.Fail(500);
            Unavailable(await asked.JudgeAsync($"odd{i}"), "answered 500");
            asked.Server.Introspection.Recover();
            Assert.NotNull((await asked.JudgeAsync("good")).Consumer);
        }
        Assert.Empty(asked.Log.All);
    }

    [Fact]
    public async Task A_server_that_stumbles_over_everything_is_left_alone_too()
    {
        await using var asked = await Introspected.StartAsync();
        asked.Server.Introspection.Fail(500);
        for (var i = 0; i < 50; i++)
        {
            Unavailable(await asked.JudgeAsync($"t{i}"), "answered 500");
        }
        Assert.Equal(10, asked.Server.Introspection.Requests);
    }

    [Fact]
    public async Task A_tokens_failure_is_remembered_for_a_second()
    {
        await using var asked = await Introspected.StartAsync();
        asked.Server.Introspection.Fail(500);
        await asked.JudgeAsync(asked.Server.Opaque("t1"));
        asked.Server.Introspection.Recover();
        asked.Time.Advance(TimeSpan.FromSeconds(0.9));
        Unavailable(await asked.JudgeAsync("t1"), "answered 500");
        Assert.Equal(1, asked.Server.Introspection.Requests);
        asked.Time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.NotNull((await asked.JudgeAsync("t1")).Consumer);
    }

    private static void Unavailable(Verdict verdict, string reason)
    {
        Assert.Equal((Failure.IdentityUnavailable, 1), (verdict.Failure, verdict.RetryAfter));
        Assert.Null(verdict.Consumer);
        Assert.Contains(reason, verdict.Reason);
    }
}
