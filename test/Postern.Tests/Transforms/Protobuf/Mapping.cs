using System.Text;
using Postern.Config;
using Postern.Tests.Harness;
using Postern.Transforms.Json;
using Postern.Transforms.Protobuf;

namespace Postern.Tests.Transforms.Protobuf;

/// <summary>The mapping over the messages of <c>Protos/kinds.proto</c>, with bytes as hex and JSON as text.</summary>
internal static class Mapping
{
    public static readonly string File = Repository.File("test", "Postern.Tests", "Protos", "kinds.binpb");

    public static readonly DescriptorSet Set = Read(System.IO.File.ReadAllBytes(File)).Set!;

    public static (DescriptorSet? Set, string? Error) Read(byte[] bytes) => DescriptorSet.Read(new FileBytes("kinds.binpb", bytes));

    /// <summary>The message's bytes; or behind <c>!</c>, what is wrong.</summary>
    public static string Encode(string json, string type = "kinds.All")
    {
        Assert.True(JsonText.TryRead(Encoding.UTF8.GetBytes(json), out var text, out var wrong), wrong);
        using (text)
        {
            return Encode(text.Root, type);
        }
    }

    public static string Encode(in JsonValue value, string type = "kinds.All")
    {
        using var output = new WireWriter();
        var encoder = new MessageEncoder(Set, output);
        return encoder.Encode(Set.Message(type)!, value) ? Convert.ToHexStringLower(output.Written) : "!" + encoder.Problem;
    }

    /// <summary>The message as JSON; or behind <c>!</c>, what is wrong.</summary>
    public static string Decode(string hex, string type = "kinds.All", int most = 1 << 20) => Decode(Convert.FromHexString(hex), type, most);

    public static string Decode(byte[] bytes, string type = "kinds.All", int most = 1 << 20)
    {
        using var output = new JsonOutput(most);
        var decoder = new MessageDecoder(Set, output);
        return decoder.Decode(Set.Message(type)!, bytes) ? Encoding.UTF8.GetString(output.Written) : output.IsFull ? "!full" : "!" + decoder.Problem;
    }
}
