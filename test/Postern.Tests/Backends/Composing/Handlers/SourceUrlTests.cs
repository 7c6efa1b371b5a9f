using System.Text.Json;
using Postern.Backends.Composing.Handlers;

namespace Postern.Tests.Backends.Composing.Handlers;

public sealed class SourceUrlTests
{
    private enum Shade { Dark }

    private static string Target(SourceUrl url)
    {
        var (upstream, target, missing) = url.Finish();
        Assert.Null(missing);
        return $"{upstream} {target}";
    }

    private static string Missing(SourceUrl url)
    {
        var missing = url.Finish().Missing;
        Assert.NotNull(missing);
        return missing;
    }

    [Fact]
    public void A_URL_without_values_is_sent_as_it_stands()
    {
        Assert.Equal("orders /api/orders?limit=5", Target($"http://orders/api/orders?limit=5"));
        Assert.Equal("orders /api/a%2Fb;v=1", Target(SourceUrl.Of("http://orders/api/a%2Fb;v=1")));
        Assert.Equal("orders /", Target($"http://orders"));
        Assert.Equal("orders /?a=1", Target($"http://orders?a=1"));
    }

    [Theory]
    [InlineData("42", "42")]
    [InlineData("a/b", "a%2Fb")]
    [InlineData("a?b=c#d", "a%3Fb%3Dc%23d")]
    [InlineData("a b+c&d=e;f", "a%20b%2Bc%26d%3De%3Bf")]
    [InlineData("%2e%2e%2f", "%252e%252e%252f")]
    [InlineData("\r\nHost: evil", "%0D%0AHost%3A%20evil")]
    [InlineData("\\", "%5C")]
    [InlineData("@evil.example:80", "%40evil.example%3A80")]
    [InlineData("ü€😀", "%C3%BC%E2%82%AC%F0%9F%98%80")]
    [InlineData("-._~", "-._~")]
    [InlineData("...", "...")]
    [InlineData("!$'()*,:[]{}|^`\"<>", "%21%24%27%28%29%2A%2C%3A%5B%5D%7B%7D%7C%5E%60%22%3C%3E")]
    public void A_value_is_one_segment_and_one_value_of_the_query(string value, string encoded)
    {
        Assert.Equal($"orders /api/{encoded}/x", Target($"http://orders/api/{value}/x"));
        Assert.Equal($"orders /api/a-{encoded}.json", Target($"http://orders/api/a-{value}.json"));
        Assert.Equal($"orders /api?q={encoded}&limit=5", Target($"http://orders/api?q={value}&limit=5"));
    }

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("\0")]
    [InlineData("../../admin")]
    [InlineData("a\\..\\b")]
    [InlineData("..;x")]
    public void A_value_that_is_no_segment_is_no_call(string? value)
    {
        Missing($"http://orders/api/{value}");
        Missing($"http://orders/api/{value}/x?y=1");
        Missing($"http://orders/{value}/{value}");
    }

    [Fact]
    public void Values_and_what_stands_beside_them_are_no_dot_segment_together()
    {
        var dot = ".";
        Missing($"http://orders/api/.{dot}/x");
        Missing($"http://orders/api/{dot}{dot}");
        Missing($"http://orders/api/%2E{dot}");
        Missing($"http://orders/api/{dot}{dot};v=1");
        Assert.Equal("orders /api/..a", Target($"http://orders/api/.{dot}a"));
    }

    [Fact]
    public void In_a_query_a_value_may_be_empty_but_not_null()
    {
        Assert.Equal("orders /api?q=&r=..%2F", Target($"http://orders/api?q={""}&r={"../"}"));
        Assert.StartsWith("value 1 of the URL is null", Missing($"http://orders/api?q={(string?)null}"));
        Assert.StartsWith("value 2 of the URL is null", Missing($"http://orders/api?q={1}&r={(int?)null}"));
    }

    [Fact]
    public void Values_are_written_the_same_on_every_machine()
    {
        Assert.Equal("orders /1.5/-7/true/Dark", Target($"http://orders/{1.5}/{-7}/{true}/{Shade.Dark}"));
        Assert.Equal("orders /2025-07-28/00ff", Target($"http://orders/{new DateTime(2025, 7, 28):yyyy-MM-dd}/{255:x4}"));
        Assert.Equal("orders /?at=2025-07-28T14%3A30%3A00.0000000%2B02%3A00", Target($"http://orders/?at={new DateTimeOffset(2025, 7, 28, 14, 30, 0, TimeSpan.FromHours(2))}"));
        Assert.Equal("orders /a%2Fb/1.50/false", Target($"http://orders/{Json("\"a/b\"")}/{Json("1.50")}/{RawJson.Parse("false")}"));
        Missing($"http://orders/{Json("null")}");
        Missing($"http://orders/{Json("{}")}");
    }

    [Fact]
    public void A_list_in_a_query_is_its_items()
    {
        Assert.Equal("orders /?ids=1,2,a%2Cb", Target($"http://orders/?ids={new object[] { 1, 2, "a,b" }}"));
        Assert.Equal("orders /?ids=1,2", Target($"http://orders/?ids={Json("[1,2]")}"));
        Missing($"http://orders/?ids={Array.Empty<int>()}");
        Missing($"http://orders/?ids={new string?[] { "a", null }}");
        Missing($"http://orders/{new[] { 1 }}");
    }

    [Fact]
    public void A_rest_keeps_its_slashes_and_nothing_else()
    {
        Assert.Equal("docs /files/a/b%20c/d%3Fe", Target($"http://docs/files/{"a/b c/d?e":**}"));
        Missing($"http://docs/files/{"a/../b":**}");
        Missing($"http://docs/files/{"a//b":**}");
        Missing($"http://docs/files/{"":**}");
        Assert.Equal("docs /?p=a%2Fb", Target($"http://docs/?p={"a/b":**}"));
    }

    [Fact]
    public void What_is_no_URL_of_an_upstream_is_the_authors_mistake()
    {
        var host = "orders";
        Assert.Throws<ArgumentException>(() => Target($"http://{host}/api"));
        Assert.Throws<ArgumentException>(() => Target($"http://orders{".evil"}/api"));
        Assert.Throws<ArgumentException>(() => Target($"{"http://orders"}/api"));
        Assert.Throws<ArgumentException>(() => Target($"https://orders/api"));
        Assert.Throws<ArgumentException>(() => Target($"http://orders/a b"));
        Assert.Throws<ArgumentException>(() => Target($"http://orders/a#b"));
        Assert.Throws<ArgumentException>(() => Target($"http://orders/../a"));
        Assert.Throws<ArgumentException>(() => Target($"http://orders//a"));
        Assert.Throws<ArgumentException>(() => Target($"http://orders/%2{"f"}"));
        Assert.Throws<ArgumentException>(() => Target($"http://orders/%{"2f"}"));
    }

    private static JsonElement Json(string text) => JsonElement.Parse(text);
}
