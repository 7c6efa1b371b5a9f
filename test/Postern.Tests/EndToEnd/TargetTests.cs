using System.Net;
using System.Text.Json;
using Postern.Tests.Harness;

namespace Postern.Tests.EndToEnd;

/// <summary>Bytes stay bytes: what was matched is what is sent.</summary>
public sealed class TargetTests
{
    private const string Routes = """
        gates:
          web:
            match: { path: /web }
            identity: off
            routes:
              - get: /same/{**rest}
                to: http://up
              - get: /to/{**rest}
                to: http://up/base/{rest}
              - get: /item/{id}
                to: http://up/items/{id}/detail
              - get: /fixed
                to: http://up/one?limit=5
              - get: /mixed/{a}/x/{b}
                to: http://up/{b}-{a}?k=v
              - get: /root
                to: http://up/
              - get: /query/{id}
                to: http://up/q/{id}?
              - get: /caf%C3%A9
                to: http://up/coffee
              - get: /
                to: http://up
        """;

    public static TheoryData<string, string> Passing => new()
    {
        { "/web/same/a", "/same/a" },
        { "/web/same/", "/same/" },
        { "/web", "/" },
        { "/web/", "/" },
        { "/web?x=1", "/?x=1" },
        { "/web/same/%41%2a%7E%7e", "/same/%41%2a%7E%7e" },
        { "/web/same/a%20b+c%2B", "/same/a%20b+c%2B" },
        { "/web/same/;v=1/a;b,c@d:e!$&'()*=~", "/same/;v=1/a;b,c@d:e!$&'()*=~" },
        { "/web/same/%E2%82%AC/%f0%9f%98%80/%ff", "/same/%E2%82%AC/%f0%9f%98%80/%ff" },
        { "/web/same/a?", "/same/a?" },
        { "/web/same/a??", "/same/a??" },
        { "/web/same/a?x=%zz&y=%&z=/../..//", "/same/a?x=%zz&y=%&z=/../..//" },
        { "/web/same/...", "/same/..." },
        { "/web/same/.well-known/x..y/..z", "/same/.well-known/x..y/..z" },
        { "/web/same/%3F%23%25", "/same/%3F%23%25" },
        { "/web/same/\"<>^`{|}", "/same/\"<>^`{|}" },
        { "/web/to/a/b%20c/", "/base/a/b%20c/" },
        { "/web/to/", "/base/" },
        { "/web/to", "/base/" },
        { "/web/to/%e4;x=1?y=%E4", "/base/%e4;x=1?y=%E4" },
        { "/web/item/%7Bid%7D", "/items/%7Bid%7D/detail" },
        { "/web/item/a%26b=c?d", "/items/a%26b=c/detail?d" },
        { "/web/fixed", "/one?limit=5" },
        { "/web/fixed?", "/one?limit=5" },
        { "/web/fixed?a=1", "/one?limit=5&a=1" },
        { "/web/fixed?limit=6", "/one?limit=5&limit=6" },
        { "/web/fixed??", "/one?limit=5&?" },
        { "/web/mixed/1/x/2", "/2-1?k=v" },
        { "/web/mixed/%31/x/a.b?z", "/a.b-%31?k=v&z" },
        { "/web/root", "/" },
        { "/web/root?q", "/?q" },
        { "/web/query/1", "/q/1" },
        { "/web/query/1?", "/q/1?" },
        { "/web/query/1?a", "/q/1?a" },
        { "/%77eb/same/a", "/same/a" },
        { "/w%65%62/%73ame/a", "/%73ame/a" },
        { "/web/caf%C3%A9", "/coffee" },
        { "/web/caf%c3%a9", "/coffee" },
        { "/web/c%61f%c3%a9?a=%e9", "/coffee?a=%e9" },
        { "http://a/web/same/x?y", "/same/x?y" },
        { "http://a/web?x", "/?x" },
    };

