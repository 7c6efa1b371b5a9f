using Postern.Transforms.Json;
using Postern.Wire;

namespace Postern.Transforms.Grpc;

/// <summary>Why a call has no answer although the upstream may have given one.</summary>
internal enum GrpcFault
{
    None,
    /// <summary>What was to be sent doesn't fit the method's message; nothing was sent.</summary>
    Input,
    /// <summary>What came is not gRPC, or not the message that it should be.</summary>
    Invalid,
    /// <summary>What came is larger than may be.</summary>
    TooLarge,
}

/// <summary>What came of a call. <see cref="Json"/> is the caller's to dispose.</summary>
internal sealed record GrpcReply
{
    /// <summary>The status as HTTP has it: 200 with an answer, else what the gRPC status means there; 0 where nothing was sent.</summary>
    public int HttpStatus { get; init; }

    /// <summary>The status as gRPC has it.</summary>
    public GrpcStatus Status { get; init; }

    /// <summary>The answer; null where there is none.</summary>
    public JsonText? Json { get; init; }

    /// <summary>Why there is none although the status is OK.</summary>
    public GrpcFault Fault { get; init; }

    /// <summary>For the log, never for a client: what exactly is wrong, or what the upstream says of its failure.</summary>
    public string? Problem { get; init; }
}
