using System.Buffers;
using System.Text;
using Postern.Config;
using Postern.Transforms.Trimming;

namespace Postern.Tests.Transforms.Trimming;

public sealed class TrimPassTests
{
    [Theory]
    [InlineData("a", """{"a":1,"b":2}""", """{"b":2}""")]
    [InlineData("b", """{"a":1,"b":2}""", """{"a":1}""")]
    [InlineData("a,b", """{"a":1,"b":2}""", """{}""")]
    [InlineData("b", """{"a":1,"b":{"x":[1,{"y":"}]"}]},"c":3}""", """{"a":1,"c":3}""")]
    [InlineData("a.b", """{"a":{"b":1,"c":2},"b":3}""", """{"a":{"c":2},"b":3}""")]
    [InlineData("a.b", """{"a":5}""", """{"a":5}""")]
    [InlineData("a.b", """{"a":{"c":{"b":1}}}""", """{"a":{"c":{"b":1}}}""")]
    [InlineData("items[].cost", """{"items":[{"cost":1,"id":2},{"id":3,"cost":4},5,null,[]]}""", """{"items":[{"id":2},{"id":3},5,null,[]]}""")]
    [InlineData("[].id", """[{"id":1,"n":2},{"n":3}]""", """[{"n":2},{"n":3}]""")]
    [InlineData("a", """ [ 1 , 2 ] """, """[1,2]""")]
    [InlineData("a", "\"text\"", "\"text\"")]
    [InlineData("a", "-0.5e+10", "-0.5e+10")]
    [InlineData("a", " null ", "null")]
    public void What_is_dropped_goes_and_nothing_else(string drop, string json, string expected) => Assert.Equal(expected, Trim(json, drop: drop));

    [Theory]
    [InlineData("items.cost", """{"items":[{"cost":1,"id":2}]}""", """{"items":[{"id":2}]}""")]
    [InlineData("items[].cost", """{"items":{"cost":1,"id":2}}""", """{"items":{"id":2}}""")]
    [InlineData("items[].cost", """{"items":[[{"cost":1,"id":2}]]}""", """{"items":[[{"id":2}]]}""")]
    [InlineData("id", """[{"id":1,"n":2}]""", """[{"n":2}]""")]
    public void A_path_goes_through_lists_wherever_they_stand(string drop, string json, string expected) => Assert.Equal(expected, Trim(json, drop: drop));

    [Theory]
    [InlineData("\\u0064ebug")]
    [InlineData("d\\u0065bug")]
    [InlineData("\\u0064\\u0065\\u0062\\u0075\\u0067")]
    [InlineData("debu\\u0067")]
    public void A_name_is_what_it_means_however_it_is_written(string name) =>
        Assert.Equal("""{"a":1}""", Trim($$"""{"{{name}}":{"x":1},"a":1}""", drop: "debug"));

    [Theory]
    [InlineData("\"a.b\".c", """{"a.b":{"c":1,"d":2},"a":{"b":{"c":3}}}""", """{"a.b":{"d":2},"a":{"b":{"c":3}}}""")]
    [InlineData("\"\"", """{"":1,"a":2}""", """{"a":2}""")]
    [InlineData("größe", """{"größe":1,"gr\u00f6\u00dfe":2,"a":3}""", """{"a":3}""")]
    [InlineData("\"\\u0009\"", """{"\t":1,"a":3}""", """{"a":3}""")]
    [InlineData("😀", """{"😀":1,"\ud83d\ude00":2,"\ud83d":3,"\ude00":4}""", """{"\ud83d":3,"\ude00":4}""")]
    public void Names_of_any_kind_can_be_named(string drop, string json, string expected) => Assert.Equal(expected, Trim(json, drop: drop));

    [Fact]
    public void A_field_that_stands_twice_is_dropped_twice() =>
        Assert.Equal("""{"b":2}""", Trim("""{"a":1,"b":2,"\u0061":{"x":3},"a":4}""", drop: "a"));

