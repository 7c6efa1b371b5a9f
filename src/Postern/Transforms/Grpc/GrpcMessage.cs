using System.Buffers;
using System.Buffers.Binary;
using Postern.Pipeline;

namespace Postern.Transforms.Grpc;

/// <summary>The one message of an answer, taken out of its frame. Memory is taken as bytes come, not as the frame promises.</summary>
internal sealed class GrpcMessage(int maxBytes) : IDisposable
{
    /// <summary>A flag and a length stand before each message.</summary>
    public const int FrameHead = 5;

    private byte[] buffer = [];
    private int count;

    /// <summary>Whether a message came.</summary>
    public bool IsThere => count >= FrameHead;

    /// <summary>The message, without its frame.</summary>
    public ReadOnlyMemory<byte> Message => buffer.AsMemory(FrameHead, Math.Max(0, count - FrameHead));

    /// <summary>What is wrong with it; null where nothing is.</summary>
    public string? Problem { get; private set; }

    /// <summary>Reads an answer to its end, where its trailers are; no further than to what is wrong with it.</summary>
    public async ValueTask<GrpcFault> ReadAsync(UpstreamReply reply)
    {
        if (!reply.HasBody || (reply.StatusCode != System.Net.HttpStatusCode.OK && reply.Fields.Find("grpc-status") is null))
        {
            return GrpcFault.None;
        }
        while (true)
        {
            var piece = await reply.ReadAsync().ConfigureAwait(false);
            if (piece.IsEmpty)
            {
                break;
            }
            if (Take(piece.Span) is var fault and not GrpcFault.None)
            {
                return fault;
            }
        }
        return count == 0 || (IsThere && count == FrameHead + Length) ? GrpcFault.None : Wrong("the answer's message breaks off");
    }

    public void Dispose()
    {
        if (buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(buffer);
            (buffer, count) = ([], 0);
        }
    }

    private long Length => BinaryPrimitives.ReadUInt32BigEndian(buffer.AsSpan(1));

    private GrpcFault Take(ReadOnlySpan<byte> piece)
    {
        // What stands behind the message can't be more than a second one's head, and is wrong either way.
        if (buffer.Length - count < piece.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(buffer.Length * 2, count + piece.Length));
            buffer.AsSpan(0, count).CopyTo(larger);
            if (buffer.Length > 0)
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
            buffer = larger;
        }
        piece.CopyTo(buffer.AsSpan(count));
        count += piece.Length;
        if (!IsThere)
        {
            return GrpcFault.None;
        }
        if (buffer[0] != 0)
        {
            return Wrong("the answer is compressed, although that wasn't asked for");
        }
        if (Length > maxBytes)
        {
            Problem = $"the answer has {Length} bytes, more than may be";
            return GrpcFault.TooLarge;
        }
        return count <= FrameHead + Length ? GrpcFault.None : Wrong("the answer has more than one message");
    }

    private GrpcFault Wrong(string what)
    {
        Problem = what;
        return GrpcFault.Invalid;
    }
}
