using System.Net;
using Microsoft.AspNetCore.Http;
using Postern.Tests.Harness;

namespace Postern.Tests.Backends.Composing;

/// <summary>What a source sends, and what of an answer is its result.</summary>
public sealed class SourceTests
{
    [Theory]
    [InlineData("a b", "a%20b")]
    [InlineData("a/b", "a%2Fb")]
    [InlineData("x?y=1", "x%3Fy%3D1")]
    [InlineData("x#y", "x%23y")]
    [InlineData("..a", "..a")]
    [InlineData("%2e%2e", "%252e%252e")]
    [InlineData("a&b=c;d+e", "a%26b%3Dc%3Bd%2Be")]
    [InlineData("\\u00e9\\ud83d\\ude00", "%C3%A9%F0%9F%98%80")]
    [InlineData("a\\r\\nX-Evil: 1", "a%0D%0AX-Evil%3A%201")]
    [InlineData("\\ud800", "%EF%BF%BD")]
    public async Task A_value_in_a_path_or_query_is_one_segment_or_one_value_whatever_it_holds(string value, string sent)
    {
        await using var services = Services.Start().On("/user", $$"""{"id":"{{value}}"}""");
        await using var gateway = await services.GatewayAsync("""
            - get: /a
              compose:
                user: { get: http://svc/user, required: true }
                path: { get: "http://svc/p/{user.id}/end" }
                query: { get: "http://svc/q?id={user.id}&x=1" }
            """);
        using var client = gateway.Client();

        await client.GetAsync("/a");

        Assert.Contains($"GET /p/{sent}/end", services.Asked);
        Assert.Contains($"GET /q?id={sent}&x=1", services.Asked);
    }

    [Theory]
    [InlineData("\"..\"")]
    [InlineData("\".\"")]
    [InlineData("\"../../admin\"")]
    [InlineData("\"..\\\\..\"")]
    [InlineData("\"a/../b\"")]
    [InlineData("\"a\\u0000\"")]
    [InlineData("\"\"")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("[null]")]
    [InlineData("[[1]]")]
    public async Task A_value_that_cant_be_a_segment_makes_no_call(string value)
    {
        await using var services = Services.Start().On("/user", $$"""{"id":{{value}}}""");
        await using var gateway = await services.GatewayAsync("""
            - get: /a
              compose:
                user: { get: http://svc/user }
                path: { get: "http://svc/p/{user.id}" }
              meta: _meta
            """);
        using var client = gateway.Client();

        var body = await client.GetStringAsync("/a");

        Assert.Equal(["GET /user"], services.Asked);
        Assert.Contains("\"path\":null,\"_meta\":{\"partial\":true,\"failedSources\":[\"path\"]", body);
    }

    [Fact]
    public async Task A_dot_that_a_value_completes_is_refused_too()
    {
        await using var services = Services.Start().On("/user", """{"id":"."}""");
        await using var gateway = await services.GatewayAsync("""
            - get: /a
              compose:
                user: { get: http://svc/user }
                one: { get: "http://svc/p/.{user.id}/x" }
                two: { get: "http://svc/p/%2e{user.id}" }
            """);
        using var client = gateway.Client();

        Assert.EndsWith("\"one\":null,\"two\":null}", await client.GetStringAsync("/a"));
        Assert.Equal(["GET /user"], services.Asked);
    }

    [Fact]
    public async Task Templates_take_parameters_query_headers_cookies_and_lists()
    {
        await using var services = Services.Start().On("/ids", "[7, \"a,b\", true]");
        await using var gateway = await services.GatewayAsync("""
            - get: /things/{id}/{**rest}
              compose:
                ids: { get: http://svc/ids }
                a: { get: "http://svc/a/{id}/{**rest}?p={id}" }
                b: { get: "http://svc/b?page={$query.page || '1'}&lang={$headers.\"accept-language\"}&c={$cookies.theme}&i={$params.id}" }
                c: { get: "http://svc/c?ids={ids}&n={length(ids)}" }
            """);
        using var client = gateway.Client();
        client.DefaultRequestHeaders.Add("Accept-Language", "de");
        client.DefaultRequestHeaders.Add("Cookie", "theme=da/rk");

        await client.GetAsync("/things/a%20b/x/y%3Fz?page=2%263");

        Assert.Contains("GET /a/a%20b/x/y%3Fz?p=a%20b", services.Asked);
        Assert.Contains("GET /b?page=2%263&lang=de&c=da%2Frk&i=a%20b", services.Asked);
        Assert.Contains("GET /c?ids=7,a%2Cb,true&n=3", services.Asked);
    }

    [Fact]
    public async Task Nothing_of_the_client_goes_on_but_what_forward_names()
    {
        var seen = new Dictionary<string, Dictionary<string, string>>();
        await using var services = Services.Start();
        foreach (var path in new[] { "/plain", "/all", "/own" })
        {
            services.On(path, context =>
            {
                lock (seen)
                {
                    seen[path] = context.Request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase);
                }
                context.Response.ContentType = "application/json";
                return context.Response.WriteAsync("1");
            });
        }
        await using var gateway = await services.GatewayAsync("""
            - get: /a
              forward: [authorization, cookies, query, Accept-Language]
              compose:
                all: { get: http://svc/all?x=1 }
                plain: { get: http://svc/plain, forward: [] }
                own: { get: http://svc/own, forward: X-Odd, headers: { X-Set: "v-{$query.a}", X-None: "{$query.zzz}" } }
            """);

