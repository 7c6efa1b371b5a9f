using System.Globalization;
using System.Text;
using Postern.Transforms.Json;
using Postern.Transforms.Wording;

namespace Postern.Tests.Transforms.Wording;

public sealed class TruncatedTests
{
    [Theory]
    [InlineData("Hello", 5, "Hello")]
    [InlineData("Hello", 9, "Hello")]
    [InlineData("Hello, world", 6, "Hello…")]
    [InlineData("Hello, world", 5, "Hell…")]
    [InlineData("Hello world", 7, "Hello…")]
    [InlineData("Hello", 1, "…")]
    [InlineData("", 1, "")]
    [InlineData("a", 1, "a")]
    [InlineData("👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦", 3, "👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦")]
    [InlineData("👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦", 2, "👩‍👩‍👧‍👦…")]
    [InlineData("🇩🇪🇫🇷🇸🇪", 2, "🇩🇪…")]
    [InlineData("e\u0301e\u0301e\u0301", 2, "e\u0301…")]
    [InlineData("日本語テキスト", 4, "日本語…")]
    public void No_more_characters_than_asked_for_and_none_in_parts(string text, int length, string expected) =>
        Assert.Equal(expected, Truncated.Text(JsonValue.Of(text), JsonValue.Of((double)length)).AsString());

    [Theory]
    [InlineData("\"a\"", "0", "invalid-value")]
    [InlineData("\"a\"", "-1", "invalid-value")]
    [InlineData("\"a\"", "1.5", "invalid-value")]
    [InlineData("\"a\"", "\"1\"", "invalid-type")]
    [InlineData("\"a\"", "null", "invalid-type")]
    [InlineData("5", "1", "invalid-type")]
    [InlineData("[]", "1", "invalid-type")]
    public void What_is_no_text_or_no_length_is_an_error(string text, string length, string why) =>
        Assert.Equal(why, Truncated.Text(JsonText.Fixed(text), JsonText.Fixed(length)).Why);

    [Fact]
    public void Null_stays_null_and_what_fits_stays_the_bytes_it_came_as()
    {
        Assert.True(Truncated.Text(JsonValue.Null, JsonValue.Of(1.0)).IsNull);
        using var output = new JsonOutput(100);
        Truncated.Text(JsonText.Fixed("\"caf\\u00e9\""), JsonValue.Of(1e300)).Write(output);
        Assert.Equal("\"caf\\u00e9\"", Encoding.UTF8.GetString(output.Written));
    }

    [Fact]
    public void Never_are_there_more_characters_than_asked_for()
    {
        var random = new Random(3);
        string[] pieces = ["a", " ", "é", "e\u0301", "👩‍👩‍👧‍👦", "🇩🇪", "한", "\u200d", "\u0301", "\ud83d", "क्षि", "\r\n"];
        for (var i = 0; i < 5000; i++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(40)).Select(_ => pieces[random.Next(pieces.Length)]));
            var most = random.Next(1, 30);
            var cut = Truncated.Text(JsonValue.Of(text), JsonValue.Of((double)most)).AsString()!;
            Assert.True(new StringInfo(cut).LengthInTextElements <= most, $"{text} to {most} is {cut}");
            Assert.True(cut == text || (cut.EndsWith('…') && text.StartsWith(cut[..^1], StringComparison.Ordinal)));
        }
    }

    [Fact]
    public void A_character_of_a_million_accents_is_one()
    {
        var text = "a" + new string('\u0301', 1_000_000) + "b";
        Assert.Equal("…", Truncated.Text(JsonValue.Of(text), JsonValue.Of(1.0)).AsString());
        Assert.Equal(text, Truncated.Text(JsonValue.Of(text), JsonValue.Of(2.0)).AsString());
    }
}