    [Theory]
    [InlineData("id,name", """{"id":1,"x":{"id":2},"name":"n"}""", """{"id":1,"name":"n"}""")]
    [InlineData("id,orders[].id,author.name", """{"orders":[{"id":1,"x":2},{"x":3}],"author":{"name":"A","mail":"m"},"id":9}""", """{"orders":[{"id":1},{}],"author":{"name":"A"},"id":9}""")]
    [InlineData("tags", """{"tags":["a",{"b":1}],"x":1}""", """{"tags":["a",{"b":1}]}""")]
    [InlineData("author.name", """{"author":"Anna"}""", """{}""")]
    [InlineData("author.name", """{"author":null}""", """{"author":null}""")]
    [InlineData("author.name", """{"author":[1,"x",null,{"name":"B"},[true,{"name":"C","d":1}]]}""", """{"author":[null,{"name":"B"},[{"name":"C"}]]}""")]
    [InlineData("id", """[{"id":1,"x":2},{"id":3}]""", """[{"id":1},{"id":3}]""")]
    [InlineData("id", "\"secret\"", "null")]
    [InlineData("id", "{}", "{}")]
    public void Only_what_is_picked_stays(string pick, string json, string expected) => Assert.Equal(expected, Trim(json, pick: pick));

    [Theory]
    [InlineData("a:b", """{"a":1}""", """{"b":1}""")]
    [InlineData("user.fullName:name,items[].qty:quantity", """{"user":{"fullName":"A"},"items":[{"qty":1},{"qty":2}],"qty":3}""", """{"user":{"name":"A"},"items":[{"quantity":1},{"quantity":2}],"qty":3}""")]
    [InlineData("a:b,b:a", """{"a":1,"b":2}""", """{"b":1,"a":2}""")]
    [InlineData("a:b,b:c", """{"a":1,"b":2}""", """{"b":1,"c":2}""")]
    [InlineData("a:b,a.c:d", """{"a":{"c":1,"e":2}}""", """{"b":{"d":1,"e":2}}""")]
    [InlineData("a:\"x.y\"", """{"a":1}""", """{"x.y":1}""")]
    [InlineData("a:\"say \\\"so\\\"\"", """{"a":1}""", """{"say \"so\"":1}""")]
    public void A_field_gets_its_new_name_where_it_stands(string rename, string json, string expected) => Assert.Equal(expected, Trim(json, rename: rename));

    [Theory]
    [InlineData("""{"a":1,"b":2}""", """{"b":1}""")]
    [InlineData("""{"b":2,"a":1}""", """{"b":1}""")]
    [InlineData("""{"\u0062":2,"c":3}""", """{"c":3}""")]
    public void What_has_the_new_name_already_gives_way(string json, string expected) => Assert.Equal(expected, Trim(json, rename: "a:b"));

    [Fact]
    public void Drop_pick_and_rename_all_speak_of_the_upstreams_names() =>
        Assert.Equal(
            """{"customer":{"no":7,"first":"A"}}""",
            Trim("""{"user":{"id":7,"name":"A","mail":"m","extra":{"x":1}},"id":1}""", drop: "user.mail", pick: "user.id,user.name,user.mai", rename: "user:customer,user.id:no,user.name:first"));

    [Fact]
    public void Values_stay_the_bytes_they_were() =>
        Assert.Equal(
            """{"n":[1e400,-0.0,123456789012345678901234567890,1.10],"s":"\u00e9\/\ud800","t":{"a":[true,false,null],"b":{}}}""",
            Trim("{\r\n\t\"n\" : [ 1e400 , -0.0,123456789012345678901234567890 ,1.10 ],\"x\":0, \"s\": \"\\u00e9\\/\\ud800\" ,\"t\":{ \"a\" :[true, false ,null],\"b\":{ } } }\n", drop: "x"));

