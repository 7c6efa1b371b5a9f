using Microsoft.Win32.SafeHandles;

namespace Postern.Edge.Observing;

/// <summary>Where log lines end up. Opened at the first line; used by one thread; throws <see cref="IOException"/> where it can't write.</summary>
internal abstract class LogSink
{
    /// <summary>Writes whole lines.</summary>
    public abstract void Write(ReadOnlySpan<byte> lines);

    /// <summary>Gives back what was opened; a later line opens it again.</summary>
    public abstract void Close();

    /// <summary>The sink that <c>to</c> names: <c>stdout</c>, <c>stderr</c> or a file's path.</summary>
    public static LogSink Of(string to) => to switch
    {
        "stdout" => new StreamSink(Console.OpenStandardOutput),
        "stderr" => new StreamSink(Console.OpenStandardError),
        _ => new FileSink(to),
    };
}

/// <summary>Writes to a stream.</summary>
internal sealed class StreamSink(Func<Stream> open) : LogSink
{
    private Stream? stream;

    public override void Write(ReadOnlySpan<byte> lines)
    {
        stream ??= open();
        stream.Write(lines);
        stream.Flush();
    }

    public override void Close()
    {
        stream?.Dispose();
        stream = null;
    }
}

/// <summary>
/// Appends to a file. When the file at the path is no longer the one that was opened (renamed, removed or replaced by a log
/// rotation), the next lines go to a new one; when it was truncated in place, they go to its new end.
/// </summary>
internal sealed class FileSink(string path) : LogSink
{
    private SafeFileHandle? handle;

    public override void Write(ReadOnlySpan<byte> lines)
    {
        try
        {
            if (handle is not null && IsMoved())
            {
                Close();
            }
            handle ??= File.OpenHandle(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
            RandomAccess.Write(handle, lines, Length());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Close();
            throw new IOException(e.Message, e);
        }
    }

    public override void Close()
    {
        handle?.Dispose();
        handle = null;
    }

    // A pipe or a terminal has no length, and writes where it will.
    private long Length()
    {
        try
        {
            return RandomAccess.GetLength(handle!);
        }
        catch (NotSupportedException)
        {
            return 0;
        }
    }

    private bool IsMoved()
    {
        var file = new FileInfo(path);
        return !file.Exists || file.Length < Length();
    }
}
