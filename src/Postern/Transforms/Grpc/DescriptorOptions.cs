using Postern.Config;
using Postern.Pipeline;
using Postern.Transforms.Protobuf;

namespace Postern.Transforms.Grpc;

/// <summary>What is known of the gRPC services of an upstream.</summary>
public sealed record DescriptorOptions : Options
{
    /// <summary>A file that describes the upstream's gRPC services and their messages, so that they can be called with JSON: <c>protoc
    /// --include_imports --descriptor_set_out=FILE</c> writes it. 4 MB at most; read again when it changes.</summary>
    public FileBytes? Descriptors { get; init; }
}

/// <summary>The <c>descriptors</c> of an upstream in C#.</summary>
public static class DescriptorExtensions
{
    /// <summary>Describes the upstream's gRPC services: <c>.Protocol(UpstreamProtocol.Grpc).Descriptors(gateway.BinaryFile("protos/shop.binpb"))</c>.</summary>
    public static UpstreamBuilder Descriptors(this UpstreamBuilder upstream, FileBytes descriptors) =>
        upstream.Set<DescriptorOptions>(o => o with { Descriptors = descriptors });
}

/// <summary>
/// Reads an upstream's descriptors and leaves them with its handle, for those who call its methods. No step of a call: what is sent is
/// whole before it enters the chain.
/// </summary>
internal sealed class DescriptorFeature : IUpstreamHandler
{
    public HttpMessageHandler Compile(UpstreamScope scope, HttpMessageHandler next)
    {
        var options = scope.Options<DescriptorOptions>();
        if (options.Descriptors is not { Path.Length: > 0 } file)
        {
            if (options.Descriptors is not null || scope.Upstream.Sections.Origin.At("descriptors").Broken)
            {
                scope.Leave(new UnreadDescriptors());
            }
            return next;
        }
        if (!scope.IsHttp2)
        {
            scope.Check.Error(options, "descriptors", "gRPC is HTTP/2, and this upstream is spoken to in HTTP/1.1; write protocol: grpc");
        }
        // Mostly the same as before a reload.
        var (set, error) = scope.State.Keep("descriptors", $"{file.Path} {file.Digest}", () => new Lazy<(DescriptorSet?, string?)>(() => DescriptorSet.Read(file))).Value;
        if (error is not null)
        {
            scope.Check.Error(options, "descriptors", $"can't use '{file.Path}': {error}");
            scope.Leave(new UnreadDescriptors());
            return next;
        }
        scope.Leave(set!);
        var methods = set!.Services.Values.Sum(s => s.Length);
        scope.Note("descriptors", $"{file.Path}: {string.Join(", ", set.Services.Keys)} ({methods} method{(methods == 1 ? "" : "s")})");
        return next;
    }
}

/// <summary>Stands where descriptors were written that can't be read, which was told: nothing that follows from it need be.</summary>
internal sealed class UnreadDescriptors;
