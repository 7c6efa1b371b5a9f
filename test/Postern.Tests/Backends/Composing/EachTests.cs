using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Postern.Tests.Harness;

namespace Postern.Tests.Backends.Composing;

public sealed class EachTests
{
    private const string Orders = """[{"p":2},{"p":1},{"p":2},{"p":null},{"p":"x/y"}]""";

    private static Services Shop() => Services.Start().On("/orders", Orders).On("/p/1", """{"id":1}""").On("/p/2", """{"id":2}""").On("/p/x/y", "\"never\"");

    [Fact]
    public async Task A_source_is_called_once_for_each_different_value_and_joined_in_the_order_of_the_list()
    {
        await using var services = Shop();
        await using var gateway = await services.GatewayAsync("""
            - get: /x
              compose:
                products: { get: "http://svc/p/{each}", each: "orders[].p" }
                rows: { get: "http://svc/p/{each.p}", each: "[orders[0], orders[1], orders[2], 'x']" }
                all: { get: "http://svc/p/{each}", each: "[orders[0].p, orders[3].p, orders[1].p]" }
                orders: { get: http://svc/orders }
              meta: m
            """);
        using var client = gateway.Client();

        var answer = JsonDocument.Parse(await client.GetStringAsync("/x")).RootElement;

        // JMESPath's projections leave nulls out; a list that has one gets it back without a call.
        Assert.Equal("""[{"id":2},{"id":1},{"id":2},null]""", answer.GetProperty("products").GetRawText());
        Assert.Equal("""[{"id":2},null,{"id":1}]""", answer.GetProperty("all").GetRawText());
        Assert.Equal("""[{"id":2},{"id":1},{"id":2},null]""", answer.GetProperty("rows").GetRawText());
        Assert.Equal("""["products","rows"]""", answer.GetProperty("m").GetProperty("failedSources").GetRawText());
        Assert.Single(services.Asked, a => a == "GET /p/x%2Fy");
        // Once for each source.
        Assert.Equal(3, services.Asked.Count(a => a == "GET /p/2"));
    }

    [Fact]
    public async Task Past_the_limit_entries_are_null_and_the_answer_says_so()
    {
        await using var services = Shop();
        await using var gateway = await services.GatewayAsync("""
            - get: /x
              compose:
                orders: { get: http://svc/orders }
                products: { get: "http://svc/p/{each}", each: "orders[:3].p", limit: 1 }
              meta: m
            """);
        using var client = gateway.Client();

        Assert.Contains("""[{"id":2},null,{"id":2}],"m":{"partial":true,"failedSources":["products"]""", await client.GetStringAsync("/x"));
        Assert.Equal("limit", (await gateway.LogAsync(1))[0].GetProperty("failedSources").GetProperty("products").GetString());
    }

    [Fact]
    public async Task Only_so_many_calls_run_at_once()
    {
        var (running, most, go) = (0, 0, new TaskCompletionSource());
        await using var services = Services.Start().On("/ids", "[1,2,3,4,5,6,7]");
        for (var i = 1; i <= 7; i++)
        {
            services.On($"/p/{i}", async context =>
            {
                InterlockedMax(ref most, Interlocked.Increment(ref running));
                await go.Task.WaitAsync(TestGateway.Patience);
                Interlocked.Decrement(ref running);
                context.Response.ContentType = "application/json";
                await context.Response.WriteAsync(context.Request.Path.Value![3..]);
            });
        }
        await using var gateway = await services.GatewayAsync("""
            - get: /x
              compose:
                ids: { get: http://svc/ids }
                things: { get: "http://svc/p/{each}", each: ids, concurrency: 3 }
            """);
        using var client = gateway.Client();

        var asking = client.GetStringAsync("/x");
        await Until.TrueAsync(() => Volatile.Read(ref running) == 3, "three did not run at once");
        Assert.Equal(4, services.Asked.Count);
        go.SetResult();

        Assert.Equal("""{"ids":[1,2,3,4,5,6,7],"things":[1,2,3,4,5,6,7]}""", await asking);
        Assert.Equal(3, most);
    }

