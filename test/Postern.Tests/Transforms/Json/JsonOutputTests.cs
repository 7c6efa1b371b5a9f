using System.Text;
using Postern.Transforms.Json;

namespace Postern.Tests.Transforms.Json;

public class JsonOutputTests
{
    [Fact]
    public void Past_its_bound_it_keeps_nothing_more_and_says_so()
    {
        using var output = new JsonOutput(10);
        output.Write("12345678"u8);
        Assert.False(output.IsFull);

        output.Write("abc"u8);

        Assert.True(output.IsFull);
        Assert.Equal("12345678", Encoding.UTF8.GetString(output.Written));
        output.Truncate(0);
        output.Write("a"u8);
        Assert.True(output.IsFull);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(9)]
    public void No_way_of_writing_goes_past_it(int bound)
    {
        foreach (var value in new[] { JsonValue.Of("abcdefghij"), JsonValue.Of(1234567890m), JsonValue.Of(1.2345678901e300), JsonValue.Of([JsonValue.Of(true), JsonValue.Null, JsonValue.Of(false)]), JsonValue.Of(new string('x', 100_000)) })
        {
            using var output = new JsonOutput(bound);
            value.Write(output);
            Assert.True(output.IsFull);
            Assert.True(output.Length <= bound);
        }
    }

    [Fact]
    public void It_takes_back_what_was_written_last()
    {
        using var output = new JsonOutput(100_000);
        output.Write("[1"u8);
        var mark = output.Length;
        output.Write(Encoding.UTF8.GetBytes(new string('2', 50_000)));

        output.Truncate(mark);
        output.Write("]"u8);

        Assert.Equal("[1]", Encoding.UTF8.GetString(output.Written));
    }

    [Fact]
    public void A_long_text_is_written_whole_wherever_a_pair_stands()
    {
        foreach (var before in Enumerable.Range(1020, 8))
        {
            var text = new string('a', before) + "𝄞" + new string('é', 2050) + "\"\n";
            using var output = new JsonOutput(1 << 20);

            JsonStrings.Write(output, text);

            Assert.Equal(text, System.Text.Json.JsonSerializer.Deserialize<string>(output.Written));
        }
    }

    [Theory]
    [InlineData("[ 1 , \"a b\\\" c\" ,\n{ \"x y\" : [ ] } ]", "[1,\"a b\\\" c\",{\"x y\":[]}]")]
    [InlineData("\" \\\\\"", "\" \\\\\"")]
    [InlineData("1.50", "1.50")]
    public void White_space_between_values_can_be_left_out(string json, string compact)
    {
        using var output = new JsonOutput(1000);

        JsonText.Fixed(json).WriteCompact(output);

        Assert.Equal(compact, Encoding.UTF8.GetString(output.Written));
    }

    [Fact]
    public void Values_that_were_made_are_written_as_JSON()
    {
        var value = JsonValue.Of(new JsonFields(new JsonFieldNames(["a\"", "b", "c", "d", "e"]),
            [JsonValue.Of("x\u0001\ud800"), JsonValue.Of(-0.5), JsonValue.Of(1.50m), JsonValue.Of([]), JsonValue.Error("why")]));
        using var output = new JsonOutput(1000);

        value.Write(output);

        Assert.Equal("{\"a\\\"\":\"x\\u0001\uFFFD\",\"b\":-0.5,\"c\":1.5,\"d\":[],\"e\":null}", Encoding.UTF8.GetString(output.Written));
        Assert.Equal(1.5, value.Field("c").AsDouble());
        Assert.True(value.Field("missing").IsNull);
    }
}
