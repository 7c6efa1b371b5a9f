using Postern.Edge.Authenticating;
using Postern.Pipeline;

namespace Postern.Tests.Edge.Authenticating;

public sealed class AuthenticatingStageTests
{
    [Fact]
    public async Task A_known_caller_passes_with_its_consumer_the_first_time_and_the_second()
    {
        await using var entrance = Entrance.Make();
        var route = entrance.Route("customers", "partners");
        var token = entrance.Token();
        Assert.Equal("customers:alice", (await route.BearerAsync(token)).What);
        var again = await route.BearerAsync(token);
        Assert.Equal(("customers:alice", "Authorization"), (again.What, again.Exchange.CredentialField));
        var key = await route.SendAsync(("X-Api-Key", [Entrance.Key]));
        Assert.Equal(("partners:acme", "X-Api-Key"), (key.What, key.Exchange.CredentialField));
        Assert.Equal((3, 0), (entrance.Count("known"), entrance.Count("refused")));
    }

    [Theory]
    [InlineData("Bearer {0}")]
    [InlineData("bearer {0}")]
    [InlineData("BEARER {0}")]
    [InlineData("bEaReR   {0}")]
    [InlineData("Bearer {0}  ")]
    [InlineData("  Bearer {0}")]
    public async Task The_scheme_may_be_written_in_any_case_and_spaced(string written)
    {
        await using var entrance = Entrance.Make();
        var field = string.Format(null, written, entrance.Token());
        Assert.Equal("customers:alice", (await entrance.Route("customers").SendAsync(("Authorization", [field]))).What);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("Basic YWxpY2U6c2VjcmV0")]
    [InlineData("DPoP abc")]
    [InlineData("Bearerabc")]
    [InlineData("Bearer=abc")]
    [InlineData("Bear er")]
    public async Task Another_scheme_is_no_credential(string field)
    {
        await using var entrance = Entrance.Make();
        var seen = await entrance.Route("customers").SendAsync(("Authorization", [field]));
        Assert.Equal("401 unauthenticated", seen.What);
        Assert.Equal(["Bearer realm=\"web\""], seen.Challenges);
        Assert.Equal("anyone", (await entrance.Route(optional: true, "customers").SendAsync(("Authorization", [field]))).What);
    }

    [Theory]
    [InlineData("Bearer", "The token is empty.")]
    [InlineData("Bearer ", "The token is empty.")]
    [InlineData("bearer    ", "The token is empty.")]
    [InlineData("Bearer\t", "The token is empty.")]
    [InlineData("Bearer\tabc", "The token has characters that no token has.")]
    [InlineData("Bearer abc def", "The token has characters that no token has.")]
    [InlineData("Bearer \"abc\"", "The token has characters that no token has.")]
    [InlineData("Bearer abc;def", "The token has characters that no token has.")]
    [InlineData("Bearer é", "The token has characters that no token has.")]
    [InlineData("Bearer \0", "The token has characters that no token has.")]
    public async Task A_token_that_is_none_is_refused_where_anyone_may_call_too(string field, string detail)
    {
        await using var entrance = Entrance.Make();
        foreach (var optional in (bool[])[false, true])
        {
            foreach (var way in (string[])["customers", "opaque"])
            {
                var seen = await entrance.Route(optional, way).SendAsync(("Authorization", [field]));
                Assert.Equal(("401 invalid-token", detail), (seen.What, seen.Detail));
                Assert.Equal([$"Bearer realm=\"web\", error=\"invalid_token\", error_description=\"{detail}\""], seen.Challenges);
            }
        }
        Assert.Equal(0, entrance.Server.Introspection.Requests);
    }

