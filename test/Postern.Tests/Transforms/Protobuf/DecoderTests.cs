using System.Text.Json;

namespace Postern.Tests.Transforms.Protobuf;

/// <summary>Protobuf → JSON, for messages that no serializer writes.</summary>
public sealed class DecoderTests
{
    [Fact]
    public void Fields_that_know_no_absence_are_always_there() =>
        Assert.Equal("""{"name":""}""", Mapping.Decode("", "kinds.Leaf"));

    [Fact]
    public void Others_are_there_where_they_were_sent()
    {
        Assert.Equal("""{"name":"","size":0}""", Mapping.Decode("1000", "kinds.Leaf"));
        Assert.Equal("{}", Mapping.Decode("", "old.Sparse"));
        Assert.Equal("""{"implicit":"","packed":[],"expanded":[],"parts":{}}""", Mapping.Decode("", "edition.Message"));
    }

    [Theory]
    [InlineData("0a01610a0162", """{"name":"b"}""")] // The last one counts.
    [InlineData("1a0161f8ff0705" + "0a0178", """{"name":"x"}""")] // Fields that nobody knows.
    [InlineData("0805" + "0a0178", """{"name":"x"}""")] // A text that came as a number is such a field.
    [InlineData("10051007", """{"name":"","size":7}""")]
    [InlineData("1bfb012805fc011c" + "0a0178", """{"name":"x"}""")] // A group with another in it, of nobody.
    public void A_leaf_reads(string hex, string json) => Assert.Equal(json, Mapping.Decode(hex, "kinds.Leaf"));

    [Fact]
    public void A_message_that_comes_in_parts_is_one()
    {
        using var json = JsonDocument.Parse(Mapping.Decode("b20104" + "4a026869" + "2805" + "b20102" + "2807"));
        var inner = json.RootElement.GetProperty("inner");
        Assert.Equal("hi", inner.GetProperty("aString").GetString());
        Assert.Equal(7, inner.GetProperty("anInt32").GetInt32());
        Assert.Equal(5, json.RootElement.GetProperty("anInt32").GetInt32());
    }

    [Fact]
    public void Of_a_oneof_the_last_counts()
    {
        using var json = JsonDocument.Parse(Mapping.Decode("f20101" + "61" + "f80105" + "f20101" + "62"));
        Assert.Equal("b", json.RootElement.GetProperty("text").GetString());
        Assert.False(json.RootElement.TryGetProperty("number", out _));
    }

    [Fact]
    public void Numbers_may_be_packed_or_not_and_both()
    {
        using var json = JsonDocument.Parse(Mapping.Decode("c0020a" + "c202020b0c" + "2805" + "c0020d" + "e20204" + "02010403"));
        Assert.Equal([10, 11, 12, 13], json.RootElement.GetProperty("numbers").EnumerateArray().Select(n => n.GetInt32()));
        Assert.Equal(["1", "-1", "2", "-2"], json.RootElement.GetProperty("unpacked").EnumerateArray().Select(n => n.GetString()));
    }

    [Fact]
    public void A_map_with_a_key_twice_keeps_the_last_and_an_entry_without_one_has_its_default()
    {
        using var json = JsonDocument.Parse(Mapping.Decode("9203050a01611001" + "92030410070a00" + "9203050a01611002" + "920300"));
        Assert.Equal("""{"a":2,"":0}""", json.RootElement.GetProperty("byName").GetRawText());
    }

    [Theory]
    [InlineData("0a0161", "ff")] // A text that isn't UTF-8.
    [InlineData("", "0a0561")]
    [InlineData("", "0a")]
    [InlineData("", "00")]
    [InlineData("", "0f")]
    [InlineData("", "0c")]
    [InlineData("", "0b0a0161")]
    [InlineData("", "0b14")]
    [InlineData("", "ffffffffffffffffffff01")]
    [InlineData("", "08ffffffffffffffffffff01")]
    [InlineData("", "0a80808080808080808001")]
    public void What_is_malformed_is_said(string before, string hex) => Assert.StartsWith("!kinds.Leaf", Mapping.Decode(before.Length > 0 ? "0a01" + hex : hex, "kinds.Leaf"));

