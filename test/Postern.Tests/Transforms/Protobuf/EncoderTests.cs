using System.Text.Json;
using Postern.Transforms.Json;

namespace Postern.Tests.Transforms.Protobuf;

/// <summary>JSON → protobuf, in bytes.</summary>
public sealed class EncoderTests
{
    [Theory]
    [InlineData("""{"anInt32":150}""", "289601")]
    [InlineData("""{"anInt32":-1}""", "28ffffffffffffffffff01")]
    [InlineData("""{"aSint32":-1}""", "7801")]
    [InlineData("""{"aString":"é"}""", "4a02c3a9")]
    [InlineData("""{"numbers":[3,270,86942]}""", "c20206038e029ea705")]
    [InlineData("""{"unpacked":["1","-1"]}""", "e00202e00201")]
    [InlineData("""{"byName":{"a":1}}""", "9203050a01611001")]
    [InlineData("""{"color":"RED"}""", "6001")]
    [InlineData("""{"aFixed32":1,"aDouble":1}""", "3d01000000" + "09000000000000f03f")]
    [InlineData("""{"inner":{}}""", "b20100")]
    [InlineData("""{"@called":"x"}""", "ba010178")]
    public void A_message_has_these_bytes(string json, string hex) => Assert.Equal(hex, Mapping.Encode(json));

    [Theory]
    [InlineData("""{"nope":1}""", "kinds.All: has no field 'nope'")]
    [InlineData("""{"anInt32":"x"}""", "kinds.All.an_int32: a whole number that fits int32 is needed, got a text")]
    [InlineData("""{"anInt32":{}}""", "kinds.All.an_int32: a whole number that fits int32 is needed, got an object")]
    [InlineData("""{"inner":{"aString":[]}}""", "kinds.All.a_string: a text is needed, got a list")]
    [InlineData("""{"text":"a","leaf":{}}""", "kinds.All.leaf: stands beside another field of its oneof")]
    [InlineData("""{"anInt32":1,"an_int32":2}""", "kinds.All.an_int32: is there twice")]
    [InlineData("""{"color":"BLUE"}""", "kinds.All.color: a name of kinds.Color is needed, got a text")]
    [InlineData("""{"at":"2026-02-30T10:00:00Z"}""", "google.protobuf.Timestamp: a time is needed, such as 2026-11-22T10:00:00Z")]
    [InlineData("""{"at":"2026-11-22T24:00:00Z"}""", "google.protobuf.Timestamp: a time is needed, such as 2026-11-22T10:00:00Z")]
    [InlineData("""{"someBytes":"a"}""", "kinds.All.some_bytes: a text in base64 is needed, got a text")]
    [InlineData("""{"someBytes":"a b="}""", "kinds.All.some_bytes: a text in base64 is needed, got a text")]
    [InlineData("""{"any":{"@type":"no.Such"}}""", "google.protobuf.Any: the descriptors have no type of the name in '@type'")]
    [InlineData("""[]""", "kinds.All: an object is needed, got a list")]
    [InlineData(""" "x" """, "kinds.All: an object is needed, got a text")]
    public void What_does_not_fit_is_said_without_its_value(string json, string problem) => Assert.Equal("!" + problem, Mapping.Encode(json));

    [Fact]
    public void A_required_field_is_missed() => Assert.Equal("!old.Message.id: is required", Mapping.Encode("{}", "old.Message"));

    [Fact]
    public void A_long_message_within_another_has_its_length_before_it()
    {
        var text = new string('x', 20_000);
        using var json = JsonDocument.Parse(Mapping.Decode(Mapping.Encode("{\"inner\":{\"inner\":{\"aString\":\"" + text + "\"},\"anInt32\":5}}")));
        var inner = json.RootElement.GetProperty("inner");
        Assert.Equal(text, inner.GetProperty("inner").GetProperty("aString").GetString());
        Assert.Equal(5, inner.GetProperty("anInt32").GetInt32());
    }

    [Fact]
    public void Values_that_expressions_made_are_taken()
    {
        var names = new JsonFieldNames(["anInt32", "aDouble", "texts", "aUint64"]);
        var value = JsonValue.Of(new JsonFields(names, [JsonValue.Of(3.0), JsonValue.Of(2.5m), JsonValue.Of([JsonValue.Of("a")]), JsonValue.Of(18446744073709551615m)]));
        Assert.Equal(Mapping.Encode("""{"anInt32":3,"aDouble":2.5,"texts":["a"],"aUint64":18446744073709551615}"""), Mapping.Encode(value));
    }

    [Fact]
    public void Values_deeper_than_may_be_are_refused()
    {
        var names = new JsonFieldNames(["inner"]);
        var value = JsonValue.Of(new JsonFields(new JsonFieldNames([]), []));
        for (var i = 1; i < 64; i++)
        {
            value = JsonValue.Of(new JsonFields(names, [value]));
        }
        Assert.DoesNotContain("!", Mapping.Encode(value));
        Assert.Equal("!kinds.All: nested deeper than 64 levels", Mapping.Encode(JsonValue.Of(new JsonFields(names, [value]))));
    }
}
