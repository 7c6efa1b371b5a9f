using System.Text;
using Postern.Edge.Authenticating.Jwt;

namespace Postern.Tests.Edge.Authenticating.Jwt;

public sealed class StrictJsonTests
{
    [Theory]
    [InlineData("{}")]
    [InlineData(" {\"a\":[1,\"\\u00e9\",{\"b\":null}]} ")]
    [InlineData("{\"a\":1,\"A\":2}")]
    [InlineData("{\"\\ud83d\\ude00\":\"\\ud83d\\ude00\"}")]
    public void An_object_is_read(string json) => Assert.Null(Problem(Encoding.UTF8.GetBytes(json)));

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("\"a\"")]
    [InlineData("{} {}")]
    [InlineData("{a:1}")]
    [InlineData("{\"a\":1,}")]
    [InlineData("{\"a\":01}")]
    [InlineData("{\"a\":NaN}")]
    [InlineData("// x\n{}")]
    [InlineData("{\"a\":1,\"a\":1}")]
    [InlineData("{\"a\":1,\"\\u0061\":1}")]
    [InlineData("{\"a\":{\"b\":1,\"b\":1}}")]
    [InlineData("{\"a\":[{\"b\":1,\"b\":1}]}")]
    [InlineData("{\"a\":\"\\ud800\"}")]
    [InlineData("{\"a\":[\"\\udc00\\ud800\"]}")]
    [InlineData("{\"\\ud800\":1}")]
    [InlineData("\uFEFF{}")]
    public void Anything_else_is_not(string json) => Assert.NotNull(Problem(Encoding.UTF8.GetBytes(json)));

    [Fact]
    public void Bytes_that_are_not_UTF8_are_not_read()
    {
        Assert.NotNull(Problem([.. "{\"a\":\""u8, 0xE9, .. "\"}"u8]));
        Assert.NotNull(Problem([.. "{\"a\":\""u8, 0xED, 0xA0, 0x80, .. "\"}"u8]));
    }

    [Fact]
    public void Depth_is_bounded()
    {
        Assert.Null(Problem(Encoding.UTF8.GetBytes("{\"a\":" + new string('[', 31) + new string(']', 31) + "}")));
        Assert.NotNull(Problem(Encoding.UTF8.GetBytes("{\"a\":" + new string('[', 32) + new string(']', 32) + "}")));
    }

    private static string? Problem(ReadOnlySpan<byte> json)
    {
        StrictJson.Object(json, out var problem);
        return problem;
    }
}