    [Fact]
    public async Task A_token_of_more_than_8_KB_is_refused_unread()
    {
        await using var entrance = Entrance.Make();
        var route = entrance.Route("opaque");
        var seen = await route.BearerAsync(new string('a', Digest.MaxLength + 1));
        Assert.Equal(("401 invalid-token", "The token is longer than 8 KB."), (seen.What, seen.Detail));
        Assert.Equal("503 identity-unavailable", (await route.BearerAsync(new string('a', Digest.MaxLength))).What);
        Assert.Equal("503 identity-unavailable", (await route.SendAsync(("Authorization", ["Bearer " + new string(' ', 9000) + "a"]))).What);
    }

    [Fact]
    public async Task Two_tokens_are_two_callers()
    {
        await using var entrance = Entrance.Make();
        var (good, other) = (entrance.Token(), entrance.Token("https://staff.example.com"));
        foreach (var ways in (string[][])[["customers"], ["opaque"], ["customers", "staff", "opaque", "partners"]])
        {
            var route = entrance.Route(ways);
            foreach (var fields in (string[][])[["Bearer " + good, "Bearer " + other], ["Bearer " + good, "Basic x"], ["Basic x", "Bearer " + good],
                [$"Bearer {good},Bearer {other}"], [$"Bearer {good}, Bearer {other}"], [$"Bearer {good},{other}"], ["Bearer ,"]])
            {
                var seen = await route.SendAsync(("Authorization", fields));
                Assert.Equal("400 several-credentials", seen.What);
                Assert.Equal(["Bearer realm=\"web\", error=\"invalid_request\""], seen.Challenges);
            }
            Assert.Equal(0, route.Passed);
        }
        Assert.Equal(21, entrance.Count("refused"));
    }

    [Fact]
    public async Task A_token_and_a_key_are_two_callers_even_if_one_of_them_is_bad()
    {
        await using var entrance = Entrance.Make();
        var route = entrance.Route(optional: true, "customers", "partners", "links");
        foreach (var (token, key) in ((string, string)[])[(entrance.Token(), Entrance.Key), ("bad", Entrance.Key), (entrance.Token(), "bad"), (entrance.Token(), "")])
        {
            Assert.Equal("400 several-credentials", (await route.SendAsync(("Authorization", ["Bearer " + token]), ("X-Api-Key", [key]))).What);
            Assert.Equal("400 several-credentials", (await route.SendAsync("?the+key=" + Uri.EscapeDataString(key), ("Authorization", ["Bearer " + token]))).What);
            Assert.Equal("400 several-credentials", (await route.SendAsync("?the+key=" + Uri.EscapeDataString(key), ("X-Api-Key", [Entrance.Key]))).What);
        }
        Assert.Equal(0, route.Passed);
    }

    [Fact]
    public async Task What_a_route_does_not_list_is_not_looked_at()
    {
        await using var entrance = Entrance.Make();
        Assert.Equal("customers:alice", (await entrance.Route("customers").SendAsync("?the+key=x", ("Authorization", ["Bearer " + entrance.Token()]), ("X-Api-Key", ["bad"]))).What);
        Assert.Equal("partners:acme", (await entrance.Route("partners").SendAsync(("Authorization", ["Bearer bad", "Bearer worse"]), ("X-Api-Key", [Entrance.Key]))).What);
        Assert.Equal("partners:acme", (await entrance.Route("customers", "partners").SendAsync(("Authorization", ["Basic x"]), ("X-Api-Key", [Entrance.Key]))).What);
    }

    [Theory]
    [InlineData("400 several-credentials", Entrance.Key, Entrance.Key)]
    [InlineData("400 several-credentials", "", Entrance.Key)]
    [InlineData("401 invalid-key", "")]
    [InlineData("401 invalid-key", "another")]
    [InlineData("401 invalid-key", Entrance.Key + "," + Entrance.Key)]
    [InlineData("401 invalid-key", "Bearer " + Entrance.Key)]
    [InlineData("401 invalid-key", "\u0100")]
    public async Task A_key_must_be_one_and_exact(string what, params string[] values)
    {
        await using var entrance = Entrance.Make();
        foreach (var optional in (bool[])[false, true])
        {
            var seen = await entrance.Route(optional, "partners").SendAsync(("x-api-key", values));
            Assert.Equal(what, seen.What);
            Assert.Equal(["ApiKey realm=\"web\", header=\"X-Api-Key\""], seen.Challenges);
        }
    }