    [Theory]
    [InlineData("", "it ends at byte 0")]
    [InlineData("   ", "it ends at byte 3")]
    [InlineData("{", "it ends at byte 1")]
    [InlineData("""{"a":1""", "it ends at byte 6")]
    [InlineData("""{"a":1}}""", "byte 7")]
    [InlineData("""{"a":1} x""", "byte 8")]
    [InlineData("""{"a":1,}""", "byte 7")]
    [InlineData("""{,"a":1}""", "byte 1")]
    [InlineData("""{"a" 1}""", "byte")]
    [InlineData("""{"a":}""", "byte")]
    [InlineData("""{a:1}""", "byte 1")]
    [InlineData("""{'a':1}""", "byte 1")]
    [InlineData("[1,]", "byte")]
    [InlineData("[1 2]", "byte")]
    [InlineData("[1}", "byte")]
    [InlineData("""{"b":[1}}""", "byte")]
    [InlineData("""{"b":{"c":1]}""", "byte")]
    [InlineData("01", "byte")]
    [InlineData("-", "it ends")]
    [InlineData("1.", "it ends")]
    [InlineData("[1.]", "byte")]
    [InlineData("[.5]", "byte")]
    [InlineData("[+1]", "byte")]
    [InlineData("[1e]", "byte")]
    [InlineData("[1e+]", "byte")]
    [InlineData("[-a]", "byte")]
    [InlineData("[truE]", "byte")]
    [InlineData("[nul]", "byte")]
    [InlineData("tru", "it ends")]
    [InlineData("[truefalse]", "byte")]
    [InlineData("[NaN]", "byte")]
    [InlineData("[\"\\x\"]", "byte")]
    [InlineData("[\"\\u12g4\"]", "byte")]
    [InlineData("[\"a\nb\"]", "byte")]
    [InlineData("[\"a\tb\"]", "byte")]
    [InlineData("[\"\0\"]", "byte")]
    [InlineData("\"open", "it ends")]
    [InlineData("[1]/* no */", "byte")]
    [InlineData("\ufeff{}", "byte")]
    [InlineData("{\"a\":1,\"x\":{\"y\":[1,2,}}", "byte")]
    public void What_is_not_JSON_is_said_to_be_none(string json, string where)
    {
        foreach (var drop in new[] { "x", "b", "a" })
        {
            Assert.Contains(where, Problem(Encoding.UTF8.GetBytes(json), drop));
        }
        Assert.Contains(where, Problem(Encoding.UTF8.GetBytes(json), pick: "a"));
    }

    [Theory]
    [InlineData("C0 80")]
    [InlineData("80")]
    [InlineData("C3")]
    [InlineData("C3 C3")]
    [InlineData("E0 80 80")]
    [InlineData("ED A0 80")]
    [InlineData("F0 80 80 80")]
    [InlineData("F4 90 80 80")]
    [InlineData("F5 80 80 80")]
    [InlineData("E2 82")]
    [InlineData("F0 9F 98")]
    [InlineData("FF")]
    public void What_is_not_UTF8_is_no_JSON(string hex)
    {
        byte[] json = [.. "{\"a\":\"x"u8, .. Convert.FromHexString(hex.Replace(" ", "")), .. "y\"}"u8];
        for (var size = 1; size <= json.Length; size++)
        {
            Assert.NotNull(Problem(json, "a", size: size));
            Assert.NotNull(Problem(json, "b", size: size));
        }
    }

    [Fact]
    public void A_field_that_stays_and_is_named_stands_once()
    {
        Assert.Contains("'a' stands twice", Problem("""{"a":1,"\u0061":2}"""u8, pick: "a"));
        Assert.Contains("'a' stands twice", Problem("""{"a":{},"a":{"b":2}}"""u8, "a.b"));
        Assert.Null(Problem("""[{"a":1},{"a":2},{"b":{"a":3}}]"""u8, pick: "a"));
    }

