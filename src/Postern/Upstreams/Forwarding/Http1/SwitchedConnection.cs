using System.IO.Pipelines;
using System.Net.Sockets;
using Postern.Pipeline;

namespace Postern.Upstreams.Forwarding.Http1;

/// <summary>
/// A connection after a 101, both ways, beginning with what came right behind the head. Reading waits without a buffer, so that
/// thousands of silent WebSockets cost little; completing the output ends the sending side alone.
/// </summary>
internal sealed class SwitchedConnection(Connection connection, UpstreamCall call) : IDuplexPipe
{
    private static readonly StreamPipeReaderOptions Reading = new(bufferSize: 8 * 1024, minimumReadSize: 1024, useZeroByteReads: true);

    public PipeReader Input { get; } = PipeReader.Create(new Half(connection, call, endsSending: false), Reading);

    public PipeWriter Output { get; } = PipeWriter.Create(new Half(connection, call, endsSending: true));

    private sealed class Half(Connection connection, UpstreamCall call, bool endsSending) : Stream
    {
        public override bool CanRead => true;
        public override bool CanWrite => true;
        public override bool CanSeek => false;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (connection.Unread.Length is > 0 and var there)
            {
                var piece = connection.Take(Math.Min(there, buffer.Length));
                piece.CopyTo(buffer);
                return piece.Length;
            }
            call.Wait();
            try
            {
                return await connection.Socket.ReceiveAsync(buffer, SocketFlags.None, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                throw new IOException("The upstream's connection broke.", e);
            }
            finally
            {
                call.Received();
            }
        }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            // An upstream that takes nothing more must not hold whoever has given up on it.
            await using var givenUp = cancellationToken.UnsafeRegister(static sent => ((Connection)sent!).Abort(), connection);
            if (!await connection.SendAsync(buffer).ConfigureAwait(false))
            {
                throw new IOException("The upstream's connection broke.");
            }
            call.Sent();
        }

        protected override void Dispose(bool disposing)
        {
            if (!endsSending || !disposing)
            {
                return;
            }
            try
            {
                connection.Socket.Shutdown(SocketShutdown.Send);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // Both ways have ended already.
            }
        }

        public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;
        public override void Flush() { }
        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
