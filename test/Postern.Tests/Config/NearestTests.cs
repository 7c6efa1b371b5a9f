using Postern.Config;

namespace Postern.Tests.Config;

public sealed class NearestTests
{
    [Theory]
    [InlineData("ordres", "orders")]
    [InlineData("order", "orders")]
    [InlineData("Orders", "orders")]
    [InlineData("urders", "orders")]
    [InlineData("user", "users")]
    [InlineData("notification", "notifications")]
    public void A_slip_finds_its_word(string word, string meant) => Assert.Equal(meant, Nearest.Of(word, ["users", "orders", "notifications"]));

    [Theory]
    [InlineData("billing")]
    [InlineData("x")]
    [InlineData("")]
    public void Another_word_finds_none(string word) => Assert.Null(Nearest.Of(word, ["users", "orders", "notifications"]));

    [Fact]
    public void Nothing_to_choose_from_finds_nothing() => Assert.Null(Nearest.Of("orders", []));
}
