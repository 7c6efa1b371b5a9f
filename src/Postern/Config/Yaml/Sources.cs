using System.Security;
using System.Text;

namespace Postern.Config.Yaml;

/// <summary>
/// The files behind a configuration. Each is read once, so that one load sees one state of it; what can't be read is
/// said in a few words, never in an exception's.
/// </summary>
internal sealed class Sources(Func<string, string>? read)
{
    public const int MaxFile = 1 << 20;
    public const int MaxSecret = 64 << 10;

    /// <summary>How every problem of a file that isn't there begins.</summary>
    public const string Missing = "no such file";

    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private readonly OrderedDictionary<string, (string? Text, string? Problem)> files = [];
    private readonly Func<string, string> read = read ?? FromDisk;

    /// <summary>Every file asked for, with what <see cref="Peek"/> says of it.</summary>
    public IReadOnlyDictionary<string, string> Texts => files.ToDictionary(f => f.Key, f => Seen(f.Value));

    /// <summary>What there is of a file now: its text, or a mark and a word for why there is none.</summary>
    public static string Peek(string path) => Seen(Try(path, FromDisk));

    /// <summary>The text of a file; or why there is none, and what to do.</summary>
    public (string? Text, string? Problem) Read(string path, int limit)
    {
        if (!files.TryGetValue(path, out var file))
        {
            files[path] = file = Try(path, read);
        }
        return file.Text is { } text && Utf8.GetByteCount(text) > limit ? (null, $"it is larger than {new ByteSize(limit)}; make it smaller") : file;
    }

    private static string Seen((string? Text, string? Problem) file) => file.Text ?? "\0" + file.Problem;

    private static (string? Text, string? Problem) Try(string path, Func<string, string> read)
    {
        try
        {
            return (read(path), null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException or SecurityException or InvalidDataException)
        {
            return (null, Words(path, e));
        }
    }

    private static string Words(string path, Exception e) => e switch
    {
        FileNotFoundException or DirectoryNotFoundException => $"{Missing}; check the path, which begins at the directory of the file that names it",
        UnauthorizedAccessException => Directory.Exists(path) ? "it is a directory; name a file" : "permission denied; let the gateway's user read it",
        InvalidDataException => $"it is larger than {new ByteSize(MaxFile)}; split it",
        DecoderFallbackException => "it is not UTF-8 text; save it as UTF-8",
        PathTooLongException => "the path is too long; shorten it",
        ArgumentException or NotSupportedException => "it is no path; check it",
        _ => "the system failed to read it; look at the disk and the path",
    };

    /// <summary>Reads to the bound and no further: the length of a pipe or a device isn't known before.</summary>
    private static string FromDisk(string path)
    {
        using var file = File.OpenRead(path);
        // Grown as needed: the reloader reads four times a second, and a buffer of the bound's size would be a large object each time.
        var bytes = new byte[16 << 10];
        var count = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        while (count == bytes.Length && count <= MaxFile)
        {
            Array.Resize(ref bytes, Math.Min(bytes.Length * 4, MaxFile + 1));
            count += file.ReadAtLeast(bytes.AsSpan(count), bytes.Length - count, throwOnEndOfStream: false);
        }
        if (count > MaxFile)
        {
            throw new InvalidDataException();
        }
        return Utf8.GetString(bytes, 0, count).TrimStart('\uFEFF');
    }
}