    [Theory, MemberData(nameof(Passing))]
    public async Task What_is_sent_is_what_was_received(string target, string sent)
    {
        await using var upstream = Echo();
        await using var gateway = await StartAsync(upstream);
        var answer = await gateway.SendRawAsync($"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.Equal((200, sent), (answer.Status, answer.Body));
    }

    [Theory]
    [InlineData("/web/same/%41%2a;v=1?x=%zz??", "/same/%41%2a;v=1?x=%zz??")]
    [InlineData("/%77eb/to/a%20b/?", "/base/a%20b/?")]
    [InlineData("/web", "/")]
    [InlineData("/web/fixed?a", "/one?limit=5&a")]
    public async Task The_same_holds_for_HTTP_2(string target, string sent)
    {
        await using var upstream = Echo();
        await using var gateway = await StartAsync(upstream);
        using var client = gateway.Client(HttpVersion.Version20);
        using var answer = await client.SendAsync("GET", target);
        Assert.Equal(sent, await answer.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("/web/same/%41%2a;v=1/%E2%82%AC?x=%zz??", "/same/%41%2a;v=1/%E2%82%AC?x=%zz??")]
    [InlineData("/web/to/a%20b/?", "/base/a%20b/?")]
    [InlineData("/web/fixed?a+b", "/one?limit=5&a+b")]
    public async Task The_same_holds_for_HTTP_2_upstreams(string target, string sent)
    {
        await using var upstream = await KestrelUpstream.StartAsync(http2: true, context => Microsoft.AspNetCore.Http.HttpResponseWritingExtensions.WriteAsync(
            context.Response, context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestFeature>()!.RawTarget));
        await using var gateway = await TestGateway.StartAsync($$"""
            upstreams:
              up: { url: {{upstream.Url}}, protocol: http2 }
            {{Routes}}
            """);
        Assert.Equal(sent, (await gateway.SendRawAsync($"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")).Body);
    }

    public static TheoryData<string, string> Refused => new()
    {
        { "/web/same/../a", "dotSegments" },
        { "/web/same/.", "dotSegments" },
        { "/web/same/%2e%2E/a", "dotSegments" },
        { "/web/same/.%2e", "dotSegments" },
        { "/web/same/..;x=1/a", "dotSegments" },
        { "/web/same/a%2fb", "encodedSlash" },
        { "/web/same/a%2Fb", "encodedSlash" },
        { "/web/same/a%5cb", "encodedBackslash" },
        { "/web/same/a%5Cb", "encodedBackslash" },
        { "/web/same/a\\b", "backslash" },
        { "/web/same//a", "doubleSlash" },
        { "/web/same/a//", "doubleSlash" },
        { "/web/same/%", "invalidEncoding" },
        { "/web/same/%4", "invalidEncoding" },
        { "/web/same/%zz", "invalidEncoding" },
        { "/web/same/%c0%ae", "invalidEncoding" },
        { "/web/same/%00", "" },
        { "/web/same/a%00b", "" },
        { "/web/same/\xe9", "" },
        { "/web/same/a?\xe9", "" },
        { "/web/same/a?b#c", "" },
    };

    [Theory, MemberData(nameof(Refused))]
    public async Task An_ambiguous_path_is_refused_unless_its_own_rule_opens_it(string target, string rule)
    {
        string[] rules = ["encodedSlash", "encodedBackslash", "backslash", "doubleSlash", "dotSegments", "invalidEncoding"];
        await using var upstream = Echo();

        await using var shut = await StartAsync(upstream, [.. rules.Where(r => r != rule)]);
        var answer = await shut.SendRawAsync($"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.Equal(400, answer.Status);
        Assert.Equal("application/problem+json", answer["Content-Type"]);
        // What has no place in any URL the server refuses before there is a path.
        var code = JsonDocument.Parse(answer.Body).RootElement.GetProperty("code").GetString();
        Assert.True(code == "bad-path" || (rule.Length == 0 && code == "bad-request"), code);
        Assert.Equal(0, upstream.Accepted);

        if (rule.Length > 0)
        {
            await using var open = await StartAsync(upstream, rule);
            answer = await open.SendRawAsync($"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
            Assert.Equal((200, target["/web".Length..]), (answer.Status, answer.Body));
        }
    }

    [Theory]
    [InlineData("/web%2fsame/a")]
    [InlineData("/WEB/same/a")]
    [InlineData("/webb/same/a")]
    [InlineData("*")]
    [InlineData("http://a")]
    public async Task What_is_not_the_gates_prefix_is_nobodys(string target)
    {
        await using var upstream = Echo();
        await using var gateway = await StartAsync(upstream);
        var method = target == "*" ? "OPTIONS" : "GET";
        var answer = await gateway.SendRawAsync($"{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.True(answer.Status is 400 or 404, answer.Head);
        Assert.Equal(0, upstream.Accepted);
    }

    private static Task<TestGateway> StartAsync(ScriptedUpstream upstream, params string[] allowed) => TestGateway.StartAsync($$"""
        listen:
          - url: http://127.0.0.1:0
            paths: { {{string.Join(", ", allowed.Select(a => a + ": allow"))}} }
        upstreams:
          up: { url: {{upstream.Url}} }
        {{Routes}}
        """);

    /// <summary>Answers with the target of the request line.</summary>
    private static ScriptedUpstream Echo() => ScriptedUpstream.Serving(async connection =>
    {
        while (await connection.ReadRequestAsync() is { Length: > 0 } head)
        {
            var target = head.Split(' ')[1];
            await connection.WriteAsync($"HTTP/1.1 200 OK\r\nContent-Length: {target.Length}\r\n\r\n{target}");
        }
    });
}
