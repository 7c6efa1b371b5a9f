using System.Net;
using Postern.Tests.Harness;

namespace Postern.Tests.Backends.Composing;

public sealed class MergeTests
{
    private const string Dashboard = """
        - get: /dashboard
          compose:
            user: { get: http://svc/user, timeout: 2s, required: true }
            orders: { get: "http://svc/orders?limit=5", timeout: 3s }
            unread: { get: http://svc/unread, timeout: 1500ms, fallback: [] }
          meta: _meta
        """;

    [Fact]
    public async Task Sources_stand_in_the_answer_by_name_in_the_order_written_with_what_says_how_whole_it_is()
    {
        await using var services = Services.Start().On("/user", """{"id": 7}""").On("/orders", "[1, 2]").On("/unread", "[]");
        await using var gateway = await services.GatewayAsync(Dashboard);
        using var client = gateway.Client();

        var answer = await client.GetAsync("/dashboard");
        var body = await answer.Content.ReadAsStringAsync();

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("application/json", answer.Content.Headers.ContentType!.ToString());
        Assert.Equal(body.Length, answer.Content.Headers.ContentLength);
        Assert.Matches("""^\{"user":\{"id": 7\},"orders":\[1, 2\],"unread":\[\],"_meta":\{"partial":false,"failedSources":\[\],"responseTimeMs":[0-9]+\}\}$""", body);
        Assert.Null(answer.Headers.CacheControl);
    }

    [Theory]
    [InlineData(0, 1, 2)]
    [InlineData(2, 1, 0)]
    [InlineData(1, 2, 0)]
    [InlineData(1, 0, 2)]
    public async Task The_order_in_which_sources_answer_changes_nothing(params int[] order)
    {
        var gates = Enumerable.Range(0, 3).Select(_ => new TaskCompletionSource()).ToArray();
        await using var services = Services.Start().On("/user", "1", gates[0].Task).On("/orders", "2", gates[1].Task).On("/unread", "3", gates[2].Task);
        await using var gateway = await services.GatewayAsync(Dashboard.Replace("  meta: _meta", "  serverTiming: true"));
        using var client = gateway.Client();

        var asking = client.GetAsync("/dashboard");
        // All three are asked at once: none has answered yet.
        await Until.TrueAsync(() => services.Asked.Count == 3, "not all were asked at once");
        foreach (var next in order)
        {
            Assert.False(asking.IsCompleted);
            gates[next].SetResult();
        }
        var answer = await asking;

        Assert.Equal("""{"user":1,"orders":2,"unread":3}""", await answer.Content.ReadAsStringAsync());
        Assert.Matches(@"^user;dur=[0-9.]+, orders;dur=[0-9.]+, unread;dur=[0-9.]+$", answer.Headers.GetValues("Server-Timing").Single());
    }

    [Fact]
    public async Task What_an_upstream_wrote_reaches_the_client_as_the_bytes_it_was()
    {
        const string Odd = """{"big":123456789012345678901234567890,"small":1.10e-7,"text":"\u00e9\/\n","unknown":{"":[true,null]}, "id":9007199254740993}""";
        await using var services = Services.Start().On("/user", Odd).On("/orders", " null ").On("/unread", "-0.0");
        await using var gateway = await services.GatewayAsync(Dashboard.Replace("  meta: _meta", ""));
        using var client = gateway.Client();

        Assert.Equal("{\"user\":" + Odd + ",\"orders\":null,\"unread\":-0.0}", await client.GetStringAsync("/dashboard"));
    }

    [Fact]
    public async Task A_HEAD_gets_the_head_alone()
    {
        await using var services = Services.Start().On("/user", "1").On("/orders", "2").On("/unread", "3");
        await using var gateway = await services.GatewayAsync(Dashboard.Replace("  meta: _meta", ""));

        var answer = await gateway.SendRawAsync("HEAD /dashboard HTTP/1.1\r\nHost: a\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 200", answer.Head);
        Assert.Contains("Content-Length: 32", answer.Head);
        Assert.Equal("", answer.Body);
    }
}