    [Fact]
    public async Task A_key_of_more_than_8_KB_is_refused()
    {
        await using var entrance = Entrance.Make();
        Assert.Equal("401 invalid-key", (await entrance.Route("partners").SendAsync(("X-Api-Key", [new string('a', 9000)]))).What);
    }

    [Theory]
    [InlineData("links:acme", "?the%20key=key-of-acme-0123456789%2B%2F%3D")]
    [InlineData("links:acme", "?a=b&the+key=key-of-acme-0123456789%2b/=&c")]
    [InlineData("links:acme", "?%74%68%65+%6b%65%79=%6Bey-of-acme-0123456789%2B/=")]
    [InlineData("401 invalid-key", "?the+key=key-of-acme-0123456789+/=")] // a plus is a space
    [InlineData("401 invalid-key", "?the+key=key-of-acme-0123456789%252B/=")]
    [InlineData("401 invalid-key", "?the+key=")]
    [InlineData("401 invalid-key", "?the+key")]
    [InlineData("401 invalid-key", "?the+key=%")]
    [InlineData("401 invalid-key", "?the+key=%FF%FE")]
    [InlineData("401 unauthenticated", "")]
    [InlineData("401 unauthenticated", "?")]
    [InlineData("401 unauthenticated", "?key=x&THE+KEY=key-of-acme-0123456789%2B/=")]
    [InlineData("401 unauthenticated", "?the%2Bkey=key-of-acme-0123456789%2B/=")]
    [InlineData("400 several-credentials", "?the+key=key-of-acme-0123456789%2B/=&the+key=key-of-acme-0123456789%2B/=")]
    [InlineData("400 several-credentials", "?the+key=key-of-acme-0123456789%2B/=&th%65%20key=")]
    [InlineData("400 several-credentials", "?The+Key=other&THE+KEY=other&the+key=key-of-acme-0123456789%2B/=")]
    public async Task A_key_in_the_query_is_found_however_it_is_encoded(string what, string query)
    {
        await using var entrance = Entrance.Make();
        var seen = await entrance.Route("links").SendAsync(query);
        Assert.Equal(what, seen.What);
        if (seen.Passed)
        {
            Assert.Equal(((string?)null, "the key"), (seen.Exchange.CredentialField, seen.Exchange.CredentialParameter));
        }
        else
        {
            Assert.Equal(["ApiKey realm=\"web\", query=\"the key\""], seen.Challenges);
        }
    }

    [Fact]
    public async Task Nobody_is_told_what_is_wrong_before_a_credential_is_sent_but_where_to_put_one()
    {
        await using var entrance = Entrance.Make();
        var seen = await entrance.Route("customers", "opaque", "partners", "links").SendAsync();
        Assert.Equal(("401 unauthenticated", "application/problem+json"), (seen.What, seen.Type));
        Assert.Equal(["Bearer realm=\"web\"", "ApiKey realm=\"web\", header=\"X-Api-Key\"", "ApiKey realm=\"web\", query=\"the key\""], seen.Challenges);
        Assert.Null(seen.Consumer);
    }

    [Fact]
    public async Task Where_it_is_optional_nobody_is_nobody_and_a_bad_credential_is_refused()
    {
        await using var entrance = Entrance.Make();
        var route = entrance.Route(optional: true, "customers", "partners");
        Assert.Equal("anyone", (await route.SendAsync()).What);
        Assert.Equal("customers:alice", (await route.BearerAsync(entrance.Token())).What);
        Assert.Equal("401 invalid-token", (await route.BearerAsync("bad")).What);
        Assert.Equal("401 invalid-token", (await route.BearerAsync(entrance.Token("https://evil.example.com"))).What);
        Assert.Equal("401 invalid-key", (await route.SendAsync(("X-Api-Key", ["bad"]))).What);
        Assert.Equal((1, 1, 3, 0), (entrance.Count("anonymous"), entrance.Count("known"), entrance.Count("refused"), entrance.Count("unavailable")));
    }