    [Fact]
    public void Nothing_is_deeper_than_64_levels()
    {
        foreach (var drop in new[] { "a", "b" })
        {
            Assert.Null(Problem(Encoding.UTF8.GetBytes(new string('[', 64) + new string(']', 64)), drop));
            Assert.Contains("more than 64", Problem(Encoding.UTF8.GetBytes(new string('[', 65) + new string(']', 65)), drop));
            Assert.Contains("more than 64", Problem(Encoding.UTF8.GetBytes("{\"a\":" + new string('[', 64) + new string(']', 64) + "}"), drop));
        }
    }

    [Fact]
    public void A_level_may_name_more_fields_than_a_word_has_bits()
    {
        var names = Enumerable.Range(0, 200).Select(i => $"field{i}").ToArray();
        var json = $"{{{string.Join(",", names.Select(n => $"\"{n}\":1,\"{n}x\":2"))}}}";
        Assert.Equal($"{{{string.Join(",", names.Select(n => $"\"{n}\":1"))}}}", Trim(json, pick: string.Join(",", names)));
        Assert.Contains("'field199' stands twice", Problem(Encoding.UTF8.GetBytes(json[..^1] + ",\"field199\":3}"), pick: string.Join(",", names)));
    }

    [Fact]
    public void A_name_without_end_is_not_kept_in_memory()
    {
        var trimmer = Make(drop: "a");
        var pass = trimmer.Begin(200);
        var output = new ArrayBufferWriter<byte>();
        Assert.True(pass.Write("{\"a"u8, output));
        var piece = new byte[16 * 1024];
        piece.AsSpan().Fill((byte)'a');
        for (var i = 0; i < 10; i++)
        {
            // What was held back is there as soon as it can't be a name that is looked for.
            Assert.True(pass.Write(piece, output));
            Assert.Equal(3 + (piece.Length * (i + 1)), output.WrittenCount);
        }
        Assert.True(pass.Write("\":1}"u8, output) && pass.End());
    }

    internal static Trimmer Make(string drop = "", string pick = "", string rename = "")
    {
        var check = new Check();
        var trimmer = Trimmer.Compile(Section(drop, pick, rename), beside: true, check);
        Assert.Empty(check.Problems);
        return trimmer!;
    }

    internal static TrimSection Section(string drop, string pick, string rename) => new()
    {
        Drop = drop.Length == 0 ? null : drop.Split(','),
        Pick = pick.Length == 0 ? null : pick.Split(','),
        Rename = rename.Length == 0 ? null : rename.Split(',').Select(r => r.Split(':')).ToDictionary(r => r[0], r => r[1]),
    };

    /// <summary>What is left, the same in whatever pieces the text comes.</summary>
    private static string Trim(string json, string drop = "", string pick = "", string rename = "")
    {
        var (trimmer, utf8) = (Make(drop, pick, rename), Encoding.UTF8.GetBytes(json));
        var whole = new ArrayBufferWriter<byte>();
        Assert.Null(trimmer.Write(utf8, whole));
        for (var size = 1; size < utf8.Length; size++)
        {
            var output = new ArrayBufferWriter<byte>();
            Assert.Null(InPieces(trimmer, utf8, size, output));
            Assert.Equal(Encoding.UTF8.GetString(whole.WrittenSpan), Encoding.UTF8.GetString(output.WrittenSpan));
        }
        return Encoding.UTF8.GetString(whole.WrittenSpan);
    }

    private static string? Problem(ReadOnlySpan<byte> json, string drop = "", string pick = "", int size = int.MaxValue) =>
        InPieces(Make(drop, pick), json, size, new ArrayBufferWriter<byte>());

    private static string? InPieces(Trimmer trimmer, ReadOnlySpan<byte> json, int size, IBufferWriter<byte> output)
    {
        var pass = trimmer.Begin(200);
        for (var at = 0; at < json.Length; at += Math.Min(size, json.Length - at))
        {
            if (!pass.Write(json.Slice(at, Math.Min(size, json.Length - at)), output))
            {
                return pass.Problem;
            }
        }
        return pass.End() ? null : pass.Problem;
    }
}
