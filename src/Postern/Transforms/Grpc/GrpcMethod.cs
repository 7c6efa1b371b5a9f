using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.IO.Pipelines;
using Postern.Config;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;
using Postern.Transforms.Json;
using Postern.Transforms.Protobuf;
using Postern.Wire;

namespace Postern.Transforms.Grpc;

/// <summary>
/// A unary method of an upstream: JSON in, one call over the upstream's chain, JSON out. Found once, when a route is compiled; each
/// call then knows its types, and takes no look-up.
/// </summary>
internal sealed class GrpcMethod
{
    /// <summary>How a URL of one begins.</summary>
    public const string Scheme = "grpc://";

    /// <summary>A message larger than this is read or made on the thread pool: a socket waits for the thread that it came on.</summary>
    private const int Large = 32 * 1024;

    /// <summary>What gRPC says itself, or what means nothing to it; grpc-timeout is the chain's.</summary>
    private static readonly string[] Own = ["content-type", "content-encoding", "content-length", "accept", "accept-encoding", "te", "grpc-encoding", "grpc-accept-encoding"];

    private readonly UpstreamHandle upstream;
    private readonly DescriptorSet set;
    private readonly MethodType method;
    private readonly string target;
    private readonly Counter[] outcomes;

    private GrpcMethod(UpstreamHandle upstream, DescriptorSet set, MethodType method, MetricRegistry metrics)
    {
        (this.upstream, this.set, this.method) = (upstream, set, method);
        Name = $"{method.Service}/{method.Name}";
        target = "/" + Name;
        outcomes = [.. Enum.GetValues<GrpcStatus>().Select(s => metrics.Counter(
            "postern_grpc_calls_total", "Calls of gRPC methods that routes make with JSON, by the status of their answer.",
            ("upstream", upstream.Name), ("method", Name), ("status", GrpcStatuses.Name(s))))];
    }

    /// <summary><c>shop.Inventory/GetStock</c>.</summary>
    public string Name { get; }

    /// <summary>What an object that is sent may have, as JSON calls it.</summary>
    public IEnumerable<string> Fields => method.Input.Names;

    /// <summary>The method of that name; otherwise says what is wrong with it.</summary>
    /// <param name="upstream">Whose it is.</param>
    /// <param name="state">Where calls are counted.</param>
    /// <param name="name"><c>shop.Inventory/GetStock</c>: what follows the upstream's name and a slash in a URL.</param>
    /// <param name="found">The method.</param>
    /// <param name="error">What is wrong, and what to write; null where that was told of the upstream's descriptors.</param>
    public static bool TryFind(UpstreamHandle upstream, StatePool state, string name, [NotNullWhen(true)] out GrpcMethod? found, out string? error)
    {
        found = null;
        error = null;
        var slash = name.IndexOf('/');
        if (upstream.Part<DescriptorSet>() is not { } set)
        {
            error = upstream.Part<UnreadDescriptors>() is not null ? null : $"nothing is known of the gRPC services of '{upstream.Name}'; write protocol: grpc and descriptors: FILE there";
        }
        else if (slash <= 0 || slash == name.Length - 1 || name.IndexOf('/', slash + 1) >= 0)
        {
            error = $"a method is written {Scheme}{upstream.Name}/package.Service/Method, got '{name}'; {set.Path} has {string.Join(", ", set.Services.Keys)}";
        }
        else if (!set.Services.TryGetValue(name[..slash], out var methods))
        {
            error = $"no service '{name[..slash]}' in {set.Path}{Nearest.Hint(name[..slash], set.Services.Keys)} (it has {string.Join(", ", set.Services.Keys)})";
        }
        else if (Array.Find(methods, m => m.Name == name[(slash + 1)..]) is not { } method)
        {
            var names = methods.Select(m => m.Name).ToList();
            error = $"no method '{name[(slash + 1)..]}' in {name[..slash]}{Nearest.Hint(name[(slash + 1)..], names)} (it has {string.Join(", ", names)})";
        }
        else if (method.ClientStreams || method.ServerStreams)
        {
            error = $"{name} streams its {(method is { ClientStreams: true, ServerStreams: true } ? "requests and answers" : method.ClientStreams ? "requests" : "answers")}; only a method with one message each way can be called with JSON";
        }
        else
        {
            found = new GrpcMethod(upstream, set, method, MetricRegistry.Of(state));
        }
        return found is not null;
    }

