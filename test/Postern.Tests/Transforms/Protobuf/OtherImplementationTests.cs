using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Postern.Tests.Harness;

namespace Postern.Tests.Transforms.Protobuf;

/// <summary>The mapping beside another implementation's (@bufbuild/protobuf), which passes protobuf's own conformance tests.</summary>
public sealed class OtherImplementationTests
{
    /// <summary>Each taken by both, with the same bytes and the same JSON back; or refused by both.</summary>
    private static readonly string[] Written =
    [
        "{}", """{"aDouble":1.5,"aFloat":0.1,"anInt64":"-9223372036854775808","aUint64":"18446744073709551615","anInt32":-2147483648}""",
        """{"aFixed64":"18446744073709551615","aFixed32":4294967295,"aBool":true,"aString":"a\u0000\"\\é😀","someBytes":"+/8=","aUint32":4294967295}""",
        """{"aSfixed32":-1,"aSfixed64":"-1","aSint32":-2147483648,"aSint64":"-9223372036854775808"}""", """{"someBytes":"-_8"}""", """{"someBytes":"+/8"}""",
        """{"aDouble":"NaN","aFloat":"-Infinity"}""", """{"aDouble":"1.5","aFloat":"Infinity"}""", """{"aDouble":1e400}""", """{"aFloat":1e39}""", """{"aDouble":"x"}""",
        """{"aFloat":3.4028234e38,"aDouble":-1.7976931348623157e308}""", """{"anInt32":1e2,"anInt64":1.0}""", """{"anInt32":1.5}""", """{"anInt32":"12","aUint32":"7"}""",
        """{"anInt32":2147483648}""", """{"aUint32":-1}""", """{"anInt64":"9223372036854775808"}""", """{"aUint64":"18446744073709551616"}""", """{"anInt32":" 1"}""", """{"anInt32":true}""",
        """{"an_int32":5}""", """{"anInt32":5,"an_int32":5}""", """{"renamed":"x"}""", """{"@called":"x"}""", """{"nope":1}""", """{"aBool":"true"}""", """{"aString":1}""",
        """{"color":"RED"}""", """{"color":2}""", """{"color":17}""", """{"color":-1}""", """{"color":"BLUE"}""", """{"colors":["RED",2,"NONE",99]}""",
        """{"maybe":0}""", """{"maybeText":""}""", """{"maybe":null,"aString":null,"inner":null,"numbers":null,"byName":null}""",
        """{"text":"a"}""", """{"number":"0"}""", """{"leaf":{}}""", """{"text":"a","number":"1"}""", """{"text":null,"number":"1"}""",
        """{"numbers":[1,-1,300],"texts":["","a"],"leaves":[{},{"name":"x","size":0}],"unpacked":["-3","4"],"doubles":[0.5,"NaN"]}""", """{"numbers":[1,null]}""", """{"numbers":{}}""",
        """{"byName":{"a":1,"":2},"byNumber":{"-5":{"name":"x"},"7":{}},"byAnswer":{"true":"y","false":"n"}}""", """{"byAnswer":{"yes":"y"}}""", """{"byNumber":{"x":{}}}""", """{"byName":{"a":null}}""", """{"byName":[]}""",
        """{"inner":{"inner":{"aString":"deep"}}}""", """{"inner":[]}""",
        """{"at":"2026-11-22T10:00:00Z"}""", """{"at":"2026-11-22T10:00:00.123456789+01:30"}""", """{"at":"0001-01-01T00:00:00Z"}""", """{"at":"9999-12-31T23:59:59.999999999Z"}""", """{"at":"1969-12-31T23:59:59.5Z"}""",
        """{"at":"2026-11-22"}""", """{"at":5}""", """{"at":"9999-12-31T23:59:59-01:00"}""", """{"at":"2026-11-22T10:00:00"}""",
        """{"lasts":"1.5s"}""", """{"lasts":"-0.000000001s"}""", """{"lasts":"315576000000s"}""", """{"lasts":"315576000001s"}""", """{"lasts":"1"}""", """{"lasts":"-3.120s"}""", """{"lasts":"1.0000000001s"}""",
        """{"mask":"name,nextDelivery.from"}""", """{"mask":""}""", """{"mask":"next_delivery"}""",
        """{"object":{"a":1,"b":[null,true,"x",{"c":{}}],"d":null}}""", """{"anyJson":null}""", """{"anyJson":[1,2]}""", """{"anyJson":"x"}""", """{"list":[]}""", """{"list":[[[]]]}""", """{"list":{}}""", """{"moreJson":[null,1]}""",
        """{"values":{"a":null,"b":{"c":[]}}}""", """{"empty":{}}""", """{"empty":{"a":1}}""", """{"nothing":null}""",
        """{"int64Value":"5","stringValue":"","boolValue":false,"bytesValue":"AQI=","doubleValue":"NaN"}""", """{"int64Value":null}""", """{"stringValue":5}""",
        """{"any":{"@type":"type.googleapis.com/kinds.Leaf","name":"x","size":3}}""", """{"any":{"size":3,"@type":"type.googleapis.com/kinds.Leaf"}}""", """{"any":{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s"}}""",
        """{"any":{"@type":"type.googleapis.com/google.protobuf.Any","value":{"@type":"type.googleapis.com/kinds.Leaf"}}}""", """{"any":{"@type":"type.googleapis.com/google.protobuf.Empty"}}""",
        """{"any":{}}""", """{"any":{"@type":"type.googleapis.com/no.Such"}}""", """{"any":{"name":"x"}}""", """{"anys":[{"@type":"type.googleapis.com/google.protobuf.Value","value":null}]}""",
    ];

