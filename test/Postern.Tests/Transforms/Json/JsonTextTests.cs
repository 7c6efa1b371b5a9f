using System.Text;
using Postern.Transforms.Json;

namespace Postern.Tests.Transforms.Json;

public class JsonTextTests
{
    [Fact]
    public void What_tells_something_in_a_text_is_seen_wherever_it_stands()
    {
        for (var before = 0; before <= 40; before++)
        {
            var (plain, more) = (new string('a', before), new string('b', 40 - before));
            Assert.Equal(before, Length($"\"{plain}\""));
            Assert.Equal(41, Length($"\"{plain}\\n{more}\""));
            Assert.Equal(41, Length($"\"{plain}\u007f{more}\""));
            Assert.Equal(41, Length($"\"{plain}é{more}\""));
            Assert.Equal($"a control character in a text at byte {before + 1}", Problem($"\"{plain}\u001f{more}\""));
            Assert.Equal($"not an escape at byte {before + 1}", Problem($"\"{plain}\\x{more}\""));
            Assert.Equal($"something follows the value at byte {before + 2}", Problem($"\"{plain}\"{more}x"));
            Assert.Equal($"ends within a text at byte {before + 1}", Problem($"\"{plain}"));
        }

        static int Length(string json) => Parsed(json, out _)!.Length;
        static string? Problem(string json) => Parsed(json, out var problem) is null ? problem : null;
        static string? Parsed(string json, out string? problem) =>
            JsonText.TryRead(Encoding.UTF8.GetBytes(json), out var text, out problem) ? text.Root.AsString() : null;
    }

    [Theory]
    [InlineData("null")]
    [InlineData(" \t\r\n true \n")]
    [InlineData("-0")]
    [InlineData("0.0e-0")]
    [InlineData("123456789012345678901234567890.123456789012345678901234567890E+999")]
    [InlineData("\"\"")]
    [InlineData("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\uD834\\uDD1E\"")]
    [InlineData("\"\\ud800\"")]
    [InlineData("\"\u007f \u2028 é 𝄞\"")]
    [InlineData("[]")]
    [InlineData("[ [ ] , { } , [ { \"a\" : [ ] } ] ]")]
    [InlineData("{\"\":0,\" \":1,\"a\":2,\"A\":3,\"aa\":4}")]
    public void A_good_text_is_read_and_written_as_it_came(string json)
    {
        using var text = Read(json);

        Assert.Equal(json.Trim(' ', '\t', '\r', '\n'), Written(text.Root));
    }

    [Theory]
    [InlineData("", "ends before its value does at byte 0")]
    [InlineData("  ", "ends before its value does at byte 2")]
    [InlineData("nul", "a value expected at byte 0")]
    [InlineData("nullx", "something follows the value at byte 4")]
    [InlineData("True", "a value expected at byte 0")]
    [InlineData("NaN", "a value expected at byte 0")]
    [InlineData("'a'", "a value expected at byte 0")]
    [InlineData("+1", "a value expected at byte 0")]
    [InlineData(".5", "a value expected at byte 0")]
    [InlineData("01", "not a number at byte 2")]
    [InlineData("-", "not a number at byte 1")]
    [InlineData("1.", "not a number at byte 2")]
    [InlineData("1e", "not a number at byte 2")]
    [InlineData("1e+", "not a number at byte 3")]
    [InlineData("0x10", "something follows the value at byte 1")]
    [InlineData("1 2", "something follows the value at byte 2")]
    [InlineData("[1,]", "a value expected at byte 3")]
    [InlineData("[,1]", "a value expected at byte 1")]
    [InlineData("[1 2]", "',' or ']' expected at byte 3")]
    [InlineData("[1}", "',' or ']' expected at byte 2")]
    [InlineData("[", "ends before its value does at byte 1")]
    [InlineData("]", "a value expected at byte 0")]
    [InlineData("{", "ends before its value does at byte 1")]
    [InlineData("{\"a\"}", "':' expected at byte 4")]
    [InlineData("{\"a\":}", "a value expected at byte 5")]
    [InlineData("{\"a\":1,}", "a name expected at byte 7")]
    [InlineData("{a:1}", "a name expected at byte 1")]
    [InlineData("{1:1}", "a name expected at byte 1")]
    [InlineData("{\"a\":1 \"b\":2}", "',' or '}' expected at byte 7")]
    [InlineData("\"a", "ends within a text at byte 2")]
    [InlineData("\"\\", "not an escape at byte 1")]
    [InlineData("\"\\x\"", "not an escape at byte 1")]
    [InlineData("\"\\u12g4\"", "not an escape at byte 1")]
    [InlineData("\"\\u12", "not an escape at byte 1")]
    [InlineData("\"a\nb\"", "a control character in a text at byte 2")]
    [InlineData("\"\0\"", "a control character in a text at byte 1")]
    [InlineData("[1]//", "something follows the value at byte 3")]
    [InlineData("\uFEFF{}", "a byte order mark, which JSON doesn't begin with, at byte 0")]
    [InlineData("\u00A0{}", "a value expected at byte 0")]
    public void A_bad_text_is_refused_with_the_place(string json, string problem) => Assert.Equal(problem, Problem(json));

