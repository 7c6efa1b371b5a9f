using Postern.Config;

namespace Postern.Transforms.Protobuf;

/// <summary>The services and types of a <c>FileDescriptorSet</c>, as <c>protoc --include_imports --descriptor_set_out</c> writes it.</summary>
internal sealed class DescriptorSet
{
    private readonly Dictionary<string, MessageType> messages;
    private readonly Dictionary<string, MethodType[]> services;

    private DescriptorSet(string path, Dictionary<string, MessageType> messages, Dictionary<string, MethodType[]> services) =>
        (Path, this.messages, this.services) = (path, messages, services);

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>The services by name, package included.</summary>
    public IReadOnlyDictionary<string, MethodType[]> Services => services;

    /// <summary>The message type of that name, as an <c>Any</c> names it; null where the set has none.</summary>
    public MessageType? Message(string name) => messages.GetValueOrDefault(name);

    /// <summary>Reads a set; otherwise says what is wrong with it.</summary>
    public static (DescriptorSet? Set, string? Error) Read(FileBytes file)
    {
        var reader = new DescriptorReader();
        var error = reader.Read(file.Bytes);
        return error is null ? (new DescriptorSet(file.Path, reader.Messages, reader.Services), null) : (null, error);
    }
}
