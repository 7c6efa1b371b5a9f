using Postern.Tests.Harness;

namespace Postern.Tests.EndToEnd;

/// <summary>Answers at the edge of HTTP, and beyond it.</summary>
public sealed class HostileUpstreamTests
{
    [Theory]
    [InlineData("Content-Length: 0\r\n\r\n")]
    [InlineData("Content-Length: 2\r\n\r\nok")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")]
    [InlineData("\r\nuntil it closes")]
    public async Task A_205_reaches_the_client_without_content_and_the_next_request_is_served(string answered)
    {
        await using var upstream = ScriptedUpstream.Answering("HTTP/1.1 205 Reset Content\r\nX-A: 1\r\n" + answered, close: !answered.Contains(": "));
        await using var gateway = await TestGateway.BeforeAsync(upstream.Url);
        using var client = await gateway.ConnectAsync();
        for (var i = 0; i < 2; i++)
        {
            await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            var answer = await client.ReadAnswerAsync(false);
            Assert.Equal((205, "0", "1", ""), (answer.Status, answer["Content-Length"], answer["X-A"], answer.Body));
        }
    }
}
