namespace Postern.Wire;

/// <summary>What a gRPC call came to (grpc.io/docs/guides/status-codes).</summary>
internal enum GrpcStatus
{
    Ok = 0,
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
    Unauthenticated = 16,
}

/// <summary>What the statuses mean elsewhere.</summary>
internal static class GrpcStatuses
{
    /// <summary>What a field <c>grpc-status</c> says; one that nobody knows is <see cref="GrpcStatus.Unknown"/>.</summary>
    public static GrpcStatus Parse(string text) =>
        int.TryParse(text, System.Globalization.NumberStyles.None, null, out var number) && number <= (int)GrpcStatus.Unauthenticated ? (GrpcStatus)number : GrpcStatus.Unknown;

    /// <summary>As HTTP says it (google/rpc/code.proto).</summary>
    public static int ToHttp(GrpcStatus status) => status switch
    {
        GrpcStatus.Ok => 200,
        GrpcStatus.InvalidArgument or GrpcStatus.FailedPrecondition or GrpcStatus.OutOfRange => 400,
        GrpcStatus.Unauthenticated => 401,
        GrpcStatus.PermissionDenied => 403,
        GrpcStatus.NotFound => 404,
        GrpcStatus.AlreadyExists or GrpcStatus.Aborted => 409,
        GrpcStatus.ResourceExhausted => 429,
        GrpcStatus.Cancelled => 499,
        GrpcStatus.Unimplemented => 501,
        GrpcStatus.Unavailable => 503,
        GrpcStatus.DeadlineExceeded => 504,
        _ => 500,
    };

    /// <summary>As gRPC's own list has it, for logs and metrics: <c>NOT_FOUND</c>.</summary>
    public static string Name(GrpcStatus status) => Names[(int)status];

    private static readonly string[] Names =
    [
        "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
    ];
}
