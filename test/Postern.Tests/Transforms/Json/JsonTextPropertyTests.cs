using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Unicode;
using FsCheck;
using FsCheck.Fluent;
using Postern.Transforms.Json;
using JsonValue = Postern.Transforms.Json.JsonValue;

namespace Postern.Tests.Transforms.Json;

/// <summary>What must hold of any text, and of the same text damaged anywhere.</summary>
public class JsonTextPropertyTests
{
    private static readonly string[] Names = ["a", "b", "a b", "\"", "\\", "é", "𝄞", "", "\n", "longer-name", "id", "Id"];

    private static readonly Gen<string> Texts = Gen.Elements("", "x", "é", "𝄞", "\"", "\\", "/", "\u0001", "\u007f", "\u2028", "abcdefghijklmnopqrstuvwxyz").ListOf().Select(string.Concat);

    private static readonly Gen<string> Numbers = Gen.Elements("0", "-0", "1", "-17", "0.1", "1.50", "1e5", "1E-7", "-2.5e+300", "12345678901234567890", "0.000000000000000000000000000001");

    [Fact]
    public void It_takes_what_the_platforms_reader_takes_and_writes_it_back() => Prop.ForAll(Damaged().ToArbitrary(), bytes =>
    {
        var taken = JsonText.TryRead(bytes, out var text, out var problem);
        var expected = Utf8.IsValid(bytes) ? IsTaken(bytes) : false;
        Assert.True(expected is null || taken == expected, $"{(taken ? "taken" : problem)}: {Encoding.UTF8.GetString(bytes)}");
        if (taken)
        {
            Assert.Equal(Encoding.UTF8.GetString(bytes).Trim(' ', '\n', '\r', '\t'), Written(text!.Root));
            text.Dispose();
        }
    }).Check(FsCheck.Config.QuickThrowOnFailure.WithMaxTest(3000));

    [Fact]
    public void Its_values_are_those_of_the_platforms_reader() => Prop.ForAll(Values(3).ToArbitrary(), json =>
    {
        using var text = Read(json);
        AreSame(JsonNode.Parse(json), text.Root);
        AreSame(JsonNode.Parse(Compact(text.Root)), text.Root);
    }).Check(FsCheck.Config.QuickThrowOnFailure.WithMaxTest(1000));

    [Fact]
    public void A_text_is_written_so_that_it_is_read_as_it_was() => Prop.ForAll(ArbMap.Default.ArbFor<string>(), said =>
    {
        said ??= "";
        using var output = new JsonOutput(1 << 20);
        JsonStrings.Write(output, said);
        var whole = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(said));

        Assert.Equal(whole, JsonSerializer.Deserialize<string>(output.Written));
        Assert.True(JsonText.TryRead(output.Written.ToArray(), out var text, out var problem), problem);
        Assert.Equal(whole, text.Root.AsString());
    }).Check(FsCheck.Config.QuickThrowOnFailure.WithMaxTest(2000));

    /// <summary>Null where the platform's can't say: it compares no names with half a pair of surrogates.</summary>
    private static bool? IsTaken(byte[] bytes)
    {
        try
        {
            using var _ = JsonDocument.Parse(bytes, new JsonDocumentOptions { MaxDepth = 64, AllowDuplicateProperties = false });
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private static void AreSame(JsonNode? expected, in JsonValue actual)
    {
        switch (expected)
        {
            case JsonObject o:
                Assert.Equal(JsonKind.Object, actual.Kind);
                Assert.Equal(o.Count, actual.Count);
                var fields = actual.Fields.GetEnumerator();
                foreach (var (name, value) in o)
                {
                    Assert.True(fields.MoveNext());
                    Assert.Equal(name, fields.Name.AsString());
                    AreSame(value, fields.Value);
                    AreSame(value, actual.Field(name));
                    Assert.True(actual.TryField(fields.Name, out _));
                }
                Assert.False(fields.MoveNext());
                break;
            case JsonArray a:
                Assert.Equal(JsonKind.Array, actual.Kind);
                Assert.Equal(a.Count, actual.Count);
                var index = 0;
                foreach (var item in actual.Items)
                {
                    AreSame(a[index], item);
                    AreSame(a[index], actual.Item(index++));
                }
                Assert.Equal(a.Count, index);
                break;
            case null:
                Assert.True(actual.IsNull);
                break;
            default:
                if (expected.GetValueKind() == JsonValueKind.String)
                {
                    Assert.Equal(expected.GetValue<string>(), actual.AsString());
                    break;
                }
                Assert.Equal(expected.GetValueKind().ToString(), actual.Kind.ToString());
                Assert.Equal(actual.Kind == JsonKind.Number ? expected.GetValue<double>() : double.NaN, actual.AsDouble());
                break;
        }
    }

    /// <summary>A text, whole or with a byte changed, left out or put in.</summary>
    private static Gen<byte[]> Damaged() =>
        from json in Values(3)
        let bytes = Encoding.UTF8.GetBytes(json)
        from how in Gen.Choose(0, 4)
        from at in Gen.Choose(0, bytes.Length)
        from put in Gen.Frequency((4, Gen.Elements("{}[],:\"\\0123456789.eE+-tfnu \n\ta/".Select(c => (byte)c))), (1, Gen.Choose(0, 255).Select(b => (byte)b)))
        select how switch
        {
            0 => bytes,
            1 => bytes[..at],
            2 => [.. bytes[..at], put, .. bytes[at..]],
            3 => [.. bytes[..at], .. bytes[Math.Min(at + 1, bytes.Length)..]],
            _ => [.. bytes[..at], put, .. bytes[Math.Min(at + 1, bytes.Length)..]],
        };

    private static Gen<string> Values(int depth)
    {
        var plain = Gen.OneOf(Gen.Elements("null", "true", "false"), Numbers, Texts.SelectMany(Quoted));
        if (depth == 0)
        {
            return plain;
        }
        var space = Gen.Elements("", "", "", " ", "\n\t");
        var lists = from count in Gen.Choose(0, 4) from items in Values(depth - 1).ArrayOf(count) from s in space select $"[{s}{string.Join("," + s, items)}{s}]";
        var objects =
            from names in Gen.Shuffle(Names)
            from count in Gen.Choose(0, 5)
            from values in Values(depth - 1).ArrayOf(count)
            from quoted in Gen.CollectToArray(names.Take(count).Select(Quoted))
            from s in space
            select $"{{{s}{string.Join("," + s, quoted.Zip(values, (n, v) => n + s + ":" + v))}{s}}}";
        return Gen.Frequency((2, plain), (2, lists), (3, objects));
    }

    /// <summary>A text in one of the ways JSON has.</summary>
    private static Gen<string> Quoted(string text) => Gen.Elements(
        JsonSerializer.Serialize(text),
        JsonSerializer.Serialize(text, new JsonSerializerOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }),
        "\"" + string.Concat(text.Select(c => $"\\u{(int)c:x4}")) + "\"");

    private static JsonText Read(string json)
    {
        Assert.True(JsonText.TryRead(Encoding.UTF8.GetBytes(json), out var text, out var problem), problem + ": " + json);
        return text;
    }

    private static string Written(in JsonValue value)
    {
        using var output = new JsonOutput(1 << 24);
        value.Write(output);
        return Encoding.UTF8.GetString(output.Written);
    }

    private static string Compact(in JsonValue value)
    {
        using var output = new JsonOutput(1 << 24);
        value.WriteCompact(output);
        return Encoding.UTF8.GetString(output.Written);
    }
}