    [Theory]
    [InlineData("c20202ffff")] // Packed numbers that break off.
    [InlineData("e2030608ffffffffff7f")]
    [InlineData("e203061080a8d6b907")]
    [InlineData("ea030d" + "0801" + "10ffffffffffffffffff01")] // Its seconds and its nanos differ in sign.
    [InlineData("92040d" + "0a0b" + "780a" + "6e6f2e737563682e58")]
    [InlineData("82040911000000000000f87f")] // Not a number of JSON.
    [InlineData("f203030a0141")] // A path of fields that would not come back.
    [InlineData("9203040a01ff10")]
    [InlineData("9203050a01ff1001")]
    public void So_is_what_stands_within(string hex) => Assert.StartsWith("!", Mapping.Decode(hex));

    [Fact]
    public void It_may_be_cut_anywhere()
    {
        var whole = Convert.FromHexString(Mapping.Encode("""{"aString":"text","inner":{"leaves":[{"name":"x"}],"byName":{"a":1}},"numbers":[1,2,3],"at":"2026-11-22T10:00:00.5Z","object":{"a":[1]}}"""));
        for (var length = 0; length < whole.Length; length++)
        {
            Assert.NotNull(Mapping.Decode(whole[..length]));
        }
        Assert.StartsWith("{", Mapping.Decode(whole));
    }

    [Fact]
    public void Any_bytes_give_JSON_or_a_word_and_never_an_exception()
    {
        var random = new Random(6);
        var good = Convert.FromHexString(Mapping.Encode("""{"inner":{"inner":{"numbers":[1,2,300],"byNumber":{"5":{"name":"x"}},"any":{"@type":"kinds.Leaf","size":1},"object":{"a":{"b":[null]}}}},"lasts":"1.5s"}"""));
        foreach (var type in new[] { "kinds.All", "old.Message", "edition.Message" })
        {
            for (var i = 0; i < 3000; i++)
            {
                var bytes = (byte[])good.Clone();
                for (var changes = random.Next(1, 8); changes > 0; changes--)
                {
                    bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
                }
                var json = Mapping.Decode(i % 2 == 0 ? bytes : [.. Enumerable.Range(0, random.Next(40)).Select(_ => (byte)random.Next(256))], type);
                if (!json.StartsWith('!'))
                {
                    JsonDocument.Parse(json).Dispose();
                }
            }
        }
    }

    [Fact]
    public void It_may_be_as_deep_as_JSON_and_no_deeper()
    {
        Assert.StartsWith("{", Mapping.Decode(Nested(62)));
        Assert.Equal("!kinds.All: nested deeper than 64 levels", Mapping.Decode(Nested(63)));
        Assert.StartsWith("!", Mapping.Decode(Nested(5000)));
    }

    [Fact]
    public void Lists_within_values_count_as_levels_too()
    {
        byte[] List(int levels) => levels == 0 ? [] : Field(1, Field(6, List(levels - 1)));
        Assert.StartsWith("{", Mapping.Decode(Field(65, List(62))));
        Assert.Contains("nested deeper", Mapping.Decode(Field(65, List(63))));
    }

    [Fact]
    public void Groups_of_nobody_are_bounded_too() =>
        Assert.StartsWith("!", Mapping.Decode([.. Enumerable.Repeat((byte)0x1b, 100_000)], "kinds.Leaf"));

    [Fact]
    public void Few_bytes_that_make_much_JSON_end_at_the_bound()
    {
        var many = Enumerable.Repeat(new byte[] { 0x0a, 0x00 }, 50_000).SelectMany(b => b).ToArray();
        Assert.Equal("!full", Mapping.Decode(many, "kinds.Wide", 1 << 20));
        Assert.StartsWith("""{"many":[{"aLongNameOfAFieldA":"0",""", Mapping.Decode(many[..20], "kinds.Wide"));
    }

    [Fact]
    public void Few_bytes_that_take_many_steps_end_too()
    {
        byte[] Messages(int count) => [.. Enumerable.Repeat(new byte[] { 0x4a, 0x00 }, count).SelectMany(b => b)];
        Assert.StartsWith("{", Mapping.Decode(Messages(100_000), "old.Message"));
        Assert.Equal("!old.Sparse: more messages than may be", Mapping.Decode(Messages(1_000_000), "old.Message", 4 << 20));
    }

    private static byte[] Field(int number, byte[] bytes)
    {
        using var writer = new Postern.Transforms.Protobuf.WireWriter();
        writer.Tag(number, Postern.Transforms.Protobuf.WireType.Bytes);
        writer.Bytes(bytes);
        return writer.Written.ToArray();
    }

    private static byte[] Nested(int levels)
    {
        byte[] bytes = [];
        for (var i = 0; i < levels; i++)
        {
            bytes = Field(22, bytes);
        }
        return bytes;
    }
}