    private static readonly (string Type, string Json)[] Older =
    [
        ("old.Message", """{"id":"a","count":5,"numbers":[1,2],"packed":[3,4],"size":"LARGE","detail":{"note":"x","inner":{"id":"b"}},"part":[{"weight":1},{}]}"""),
        ("old.Message", """{"id":"a"}"""), ("old.Message", """{"count":0,"id":""}"""),
        ("edition.Message", """{"explicit":"","implicit":"x","needed":"n","packed":[1,2],"expanded":[3,4],"part":{"name":"p"},"parts":{"a":{"name":"q"}}}"""),
        ("edition.Message", """{"needed":""}"""),
    ];

    [Fact]
    public async Task What_is_written_as_JSON_means_the_same_to_both()
    {
        var cases = Written.Select(json => ("kinds.All", json)).Concat(Older).ToList();
        var theirs = await AskAsync(cases.Select(c => $$"""{"type":"{{c.Item1}}","json":{{c.Item2}}}"""));
        for (var i = 0; i < cases.Count; i++)
        {
            var (type, json) = cases[i];
            var ours = Mapping.Encode(json, type);
            if (theirs[i].TryGetProperty("error", out var error))
            {
                Assert.True(ours.StartsWith('!'), $"{json}\nours {ours}\ntheirs refuse it: {error}");
                continue;
            }
            var hex = theirs[i].GetProperty("hex").GetString()!;
            Assert.False(ours.StartsWith('!'), $"{json}\nours refuses it: {ours}\ntheirs {hex}");
            AssertSame(json, theirs[i].GetProperty("json").GetString()!, Mapping.Decode(ours, type));
            AssertSame(json, theirs[i].GetProperty("json").GetString()!, Mapping.Decode(hex, type));
        }
    }

    [Fact]
    public async Task Messages_at_random_mean_the_same_to_both()
    {
        var random = new Random(6);
        var cases = Enumerable.Range(0, 400).Select(_ => Message(random, 0).ToJsonString()).ToList();
        var bytes = cases.Select(json => Mapping.Encode(json)).ToList();
        Assert.DoesNotContain(bytes, b => b.StartsWith('!'));
        var theirs = await AskAsync(bytes.Select(b => $$"""{"type":"kinds.All","hex":"{{b}}"}"""));
        for (var i = 0; i < cases.Count; i++)
        {
            Assert.False(theirs[i].TryGetProperty("error", out var error), $"{cases[i]}\n{error}");
            var json = theirs[i].GetProperty("json").GetString()!;
            AssertSame(cases[i], json, Mapping.Decode(bytes[i]));
            AssertSame(cases[i], json, Mapping.Decode(theirs[i].GetProperty("hex").GetString()!));
        }
    }

    private static async Task<JsonElement[]> AskAsync(IEnumerable<string> lines)
    {
        var missing = NodeScript.Missing("@bufbuild/protobuf");
        Assert.SkipWhen(missing is not null, missing ?? "");
        using var folder = new TempFolder();
        var answers = await NodeScript.RunAsync("protobuf.mjs", Mapping.File, folder.Write("lines", string.Join('\n', lines)));
        return [.. answers.EnumerateArray()];
    }