    [Fact]
    public async Task Who_cannot_be_known_for_now_is_told_to_come_back()
    {
        await using var entrance = Entrance.Make();
        foreach (var optional in (bool[])[false, true])
        {
            var seen = await entrance.Route(optional, "opaque").BearerAsync("t1");
            Assert.Equal(("503 identity-unavailable", "application/problem+json", "1"), (seen.What, seen.Type, seen.RetryAfter));
            Assert.Empty(seen.Challenges);
            Assert.DoesNotContain("127.0.0.1", seen.Problem.ToString());
            Assert.Equal("opaque: connection refused", seen.Exchange.FailureReason);
        }
        Assert.Equal((2, 0, 0), (entrance.Count("unavailable"), entrance.Count("refused"), entrance.Count("known")));
    }

    [Fact]
    public async Task A_token_that_lacks_a_scope_which_all_need_is_told_which_ones()
    {
        await using var entrance = await Entrance.StartAsync();
        var seen = await entrance.Route("scoped").BearerAsync(entrance.Server.Opaque("t1"));
        Assert.Equal("403 forbidden", seen.What);
        Assert.Equal(["Bearer realm=\"web\", error=\"insufficient_scope\", error_description=\"The token lacks the scope read.\", scope=\"read write\""], seen.Challenges);
    }

    [Fact]
    public async Task Two_users_at_once_are_never_taken_for_each_other()
    {
        await using var entrance = await Entrance.StartAsync();
        var route = entrance.Route("customers", "opaque", "partners");
        (string Who, (string, string[]) Field)[] users =
        [
            ("customers:alice", ("Authorization", ["Bearer " + entrance.Token()])),
            ("customers:bob", ("Authorization", ["Bearer " + entrance.Token(claims: new() { ["sub"] = "bob" })])),
            ("opaque:carol", ("Authorization", ["Bearer " + entrance.Server.Opaque("carols", new() { ["sub"] = "carol" })])),
            ("opaque:dave", ("Authorization", ["Bearer " + entrance.Server.Opaque("daves", new() { ["sub"] = "dave" })])),
            ("partners:acme", ("X-Api-Key", [Entrance.Key])),
        ];
        await Task.WhenAll(Enumerable.Range(0, 10).Select(worker => Task.Run(async () =>
        {
            for (var i = 0; i < 2000; i++)
            {
                var (who, field) = users[(worker + i) % users.Length];
                Assert.Equal(who, (await route.SendAsync(field)).Exchange.Consumer is { } consumer ? $"{consumer.Way}:{consumer.Id}" : null);
            }
        })));
        Assert.Equal(2, entrance.Server.Introspection.Requests);
    }

    [Fact]
    public async Task What_it_does_is_told_to_whoever_asks_for_an_explanation()
    {
        await using var entrance = Entrance.Make();
        Assert.Equal(
            $"identity: customers (jwt from https://auth.example.com for api.example.com, HS256); opaque (tokens known to {entrance.Server.IntrospectionUrl}, answers kept 1h); partners (API keys in the header X-Api-Key)",
            entrance.Route("customers", "opaque", "partners").Notes);
        Assert.EndsWith("; or nobody", entrance.Route(optional: true, "customers").Notes);
    }

    [Fact]
    public async Task Off_is_no_stage_at_all()
    {
        var route = new OneRoute();
        route.Route.Sections.Off.Add("identity");
        var (scope, passed) = (route.Scope(), false);
        var chain = new AuthenticatingStage().Compile(scope, _ =>
        {
            passed = true;
            return Task.CompletedTask;
        });
        await chain(OneRoute.Request(headers: ("Authorization", ["Bearer a", "Bearer b"])));
        Assert.True(passed);
        Assert.Empty(scope.Check.Problems);
        Assert.Equal(Callers.Anyone, scope.Callers);
    }
}
