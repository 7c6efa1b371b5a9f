using Microsoft.Extensions.Primitives;
using Postern.Wire;

namespace Postern.Tests.Wire;

public sealed class RequestIdTests
{
    [Theory]
    [InlineData("a")]
    [InlineData("7f1c0c52-3a2f-4f0e-9a56-5b8f6a0c1d2e")]
    [InlineData("A-b_c.d:e+f/g=h@i0")]
    public void A_sane_id_is_kept(string id) => Assert.Same(id, RequestId.Of(id));

    [Theory]
    [InlineData("")]
    [InlineData("a b")]
    [InlineData("a,b")]
    [InlineData("a\r\nSet-Cookie: x")]
    [InlineData("<script>")]
    [InlineData("\"quoted\"")]
    [InlineData("ä")]
    [InlineData("a{b}")]
    public void Any_other_is_replaced(string id) => Assert.Matches("^[0-9a-f]{32}$", RequestId.Of(id));

    [Fact]
    public void The_longest_id_has_128_characters()
    {
        var longest = new string('x', 128);
        Assert.Equal(longest, RequestId.Of(longest));
        Assert.NotEqual(longest + "x", RequestId.Of(longest + "x"));
    }

    [Fact]
    public void None_or_several_make_a_new_one()
    {
        Assert.True(RequestId.IsSane(RequestId.Of(StringValues.Empty)));
        Assert.Matches("^[0-9a-f]{32}$", RequestId.Of(new StringValues(["a", "b"])));
        Assert.NotEqual(RequestId.New(), RequestId.New());
    }
}
