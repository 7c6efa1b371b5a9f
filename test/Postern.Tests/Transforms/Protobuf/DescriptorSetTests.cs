namespace Postern.Tests.Transforms.Protobuf;

public sealed class DescriptorSetTests
{
    private static readonly byte[] Kinds = File.ReadAllBytes(Mapping.File);

    [Fact]
    public void A_set_has_its_services_and_their_types()
    {
        var say = Assert.Single(Mapping.Set.Services["kinds.Echo"], m => m.Name == "Say");
        Assert.Equal(("kinds.All", "kinds.All", false, false), (say.Input.Name, say.Output.Name, say.ClientStreams, say.ServerStreams));
        Assert.True(Assert.Single(Mapping.Set.Services["kinds.Echo"], m => m.Name == "Talk") is { ClientStreams: true, ServerStreams: true });
        Assert.Equal("anInt32", say.Input.Find(5)!.JsonName);
        Assert.Equal("@called", say.Input.Find(23)!.JsonName);
    }

    [Fact]
    public void One_without_its_imports_is_told_how_to_get_them()
    {
        var (set, error) = Mapping.Read(File.ReadAllBytes(Mapping.File.Replace("kinds.binpb", "no-imports.binpb")));
        Assert.Null(set);
        Assert.Equal("the type google.protobuf.Timestamp of kinds.All.at isn't in it: imports are missing; run protoc --include_imports --descriptor_set_out=FILE", error);
    }

    [Theory]
    [InlineData("")]
    [InlineData("syntax = \"proto3\";\n")]
    [InlineData("{\"file\":[]}")]
    [InlineData("<!doctype html>")]
    [InlineData("\n")]
    public void Anything_else_is_none(string text) =>
        Assert.Equal("it is no descriptor set; make it with protoc --include_imports --descriptor_set_out=FILE", Mapping.Read([.. text.Select(c => (byte)c)]).Error);

    [Fact]
    public void One_without_a_service_is_of_no_use() => Assert.StartsWith("it has no service;", Mapping.Read([0x0a, 0x03, 0x12, 0x01, 0x61]).Error);

    [Fact]
    public void One_that_is_cut_or_garbled_is_never_an_exception()
    {
        var random = new Random(6);
        for (var i = 0; i < 4000; i++)
        {
            var bytes = i < 2000 ? Kinds[..random.Next(Kinds.Length)] : (byte[])Kinds.Clone();
            for (var changes = i < 2000 ? 0 : random.Next(1, 10); changes > 0; changes--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }
            var (set, error) = Mapping.Read(bytes);
            Assert.True(set is null != error is null);
        }
    }

    [Fact]
    public void Types_within_types_are_bounded()
    {
        byte[] type = [0x0a, 0x01, 0x61];
        for (var i = 0; i < 2000; i++)
        {
            type = [0x0a, 0x01, 0x61, 0x1a, .. Length(type.Length), .. type];
        }
        byte[] file = [0x22, .. Length(type.Length), .. type];
        Assert.StartsWith("it is no descriptor set", Mapping.Read([0x0a, .. Length(file.Length), .. file]).Error);
    }

    private static byte[] Length(int length)
    {
        using var writer = new Postern.Transforms.Protobuf.WireWriter();
        writer.Varint((ulong)length);
        return writer.Written.ToArray();
    }
}
