using System.Text;
using System.Text.Json;
using Postern.Tests.Harness;

namespace Postern.Tests.Backends.Proxying.Reworking;

public sealed class ShapedAnswerTests
{
    private const string Shape = "shape: { number: id, customer: customer.name, big: total }";
    private const string Order = """{ "id": 7, "customer": { "name": "Anna", "mail": "a@b" }, "total": 12345678901234567890.10, "debugInfo": 1 }""";

    private static string Json(string body, int status = 200, string fields = "", string type = "application/json") =>
        $"HTTP/1.1 {status} X\r\nContent-Type: {type}\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n{fields}\r\n{body}";

    [Theory]
    [InlineData(Shape, """{"number":7,"customer":"Anna","big":12345678901234567890.10}""")]
    [InlineData("shape: \"{id: id, mail: customer.mail, page: $query.page, of: $params.rest}\"", """{"id":7,"mail":"a@b","page":"2","of":"orders"}""")]
    [InlineData("shape: keys(@)\ndrop: [debugInfo, customer.mail]\npick: [id, customer, debug]\nrename: { id: no }", """["no","customer"]""")]
    public async Task The_whole_answer_is_shaped_after_it_was_trimmed(string keys, string expected)
    {
        await using var upstream = ScriptedUpstream.Answering(Json(Order, fields: "ETag: \"x\"\r\n"));
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: keys);

        var answer = await gateway.SendRawAsync("GET /orders?page=2 HTTP/1.1\r\nHost: a\r\n\r\n");

        Assert.Equal((200, expected, "application/json"), (answer.Status, answer.Body, answer["Content-Type"]));
        Assert.Equal((expected.Length.ToString(), null), (answer["Content-Length"], answer["ETag"]));
    }

    [Theory]
    [InlineData("GET", "$headers.\"x-client\"", "public, max-age=60, private")]
    [InlineData("GET", "$cookies.theme", "public, max-age=60, private")]
    [InlineData("GET", "$claims.sub", "public, max-age=60, private")]
    [InlineData("GET", "$consumer.id", "public, max-age=60, private")]
    [InlineData("HEAD", "$consumer.id", "public, max-age=60, private")]
    [InlineData("GET", "$query.page", "public, max-age=60")]
    [InlineData("GET", "$params.rest", "public, max-age=60")]
    public async Task What_depends_on_who_asks_is_for_no_shared_cache(string method, string expression, string expected)
    {
        await using var upstream = ScriptedUpstream.Answering(method == "HEAD" ? Json("", fields: "Cache-Control: public, max-age=60\r\n") : Json(Order, fields: "Cache-Control: public, max-age=60\r\n"));
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: $"shape: {{ id: id, of: '{expression}' }}");
        using var client = gateway.Client();
        using var answer = await client.SendAsync(new HttpRequestMessage(new HttpMethod(method), "/orders?page=2"));
        Assert.Equal(expected, string.Join(", ", answer.Headers.NonValidated["Cache-Control"]));
    }

    [Fact]
    public async Task A_special_kind_of_JSON_becomes_a_plain_one()
    {
        await using var upstream = ScriptedUpstream.Answering(Json(Order, type: "application/hal+json"));
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: Shape);

        Assert.Equal("application/json", (await gateway.SendRawAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))["Content-Type"]);
    }

    [Theory]
    [InlineData(404, "application/json", Order)]
    [InlineData(500, "text/html", "<p/>")]
    public async Task Other_statuses_keep_their_shape(int status, string type, string body)
    {
        await using var upstream = ScriptedUpstream.Answering(Json(body, status, "ETag: \"x\"\r\n", type));
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: Shape);

        var answer = await gateway.SendRawAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

        Assert.Equal((status, body, "\"x\""), (answer.Status, answer.Body, answer["ETag"]));
    }

    [Theory]
    [InlineData("application/json", "{\"id\":1,\"id\":2}", "invalid", "a name twice")]
    [InlineData("application/json", "{\"id\":1", "invalid", "ends before")]
    [InlineData("text/html", "<p/>", "type", "instead of the JSON")]
    [InlineData("application/json", "{\"id\":\"0123456789012345678901234567890123456789\"}", "large", "more than maxBytes (1KB)")]
    public async Task What_cannot_be_shaped_is_no_answer(string type, string body, string reason, string why)
    {
        body = reason == "large" ? $"[{string.Join(',', Enumerable.Repeat(body, 100))}]" : body;
        await using var upstream = ScriptedUpstream.Answering(Json(body, type: type));
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: $"{Shape}\nmaxBytes: 1KB");

        var answer = await gateway.SendRawAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

        Assert.Equal(502, answer.Status);
        Assert.Equal("upstream-protocol", JsonDocument.Parse(answer.Body).RootElement.GetProperty("code").GetString());
        Assert.Contains($"reason=\"{reason}\"}} 1", gateway.Metrics());
        Assert.Contains(why, Assert.Single(await gateway.LogAsync(1)).GetProperty("reason").GetString());
    }

    [Fact]
    public async Task A_field_that_cannot_be_worked_out_is_null_and_counted()
    {
        await using var upstream = ScriptedUpstream.Answering(Json(Order));
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: "shape: { id: id, size: length(id) }");

        var answer = await gateway.SendRawAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

        Assert.Equal("""{"id":7,"size":null}""", answer.Body);
        Assert.Contains("postern_shape_fields_failed_total{gate=\"web\",route=\"ANY /{**rest}\"} 1", gateway.Metrics());
    }

    [Fact]
    public async Task A_large_answer_is_shaped_as_a_whole()
    {
        var body = $"[{string.Join(',', Enumerable.Range(0, 50_000).Select(i => $"{{\"id\":{i},\"x\":\"{new string('y', 20)}\"}}"))}]";
        await using var upstream = ScriptedUpstream.Answering(Json(body));
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: "shape: { n: length(@), last: \"[-1].id\" }\npick: [id]");

        Assert.Equal("""{"n":50000,"last":49999}""", (await gateway.SendRawAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n")).Body);
    }

    [Theory]
    [InlineData("HEAD", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 70\r\nETag: \"x\"\r\n\r\n", 200, null)]
    [InlineData("GET", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, "0")]
    [InlineData("GET", "HTTP/1.1 204 No Content\r\n\r\n", 204, null)]
    public async Task No_body_has_no_shape(string method, string reply, int status, string? length)
    {
        await using var upstream = ScriptedUpstream.Answering(reply);
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url, route: Shape);

        var answer = await gateway.SendRawAsync($"{method} / HTTP/1.1\r\nHost: a\r\n\r\n");

        Assert.Equal((status, length, null), (answer.Status, answer["Content-Length"], answer["ETag"]));
    }
}