    /// <summary>What is wrong with a field that an object to be sent is to have; null where the method's message has it.</summary>
    public string? Mistake(string field) => method.Input.Known != WellKnown.None || method.Input.Find(field) is not null ? null
        : $"{method.Input.Name} has no field '{field}'{Nearest.Hint(field, Fields)} (it has {string.Join(", ", Fields)})";

    /// <summary>
    /// Calls it. What fails before an answer begins, or breaks off within it, is an <see cref="UpstreamException"/> or a cancellation, as
    /// of any call over the chain; whatever the upstream says, however wrong, is a reply.
    /// </summary>
    /// <param name="call">Exchange, timeout, and fields that become metadata; the rest is filled in here.</param>
    /// <param name="input">What to send: an object; null for a message without fields.</param>
    /// <param name="maxBytes">As much as an answer may have, as a message and as JSON.</param>
    /// <param name="cancel">Ends the call.</param>
    public async Task<GrpcReply> CallAsync(UpstreamCall call, JsonValue input, int maxBytes, CancellationToken cancel)
    {
        if (Prepare(call, input) is { } problem)
        {
            return new GrpcReply { Fault = GrpcFault.Input, Problem = problem };
        }
        var reply = (UpstreamReply)await upstream.Chain.SendAsync(call, cancel).ConfigureAwait(false);
        try
        {
            return await ReadAsync(reply, maxBytes).ConfigureAwait(false);
        }
        finally
        {
            await reply.FinishAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Makes a call of this method, for whoever sends it over the chain; see <see cref="ReadAsync"/>. What doesn't fit the method's
    /// message is said, and then there is nothing to send.</summary>
    /// <param name="call">Its exchange, timeout and other fields are left as they are.</param>
    /// <param name="input">What to send: an object; null for a message without fields.</param>
    public string? Prepare(UpstreamCall call, in JsonValue input)
    {
        if (Frame(input, out var problem) is not { } frame)
        {
            return problem;
        }
        call.Method = HttpMethod.Post;
        call.Target = target;
        call.Body = PipeReader.Create(new ReadOnlySequence<byte>(frame));
        call.BodyLength = frame.Length;
        foreach (var own in Own)
        {
            call.Fields.Remove(own);
        }
        call.Fields.Add("content-type", "application/grpc");
        call.Fields.Add("te", "trailers");
        return null;
    }

    /// <summary>The same for JSON that is bytes.</summary>
    public string? Prepare(UpstreamCall call, ReadOnlyMemory<byte> json)
    {
        if (!JsonText.TryRead(json, out var text, out var problem))
        {
            return problem;
        }
        using (text)
        {
            return Prepare(call, text.Root);
        }
    }

    /// <summary>Reads the whole answer to a call of this method; its owner finishes it. Throws what reading its body throws.</summary>
    /// <param name="reply">What the chain gave.</param>
    /// <param name="maxBytes">As much as it may have, as a message and as JSON.</param>
    public async Task<GrpcReply> ReadAsync(UpstreamReply reply, int maxBytes)
    {
        using var answer = new GrpcMessage(maxBytes);
        var fault = await answer.ReadAsync(reply).ConfigureAwait(false);
        var said = Said(reply, answer, fault);
        if (said.Status == GrpcStatus.Ok && said.Fault == GrpcFault.None)
        {
            if (answer.Message.Length > Large)
            {
                await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            }
            said = Decode(answer.Message.Span, maxBytes);
        }
        outcomes[(int)said.Status].Add();
        return said;
    }

    /// <summary>The message in its frame; null, and why, where the value is none.</summary>
    private byte[]? Frame(in JsonValue input, out string? problem)
    {
        using var output = new WireWriter();
        output.Reserve(GrpcMessage.FrameHead)[0] = 0;
        var encoder = new MessageEncoder(set, output);
        if (!input.IsNull && !encoder.Encode(method.Input, input))
        {
            problem = encoder.Problem;
            return null;
        }
        problem = null;
        var frame = output.Written.ToArray();
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(1), (uint)(frame.Length - GrpcMessage.FrameHead));
        return frame;
    }

    /// <summary>What the upstream says of the call, before a look at its message.</summary>
    private static GrpcReply Said(UpstreamReply reply, GrpcMessage answer, GrpcFault fault)
    {
        // A call that fails at once is answered with trailers alone, which stand in the head.
        var trailers = reply.Fields.Find("grpc-status") is not null ? reply.Fields : reply.Trailers;
        if (trailers?.Find("grpc-status") is not { } text)
        {
            var http = (int)reply.StatusCode;
            return fault == GrpcFault.TooLarge || http is 200
                ? new GrpcReply { HttpStatus = 502, Status = GrpcStatus.Internal, Fault = fault == GrpcFault.None ? GrpcFault.Invalid : fault, Problem = answer.Problem ?? "the answer has no grpc-status" }
                : new GrpcReply { HttpStatus = http, Status = OfHttp(http), Problem = $"the upstream answered {http} instead of gRPC" };
        }
        var status = GrpcStatuses.Parse(text);
        if (status != GrpcStatus.Ok)
        {
            var said = trailers.Find("grpc-message") is { Length: > 0 } message ? ": " + GrpcText.Decode(message) : "";
            return new GrpcReply { HttpStatus = GrpcStatuses.ToHttp(status), Status = status, Problem = GrpcStatuses.Name(status) + said };
        }
        fault = fault == GrpcFault.None && !answer.IsThere ? GrpcFault.Invalid : fault;
        return fault == GrpcFault.None ? new GrpcReply { HttpStatus = 200 }
            : new GrpcReply { HttpStatus = 502, Status = GrpcStatus.Internal, Fault = fault, Problem = answer.Problem ?? "the answer has no message" };
    }

    /// <summary>As gRPC's protocol over HTTP/2 reads the status of an answer that isn't gRPC.</summary>
    private static GrpcStatus OfHttp(int status) => status switch
    {
        400 => GrpcStatus.Internal,
        401 => GrpcStatus.Unauthenticated,
        403 => GrpcStatus.PermissionDenied,
        404 => GrpcStatus.Unimplemented,
        429 or 502 or 503 or 504 => GrpcStatus.Unavailable,
        _ => GrpcStatus.Unknown,
    };

    private GrpcReply Decode(ReadOnlySpan<byte> message, int maxBytes)
    {
        using var output = new JsonOutput(maxBytes);
        var decoder = new MessageDecoder(set, output);
        if (!decoder.Decode(method.Output, message))
        {
            var fault = output.IsFull ? GrpcFault.TooLarge : GrpcFault.Invalid;
            return new GrpcReply { HttpStatus = 502, Status = GrpcStatus.Internal, Fault = fault, Problem = output.IsFull ? "the answer has more bytes as JSON than may be" : decoder.Problem };
        }
        var rented = ArrayPool<byte>.Shared.Rent(output.Length);
        output.Written.CopyTo(rented);
        return JsonText.TryRead(rented, output.Length, out var json, out var problem)
            ? new GrpcReply { HttpStatus = 200, Json = json }
            : new GrpcReply { HttpStatus = 502, Status = GrpcStatus.Internal, Fault = GrpcFault.Invalid, Problem = problem };
    }
}