    /// <summary>The same but for the order of a map's entries and how numbers are written; floats as near as a float comes.</summary>
    private static void AssertSame(string of, string theirs, string ours)
    {
        Assert.False(ours.StartsWith('!'), $"{of}\ntheirs {theirs}\nours {ours}");
        Assert.True(JsonNode.DeepEquals(Plain(JsonNode.Parse(theirs)), Plain(JsonNode.Parse(ours))), $"{of}\ntheirs {theirs}\nours {ours}");
    }

    private static JsonNode? Plain(JsonNode? node) => node switch
    {
        JsonObject o => new JsonObject(o.Select(p => KeyValuePair.Create(p.Key, p.Key == "aFloat" && p.Value!.GetValueKind() == JsonValueKind.Number
            ? ((float)p.Value.GetValue<double>()).ToString(CultureInfo.InvariantCulture) : Plain(p.Value)))),
        JsonArray a => new JsonArray([.. a.Select(Plain)]),
        JsonValue v when v.GetValueKind() == JsonValueKind.Number => v.GetValue<double>() + 0.0 == 0 ? 0.0 : v.GetValue<double>(),
        _ => node?.DeepClone(),
    };

    private static JsonObject Message(Random random, int depth)
    {
        var message = new JsonObject();
        foreach (var (name, make) in Makers(random, depth))
        {
            if (random.Next(3) == 0)
            {
                message[name] = make();
            }
        }
        _ = random.Next(4) switch
        {
            0 => message["text"] = Text(random),
            1 => message["number"] = $"{random.NextInt64()}",
            2 => message["leaf"] = new JsonObject { ["name"] = Text(random) },
            _ => null,
        };
        return message;
    }

    private static (string, Func<JsonNode?>)[] Makers(Random random, int depth) =>
    [
        ("aDouble", () => random.Next(4) == 0 ? "NaN" : random.NextDouble() * Math.Pow(10, random.Next(-300, 300))),
        ("aFloat", () => (float)random.NextDouble()),
        ("anInt64", () => $"{random.NextInt64(long.MinValue, long.MaxValue)}"),
        ("aUint64", () => $"{(ulong)random.NextInt64(long.MinValue, long.MaxValue)}"),
        ("anInt32", () => random.Next(int.MinValue, int.MaxValue)),
        ("aFixed64", () => $"{random.NextInt64()}"),
        ("aSint32", () => random.Next(int.MinValue, int.MaxValue)),
        ("aSint64", () => $"{random.NextInt64(long.MinValue, long.MaxValue)}"),
        ("aBool", () => random.Next(2) == 0),
        ("aString", () => Text(random)),
        ("someBytes", () => Convert.ToBase64String(Encoding.UTF8.GetBytes(Text(random)))),
        ("color", () => random.Next(-2, 5)),
        ("maybe", () => random.Next(3) - 1),
        ("inner", () => depth < 4 ? Message(random, depth + 1) : new JsonObject()),
        ("numbers", () => new JsonArray([.. Enumerable.Range(0, random.Next(20)).Select(_ => (JsonNode)random.Next(int.MinValue, int.MaxValue))])),
        ("leaves", () => new JsonArray([.. Enumerable.Range(0, random.Next(4)).Select(i => new JsonObject { ["name"] = Text(random), ["size"] = i })])),
        ("byName", () => new JsonObject(Enumerable.Range(0, random.Next(5)).Select(i => KeyValuePair.Create($"{i}{Text(random)}", (JsonNode?)i)))),
        ("at", () => DateTime.UnixEpoch.AddSeconds(random.NextInt64(-60_000_000_000, 250_000_000_000)).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture)),
        ("lasts", () => $"{(random.Next(2) == 0 ? "-" : "")}{random.Next()}.{random.Next(1, 999)}s"),
        ("object", () => new JsonObject { [Text(random)] = new JsonArray(1, Text(random), null, new JsonObject()) }),
        ("any", () => new JsonObject { ["@type"] = "type.googleapis.com/kinds.All", ["inner"] = depth < 4 ? Message(random, depth + 1) : null }),
    ];

    private static string Text(Random random) => new([.. Enumerable.Range(0, random.Next(12)).Select(_ => (char)random.Next(random.Next(2) == 0 ? 0x7f : 0xd7ff))]);
}