    [Fact]
    public async Task One_of_many_that_fails_is_null_and_fails_the_answer_where_the_source_is_required()
    {
        await using var services = Shop();
        await using var gateway = await services.GatewayAsync("""
            - get: /soft
              compose:
                orders: { get: http://svc/orders }
                things: { get: "http://svc/p/{each}", each: "[`1`, `9`, `2`]" }
                missing: { get: "http://svc/p/{each}", each: "[`1`, `9`]", missing: none, required: true }
              meta: m
            - get: /hard
              compose:
                things: { get: "http://svc/p/{each}", each: "[`1`, `9`, `2`]", required: true, concurrency: 1 }
            """);
        using var client = gateway.Client();

        Assert.Contains(""","things":[{"id":1},null,{"id":2}],"missing":[{"id":1},"none"],"m":{"partial":true,"failedSources":["things"]""", await client.GetStringAsync("/soft"));
        var before = services.Asked.Count;
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("/hard")).StatusCode);
        Assert.Equal(2, services.Asked.Count - before);
    }

    [Fact]
    public async Task Where_every_call_fails_the_fallback_stands_in_for_the_list()
    {
        await using var services = Shop();
        await using var gateway = await services.GatewayAsync("""
            - get: /x
              compose:
                one: { get: "http://svc/p/{each}", each: "[`8`, `1`]", fallback: [] }
                none: { get: "http://svc/p/{each}", each: "[`8`, `9`]", fallback: [] }
                bare: { get: "http://svc/p/{each}", each: "[`8`, `9`]" }
              meta: m
            """);
        using var client = gateway.Client();

        Assert.StartsWith("""{"one":[null,{"id":1}],"none":[],"bare":[null,null],"m":{"partial":true,"failedSources":["one","none","bare"]""", await client.GetStringAsync("/x"));
    }

    [Theory]
    [InlineData("""[{"id":2,"n":"b"},{"id":1,"n":"a"},{"id":7}]""")]
    [InlineData("""{"total":2,"products":[{"id":"1","n":"a"},{"id":"2","n":"b"}]}""")]
    public async Task A_batch_asks_once_and_is_put_in_order(string answer)
    {
        await using var services = Services.Start().On("/orders", Orders).On("/p", answer);
        await using var gateway = await services.GatewayAsync("""
            - get: /x
              compose:
                orders: { get: http://svc/orders }
                products: { get: "http://svc/p?ids={each}", each: "orders[].p", batch: true, by: id }
              shape: products[].n
            """);
        using var client = gateway.Client();

        Assert.Equal("""["b","a","b"]""", await client.GetStringAsync("/x"));
        Assert.Equal(["GET /orders", "GET /p?ids=2,1,x%2Fy"], services.Asked);
    }

    [Fact]
    public async Task A_batch_without_a_field_is_its_answer_and_without_values_no_call()
    {
        await using var services = Services.Start().On("/p", """{"any":1}""");
        await using var gateway = await services.GatewayAsync("""
            - get: /x
              compose:
                one: { get: "http://svc/p?ids={each}", each: "[`1`]", batch: true }
                none: { get: "http://svc/p?ids={each}", each: "[]", batch: true }
                nothing: { get: "http://svc/p?ids={each}", each: "[]" }
                posted: { post: "http://svc/p", with: { ids: each }, each: "[`1`, `2`]", batch: true, by: id, fallback: 0 }
              meta: m
            """.Replace("\"[]\"", "\"`[]`\""));
        using var client = gateway.Client();

        Assert.StartsWith("""{"one":{"any":1},"none":[],"nothing":[],"posted":0,"m":{"partial":true,"failedSources":["posted"]""", await client.GetStringAsync("/x"));
        Assert.Equal(["GET /p?ids=1", "POST /p"], services.Asked.Order());
    }

    [Fact]
    public async Task What_gives_no_list_makes_no_calls()
    {
        await using var services = Services.Start().On("/user", """{"id":1}""");
        await using var gateway = await services.GatewayAsync("""
            - get: /x
              compose:
                user: { get: http://svc/user }
                things: { get: "http://svc/p/{each}", each: user.id, fallback: [] }
              meta: m
            """);
        using var client = gateway.Client();

        Assert.StartsWith("""{"user":{"id":1},"things":[],"m":{"partial":true,"failedSources":["things"]""", await client.GetStringAsync("/x"));
        Assert.Equal("needs", (await gateway.LogAsync(1))[0].GetProperty("failedSources").GetProperty("things").GetString());
    }

    private static void InterlockedMax(ref int most, int value)
    {
        for (var seen = Volatile.Read(ref most); seen < value; seen = Volatile.Read(ref most))
        {
            Interlocked.CompareExchange(ref most, value, seen);
        }
    }
}