    [Theory]
    [InlineData(new byte[] { 0x22, 0xFF, 0x22 })]
    [InlineData(new byte[] { 0x22, 0xC0, 0xAF, 0x22 })]
    [InlineData(new byte[] { 0x22, 0xED, 0xA0, 0x80, 0x22 })]
    [InlineData(new byte[] { 0x22, 0xE2, 0x82, 0x22 })]
    [InlineData(new byte[] { 0x5B, 0x31, 0x5D, 0xC3 })]
    public void What_is_no_UTF_8_is_refused(byte[] bytes)
    {
        Assert.False(JsonText.TryRead(bytes, out _, out var problem));
        Assert.Equal("invalid UTF-8", problem);
    }

    [Fact]
    public void It_may_be_64_levels_deep_and_no_deeper()
    {
        using var deep = Read(Nested(64));
        Assert.Equal(Nested(64), Written(deep.Root));

        Assert.Equal("nested deeper than 64 levels at byte 64", Problem(Nested(65)));
        Assert.Equal("nested deeper than 64 levels at byte 64", Problem(new string('[', 5_000_000)));
        Assert.Equal("nested deeper than 64 levels at byte 320", Problem(string.Concat(Enumerable.Repeat("{\"a\":", 100_000))));

        static string Nested(int levels) => new string('[', levels) + new string(']', levels);
    }

    [Theory]
    [InlineData("{\"a\":1,\"a\":2}")]
    [InlineData("{\"a\":1,\"\\u0061\":2}")]
    [InlineData("{\"\\u0061\":1,\"b\":0,\"a\":2}")]
    [InlineData("{\"\\u0061\":1,\"\\u0061\":2}")]
    [InlineData("{\"é\":1,\"\\u00e9\":2}")]
    [InlineData("{\"\":1,\"\":2}")]
    [InlineData("{\"\\/\":1,\"/\":2}")]
    [InlineData("[{\"b\":{\"c\":[{\"x\":1,\"y\":2,\"x\":3}]}}]")]
    public void A_name_twice_in_one_object_is_refused(string json) => Assert.StartsWith("a name twice in the object that ends at byte ", Problem(json));

    [Fact]
    public void Names_that_look_alike_are_told_apart()
    {
        // The same length, first, middle and last letter: all that is compared first is equal.
        var names = Enumerable.Range(0, 40).Select(i => $"a{i:00}m{i:00}z").ToArray();
        foreach (var count in new[] { 2, 16, 17, 40 })
        {
            var json = "{" + string.Join(",", names.Take(count).Select((n, i) => $"\"{n}\":{i}")) + "}";
            using var text = Read(json);
            Assert.Equal(count, text.Root.Count);
            Assert.All(names.Take(count).Select((n, i) => (n, i)), f => Assert.Equal(f.i, text.Root.Field(f.n).AsDouble()));
            Assert.True(text.Root.Field("a99m99z").IsNull);

            Assert.StartsWith("a name twice", Problem(json[..^1] + $",\"{names[count / 2]}\":0}}"));
            Assert.StartsWith("a name twice", Problem(json[..^1] + $",\"\\u0061{names[count / 2][1..]}\":0}}"));
        }
    }

    [Fact]
    public void A_hundred_thousand_names_that_look_alike_take_no_longer_than_others()
    {
        // Each with each would be five billion comparisons.
        var json = new StringBuilder("{");
        for (var i = 0; i < 100_000; i++)
        {
            json.Append($"\"a{i:000000}m{i:000000}z\":{i},");
        }
        using var text = Read(json.Append("\"last\":0}").ToString());

        Assert.Equal(100_001, text.Root.Count);
        Assert.Equal(99_999, text.Root.Field("a099999m099999z").AsDouble());
    }

    [Fact]
    public void A_text_that_ends_anywhere_before_its_end_is_refused()
    {
        var json = Encoding.UTF8.GetBytes("{\"a\":[1,-2.5e+3,true,false,null,\"x\\u00e9\\n𝄞\"],\"\\\"b\":{\"c\":{}},\"d\":[]}");
        for (var length = 0; length < json.Length; length++)
        {
            Assert.False(JsonText.TryRead(json.AsMemory(0, length), out _, out var problem), $"{length} bytes");
            Assert.NotEmpty(problem);
        }
        Assert.True(JsonText.TryRead(json, out var text, out _));
        text.Dispose();
    }

    [Fact]
    public void Rented_memory_goes_back_whether_the_text_is_good_or_not()
    {
        foreach (var json in new[] { "[1]", "[1" })
        {
            var bytes = System.Buffers.ArrayPool<byte>.Shared.Rent(777);
            var length = Encoding.UTF8.GetBytes(json, bytes);
            if (JsonText.TryRead(bytes, length, out var text, out _))
            {
                Assert.Equal("[1]", Written(text.Root));
                text.Dispose();
                text.Dispose();
            }
            Assert.Same(bytes, System.Buffers.ArrayPool<byte>.Shared.Rent(777));
        }
    }

    [Fact]
    public void What_is_wrong_never_shows_what_the_text_says()
    {
        foreach (var json in new[] { "{\"password\":secret}", "{\"secret\":1,\"secret\":2}", "[\"secret", "secret" })
        {
            Assert.DoesNotContain("secret", Problem(json));
        }
    }

    private static JsonText Read(string json)
    {
        Assert.True(JsonText.TryRead(Encoding.UTF8.GetBytes(json), out var text, out var problem), problem);
        return text;
    }

    private static string Problem(string json)
    {
        Assert.False(JsonText.TryRead(Encoding.UTF8.GetBytes(json), out _, out var problem), json.Length < 100 ? json : "");
        return problem;
    }

    private static string Written(in JsonValue value)
    {
        using var output = new JsonOutput(1 << 20);
        value.Write(output);
        return Encoding.UTF8.GetString(output.Written);
    }
}