        var answer = await gateway.SendRawAsync(
            "GET /a?a=1&b=%2F HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer t\r\nCookie: a=1\r\nAccept-Language: de\r\nX-Odd: o\r\nUser-Agent: u\r\nAccept-Encoding: gzip\r\n"
            + "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nX-Request-Id: r1\r\nIf-None-Match: x\r\n\r\n");

        Assert.Equal("""{"all":1,"plain":1,"own":1}""", answer.Body);
        Assert.Contains("GET /all?x=1&a=1&b=%2F", services.Asked);
        Assert.Equal(("Bearer t", "a=1", "de"), (seen["/all"]["Authorization"], seen["/all"]["Cookie"], seen["/all"]["Accept-Language"]));
        Assert.Equal(["Accept", "Host", "traceparent", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Request-Id"], seen["/plain"].Keys.Order(StringComparer.OrdinalIgnoreCase));
        Assert.Equal(("application/json", "r1", "gw"), (seen["/plain"]["Accept"], seen["/plain"]["X-Request-Id"], seen["/plain"]["X-Forwarded-Host"]));
        Assert.Contains("0af7651916cd43dd8448eb211c80319c", seen["/plain"]["traceparent"]);
        Assert.Equal(("o", "v-1"), (seen["/own"]["X-Odd"], seen["/own"]["X-Set"]));
        Assert.False(seen["/own"].ContainsKey("X-None") || seen["/own"].ContainsKey("Authorization"));
    }

    [Theory]
    [InlineData("a\\r\\nX-Evil: 1")]
    [InlineData("\\u0000")]
    [InlineData("\\u4e2d")]
    public async Task A_value_that_would_break_a_header_makes_no_call(string value)
    {
        await using var services = Services.Start().On("/user", $$"""{"id":"{{value}}"}""");
        await using var gateway = await services.GatewayAsync("""
            - get: /a
              compose:
                user: { get: http://svc/user }
                b: { get: http://svc/b, headers: { X-Id: "{user.id}" } }
            """);
        using var client = gateway.Client();

        Assert.EndsWith("\"b\":null}", await client.GetStringAsync("/a"));
        Assert.Equal(["GET /user"], services.Asked);
    }

    [Fact]
    public async Task A_body_is_made_of_expressions()
    {
        var bodies = new System.Collections.Concurrent.ConcurrentDictionary<string, string>();
        await using var services = Services.Start().On("/user", """{"id":12345678901234567890,"tags":["a"]}""").On("/save", async context =>
        {
            using var reader = new StreamReader(context.Request.Body);
            bodies[context.Request.Method] = context.Request.ContentType + " " + context.Request.ContentLength + " " + await reader.ReadToEndAsync();
            context.Response.StatusCode = 204;
        });
        await using var gateway = await services.GatewayAsync("""
            - post: /a/{id}
              compose:
                user: { get: http://svc/user }
                one: { post: http://svc/save, body: { id: user.id, first: "user.tags[0]", page: $query.page, kind: "'x'", nested: { n: 1, "of": [id, true] } } }
                two: { put: http://svc/save, with: user.tags }
                three: { patch: http://svc/save, body: $body.name }
                four: { delete: http://svc/save }
            """);
        using var client = gateway.Client();

        var answer = await client.PostAsync("/a/x?page=3", new StringContent("""{"name":"N\u00e4"}"""));

        Assert.EndsWith("\"one\":null,\"two\":null,\"three\":null,\"four\":null}", await answer.Content.ReadAsStringAsync());
        Assert.Equal("""application/json 94 {"id":12345678901234567890,"first":"a","page":"3","kind":"x","nested":{"n":1,"of":["x",true]}}""", bodies["POST"]);
        Assert.Equal("application/json 5 [\"a\"]", bodies["PUT"]);
        Assert.Equal("application/json 9 \"N\\u00e4\"", bodies["PATCH"]);
        Assert.Equal("  ", bodies["DELETE"]);
    }

    [Fact]
    public async Task A_client_body_that_is_no_JSON_is_a_400_and_no_call_is_made()
    {
        await using var services = Services.Start().On("/save", "1");
        await using var gateway = await services.GatewayAsync("""
            - post: /a
              compose: { one: { post: http://svc/save, body: $body } }
            """);
        using var client = gateway.Client();

        var answer = await client.PostAsync("/a", new StringContent("{\"a\":1,\"a\":2}"));

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Empty(services.Asked);
    }

    [Fact]
    public async Task A_source_whose_when_is_false_is_left_out()
    {
        await using var services = Services.Start().On("/a", "1").On("/b", "2").On("/c", "3");
        await using var gateway = await services.GatewayAsync("""
            - get: /x
              compose:
                a: { get: http://svc/a, when: $query.a }
                b: { get: http://svc/b, when: "a == `1`" }
                c: { get: http://svc/c }
              meta: _meta
            """);
        using var client = gateway.Client();

        Assert.StartsWith("""{"c":3,"_meta":{"partial":false""", await client.GetStringAsync("/x"));
        Assert.StartsWith("""{"a":1,"b":2,"c":3,"_meta""", await client.GetStringAsync("/x?a=1"));
        Assert.Contains("postern_sources_total{gate=\"web\",route=\"GET /x\",source=\"a\",result=\"omitted\"} 1", gateway.Metrics());
    }

    [Fact]
    public async Task A_condition_that_cant_be_worked_out_is_a_failure_and_no_omission()
    {
        await using var services = Services.Start().On("/a", "1");
        await using var gateway = await services.GatewayAsync("""
            - get: /soft
              compose: { a: { get: http://svc/a, when: "length($query.a) > `1`", fallback: 0 } }
              meta: m
            - get: /hard
              compose: { a: { get: http://svc/a, when: "length($query.a) > `1`", required: true } }
            """);
        using var client = gateway.Client();

        Assert.StartsWith("""{"a":0,"m":{"partial":true,"failedSources":["a"]""", await client.GetStringAsync("/soft"));
        Assert.Equal(HttpStatusCode.BadGateway, (await client.GetAsync("/hard")).StatusCode);
        Assert.Empty(services.Asked);
        Assert.StartsWith("a: 'when' can't be worked out: ", (await gateway.LogAsync(1))[0].GetProperty("reason").GetString());
        Assert.Equal("""{"a":1}""", await client.GetStringAsync("/hard?a=yes"));
    }

    [Fact]
    public async Task What_counts_as_success_can_be_said()
    {
        await using var services = Services.Start().On("/404", """{"why":1}""", 404).On("/409", """{"why":2}""", 409).On("/empty", "", 404).On("/204", context =>
        {
            context.Response.StatusCode = 204;
            return Task.CompletedTask;
        });
        await using var gateway = await services.GatewayAsync("""
            - get: /x
              compose:
                a: { get: http://svc/404, accept: [2xx, 404] }
                b: { get: http://svc/409, accept: 409 }
                c: { get: http://svc/404, missing: null, required: true }
                d: { get: http://svc/404, missing: { none: [true] } }
                e: { get: http://svc/204 }
                f: { get: http://svc/empty, accept: [2xx, 4xx] }
                g: { get: http://svc/404, fallback: { x: 1.50, y: "1" } }
              meta: m
            """);
        using var client = gateway.Client();

        Assert.StartsWith(
            """{"a":{"why":1},"b":{"why":2},"c":null,"d":{"none":[true]},"e":null,"f":null,"g":{"x":1.50,"y":"1"},"m":{"partial":true,"failedSources":["g"],""",
            await client.GetStringAsync("/x"));
    }

    [Fact]
    public async Task A_source_begins_in_the_moment_in_which_what_it_needs_is_there()
    {
        var slow = new TaskCompletionSource();
        await using var services = Services.Start().On("/product", """{"id":1,"sku":"s"}""").On("/stock", "4").On("/slow", "5", slow.Task).On("/last", "6");
        await using var gateway = await services.GatewayAsync("""
            - get: /x
              compose:
                last: { get: "http://svc/last?p={product.id}&s={stock}" }
                stock: { get: "http://svc/stock?sku={product.sku}" }
                slow: { get: http://svc/slow }
                product: { get: http://svc/product }
            """);
        using var client = gateway.Client();

        var asking = client.GetStringAsync("/x");
        // The slow one holds nobody up: there are no rounds.
        await Until.TrueAsync(() => services.Asked.Contains("GET /last?p=1&s=4"), "the last was not asked");
        Assert.False(asking.IsCompleted);
        slow.SetResult();

        Assert.Equal("""{"last":6,"stock":4,"slow":5,"product":{"id":1,"sku":"s"}}""", await asking);
    }

    [Fact]
    public async Task Request_and_response_headers_of_the_route_hold()
    {
        var sent = "";
        await using var services = Services.Start().On("/a", context =>
        {
            sent = context.Request.Headers["X-Gate"].ToString();
            context.Response.ContentType = "application/json";
            context.Response.Headers.SetCookie = "s=1";
            return context.Response.WriteAsync("1");
        });
        await using var gateway = await services.GatewayAsync("""
            - get: /x
              headers: { request: { set: { X-Gate: web } }, response: { set: { Cache-Control: max-age=5, X-Out: o } } }
              compose: { a: { get: http://svc/a }, b: { get: http://down/b } }
            """);
        using var client = gateway.Client();

        var answer = await client.GetAsync("/x");

        Assert.Equal("web", sent);
        Assert.Equal(("max-age=5", "o"), (answer.Headers.CacheControl!.ToString(), answer.Headers.GetValues("X-Out").Single()));
        Assert.False(answer.Headers.Contains("Set-Cookie"));
    }
}
