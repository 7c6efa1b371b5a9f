using System.Text;
using System.Text.Json;
using Postern.Edge.ForwardingIdentity;
using Postern.Pipeline;

namespace Postern.Tests.Edge.ForwardingIdentity;

/// <summary>How a claim looks in a header field.</summary>
public sealed class FieldTextTests
{
    [Theory]
    [InlineData("\"alice\"", "alice")]
    [InlineData("\"Doe, Jane\"", "Doe, Jane")]
    [InlineData("\"a\\\"b\\\\c;=:\"", "a\"b\\c;=:")]
    [InlineData("42", "42")]
    [InlineData("1.50e3", "1.50e3")]
    [InlineData("true", "true")]
    [InlineData("[\"a\", \"b c\", 7, false]", "a,b c,7,false")]
    [InlineData("[\"one\"]", "one")]
    [InlineData("\"100%\"", "100%25")]
    [InlineData("\"%2C\"", "%252C")]
    [InlineData("\"Zo\u00eb\"", "Zo%C3%AB")]
    [InlineData("\"\u041c\u0438\u0440 \ud83d\ude00\"", "%D0%9C%D0%B8%D1%80 %F0%9F%98%80")]
    [InlineData("\"\uff01\u560d\u560a\"", "%EF%BC%81%E5%98%8D%E5%98%8A")]
    [InlineData("\" a b \"", "%20a b%20")]
    [InlineData("\" \"", "%20")]
    public void A_plain_value_is_visible_ASCII_and_everything_else_is_percent_encoded(string claim, string expected)
    {
        var text = Of(claim, out var unfit);
        Assert.Equal((expected, false), (text, unfit));
        Assert.All(text!, c => Assert.InRange(c, ' ', '~'));
    }

    [Theory]
    [InlineData("[\"a,admin\", \"b\"]", "a%2Cadmin,b")]
    [InlineData("[\"a\", \" admin\"]", "a,%20admin")]
    [InlineData("[\"a%2Cadmin\"]", "a%252Cadmin")]
    [InlineData("[\"\", \"a\", null, {\"x\": \"y\"}, [\"admin\"], \"b\"]", "a,b")]
    public void An_entry_of_a_list_is_never_read_as_two_or_as_another(string claim, string expected) => Assert.Equal(expected, Of(claim, out _));

    [Theory]
    [InlineData("null"), InlineData("{}"), InlineData("{\"a\": \"b\"}"), InlineData("[]"), InlineData("[{}]"), InlineData("\"\""), InlineData("[\"\"]")]
    public void What_is_no_text_is_no_field(string claim)
    {
        Assert.Null(Of(claim, out var unfit));
        Assert.False(unfit);
    }

    [Theory]
    [InlineData("\\r\\n"), InlineData("\\r"), InlineData("\\n"), InlineData("\\u0000"), InlineData("\\t"), InlineData("\\u001f"), InlineData("\\u007f")]
    [InlineData("\\u0085"), InlineData("\\u009f"), InlineData("\\ud800"), InlineData("\\udc00x"), InlineData("\\ud83dx")]
    public void A_control_character_or_half_a_character_drops_the_whole_field(string evil)
    {
        foreach (var claim in new[] { $"\"a{evil}X-User-Roles: admin\"", $"\"{evil}\"", $"[\"a\", \"b{evil}\"]" })
        {
            Assert.Null(Of(claim, out var unfit));
            Assert.True(unfit);
        }
    }

    [Theory]
    [InlineData("a", 4096, true), InlineData("a", 4097, false), InlineData("\u00eb", 682, true), InlineData("\u00eb", 683, false)]
    public void A_value_too_long_to_send_is_not_sent(string letter, int count, bool sent)
    {
        var text = new StringBuilder().Insert(0, letter, count).ToString();
        Assert.Equal(sent, Of($"\"{text}\"", out var unfit) is not null);
        Assert.Equal(!sent, unfit);
        Assert.Equal(sent, Of($"[\"{text}\"]", out _) is not null);
    }

    private static string? Of(string claim, out bool unfit)
    {
        using var json = JsonDocument.Parse($$"""{"claim": {{claim}}}""");
        return FieldText.Of(new ClaimPath("claim").In(json.RootElement), out unfit);
    }
}
