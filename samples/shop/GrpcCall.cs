using System.Buffers.Binary;
using Microsoft.AspNetCore.Http;

namespace Shop;

/// <summary>A unary gRPC call over Kestrel, by hand: five bytes before each message, the status behind it.</summary>
internal static class GrpcCall
{
    public const int InvalidArgument = 3, NotFound = 5;

    private const int Head = 5, MaxMessage = 64 * 1024;

    /// <summary>The request's only message; null where it isn't one.</summary>
    public static async Task<byte[]?> ReadAsync(HttpRequest request)
    {
        var head = new byte[Head];
        if (await request.Body.ReadAtLeastAsync(head, Head, throwOnEndOfStream: false) < Head || head[0] != 0 || BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(1)) is not (<= MaxMessage and var length))
        {
            return null;
        }
        var message = new byte[length];
        return await request.Body.ReadAtLeastAsync(message, message.Length, throwOnEndOfStream: false) == message.Length ? message : null;
    }

    public static async Task AnswerAsync(HttpResponse response, byte[] message)
    {
        response.ContentType = "application/grpc";
        var frame = new byte[Head + message.Length];
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(1), (uint)message.Length);
        message.CopyTo(frame, Head);
        await response.Body.WriteAsync(frame);
        response.AppendTrailer("grpc-status", "0");
    }

    /// <summary>Fails before there is a message: the status stands in the head then.</summary>
    public static Task FailAsync(HttpResponse response, int status, string message)
    {
        response.ContentType = "application/grpc";
        response.Headers["grpc-status"] = $"{status}";
        response.Headers["grpc-message"] = Uri.EscapeDataString(message);
        return Task.CompletedTask;
    }
}
