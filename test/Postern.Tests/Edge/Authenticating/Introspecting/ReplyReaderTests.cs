using System.Text;
using System.Text.Json.Nodes;
using Postern.Edge.Authenticating;
using Postern.Edge.Authenticating.Introspecting;
using Postern.Pipeline;

namespace Postern.Tests.Edge.Authenticating.Introspecting;

/// <summary>Active is not enough: what else a reply says must fit. The clock stands at 1000.</summary>
public sealed class ReplyReaderTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeSeconds(1000);

    private static readonly IntrospectionOptions Strict = new() { Issuer = "https://auth.example.com", Audience = ["api", "api2"], Scopes = ["read", "write"] };

    private const string Sound = """{"active":true,"sub":"alice","iss":"https://auth.example.com","aud":"api","scope":"read write","exp":1300}""";

    public static TheoryData<string, string> Passing => new()
    {
        { "as it should be", "{}" },
        { "one audience of several", """{"aud":["other","api2"]}""" },
        { "a last second", """{"exp":1000.5}""" },
        { "no end", """{"exp":null}""" },
        { "an end in the far future", """{"exp":1e300}""" },
        { "begun", """{"nbf":1000}""" },
        { "begun by the server's clock", """{"nbf":1030}""" },
        { "more scopes", """{"scope":"write openid read"}""" },
        { "scopes as a list", """{"scope":["write","read"]}""" },
        { "scopes elsewhere", """{"scope":null,"scp":"read write"}""" },
        { "Bearer", """{"token_type":"Bearer"}""" },
        { "bearer", """{"token_type":"bearer","typ":"Bearer","token_use":"access_token"}""" },
        { "access_token", """{"token_type":"access_token"}""" },
        { "a typ of its own", """{"typ":"shop"}""" },
        { "nulls for what it doesn't know", """{"nbf":null,"token_type":null,"cnf":null,"username":null}""" },
    };

    public static TheoryData<string, string, string> Lies => new()
    {
        { "ended", """{"exp":1000}""", "The token has expired." },
        { "ended long ago", """{"exp":-1e300}""", "The token has expired." },
        { "ended in 1970", """{"exp":0}""", "The token has expired." },
        { "yet to begin", """{"nbf":1031}""", "The token is not valid yet." },
        { "another issuer", """{"iss":"https://auth.example.org"}""", "The token's issuer is not accepted here." },
        { "almost the issuer", """{"iss":"https://auth.example.com/"}""", "The token's issuer is not accepted here." },
        { "the issuer in capitals", """{"iss":"HTTPS://AUTH.EXAMPLE.COM"}""", "The token's issuer is not accepted here." },
        { "no issuer", """{"iss":null}""", "The token's issuer is not accepted here." },
        { "another audience", """{"aud":"api3"}""", "The token is not for this audience." },
        { "an audience that begins like ours", """{"aud":"api.evil.example"}""", "The token is not for this audience." },
        { "audiences in one text", """{"aud":"api api2"}""", "The token is not for this audience." },
        { "no audience of ours", """{"aud":["x","y"]}""", "The token is not for this audience." },
        { "empty audiences", """{"aud":[]}""", "The token is not for this audience." },
        { "no audience", """{"aud":null}""", "The token is not for this audience." },
        { "a refresh token by its type", """{"token_type":"refresh_token"}""", "The token is not an access token." },
        { "a refresh token by its use", """{"token_type":"Bearer","token_use":"refresh_token"}""", "The token is not an access token." },
        { "a refresh token by its typ", """{"typ":"Refresh"}""", "The token is not an access token." },
        { "an offline token", """{"typ":"Offline"}""", "The token is not an access token." },
        { "an id token", """{"typ":"ID"}""", "The token is not an access token." },
        { "an id token by its use", """{"token_use":"id"}""", "The token is not an access token." },
        { "a token that is bound to a key", """{"token_type":"DPoP"}""", "The token is not an access token." },
        { "a bound token called Bearer", """{"token_type":"Bearer","cnf":{"jkt":"x"}}""", "The token is bound to a key, and nothing proves that the caller has it." },
        { "nobody", """{"sub":null}""", "The token names no caller." },
        { "nobody but a client", """{"sub":null,"client_id":"shop","username":"alice"}""", "The token names no caller." },
        { "an empty name", """{"sub":""}""", "The token names no caller." },
        { "a number for a name", """{"sub":42}""", "The token names no caller." },
        { "a list of names", """{"sub":["alice","bob"]}""", "The token names no caller." },
    };

    [Theory]
    [MemberData(nameof(Passing))]
    public void Whose_reply_fits_is_known(string what, string change)
    {
        var reply = Read(Strict, change);
        Assert.True(reply.Verdict.Consumer is not null, $"{what}: {reply.Verdict.Reason}");
        Assert.Equal("active", reply.Outcome);
    }

    [Theory]
    [MemberData(nameof(Lies))]
    public void Whose_reply_does_not_fit_is_refused(string what, string change, string detail)
    {
        var (verdict, outcome, _) = Read(Strict, change);
        Assert.True(verdict.Consumer is null, what);
        Assert.Equal((Failure.InvalidToken, detail, "unfit"), (verdict.Failure, verdict.Detail, outcome));
        Assert.NotNull(verdict.Reason);
    }

    [Theory]
    [InlineData("""{"scope":"read"}""", "write")]
    [InlineData("""{"scope":"readwrite"}""", "read")]
    [InlineData("""{"scope":"READ WRITE"}""", "read")]
    [InlineData("""{"scope":""}""", "read")]
    [InlineData("""{"scope":null}""", "read")]
    [InlineData("""{"scope":{"read":1,"write":1}}""", "read")]
    public void Whoever_lacks_a_scope_is_known_and_may_not(string change, string missing)
    {
        var (verdict, _, _) = Read(Strict, change);
        Assert.Equal((Failure.Forbidden, $"The token lacks the scope {missing}.", "read write"), (verdict.Failure, verdict.Detail, verdict.Scopes));
        Assert.Null(verdict.Consumer);
    }

    [Fact]
    public void What_is_not_asked_for_is_not_checked()
    {
        var reply = Read(new IntrospectionOptions(), """{"iss":null,"aud":["x"],"scope":null}""");
        Assert.Equal("alice", reply.Verdict.Consumer?.Id);
        Assert.Null(reply.Verdict.Consumer!.Issuer);
        Assert.Empty(reply.Verdict.Consumer.Scopes);
        Assert.Equal("elsewhere", Read(new IntrospectionOptions(), """{"iss":"elsewhere"}""").Verdict.Consumer?.Issuer);
    }

    [Fact]
    public void The_end_is_told_to_the_fraction_of_a_second()
    {
        Assert.Equal(DateTimeOffset.FromUnixTimeMilliseconds(1_000_250), Read(Strict, """{"exp":1000.25}""").Expires);
        Assert.Null(Read(Strict, """{"exp":null}""").Expires);
    }

    /// <summary>The sound reply with some of it changed; null leaves out.</summary>
    private static Reply Read(IntrospectionOptions options, string change)
    {
        var reply = JsonNode.Parse(Sound)!.AsObject();
        foreach (var (name, value) in JsonNode.Parse(change)!.AsObject())
        {
            reply[name] = value?.DeepClone();
        }
        return new ReplyReader("opaque", options, new ClaimOptions()).Read(
            new Fetched { Status = 200, MediaType = "application/json", Body = Encoding.UTF8.GetBytes(reply.ToJsonString()) }, Now);
    }
}
