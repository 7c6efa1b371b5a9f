using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Postern.Backends.Composing.Handlers;

namespace Postern.Tests.Backends.Composing.Handlers;

public sealed partial class RawJsonTests
{
    [Theory]
    [InlineData("12345678901234567890123456789.10")]
    [InlineData("""{ "a" : 1.50, "b":"\u00e9\/", "c":[ ] }""")]
    [InlineData("null")]
    public void It_is_written_as_it_was_read(string json)
    {
        Assert.Equal(json, JsonSerializer.Serialize(RawJson.Parse(json)));
        var held = JsonSerializer.Deserialize($$"""{"id":1,"extra":{{json}}}""", Plain.Default.Held)!;
        Assert.Equal($$"""{"id":1,"extra":{{json}}}""", JsonSerializer.Serialize(held, Plain.Default.Held));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("01")]
    [InlineData("""{"a":1,"\u0061":2}""")]
    [InlineData("[1,]")]
    public void What_is_no_JSON_is_refused(string text) => Assert.Throws<FormatException>(() => RawJson.Parse(text));

    [Fact]
    public void Depth_and_UTF8_are_held()
    {
        RawJson.Parse(new string('[', 64) + new string(']', 64));
        Assert.Throws<FormatException>(() => RawJson.Parse(new string('[', 65) + new string(']', 65)));
        Assert.Throws<FormatException>(() => RawJson.Parse([(byte)'"', 0xc0, 0xae, (byte)'"']));
    }

    [Fact]
    public void Nothing_is_null_and_equal_bytes_are_equal()
    {
        Assert.True(default(RawJson).IsNull);
        Assert.Equal("null", default(RawJson).ToString());
        Assert.Equal(RawJson.Parse(" null "), RawJson.Parse(Encoding.UTF8.GetBytes(" null ")));
        Assert.True(RawJson.Parse(" null ").IsNull);
        Assert.NotEqual(RawJson.Parse("1.0"), RawJson.Parse("1.00"));
        Assert.Equal(1.5m, RawJson.Parse("""{"id":1,"extra":1.5}""").Deserialize(Plain.Default.Held)!.Extra.Deserialize(Plain.Default.Decimal));
    }

    internal sealed record Held(int Id, RawJson Extra);

    [JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
    [JsonSerializable(typeof(Held))]
    [JsonSerializable(typeof(decimal))]
    internal sealed partial class Plain : JsonSerializerContext;
}
