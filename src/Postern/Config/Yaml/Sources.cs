using System.Security;
using System.Text;

namespace Postern.Config.Yaml;

/// <summary>
/// The files behind a configuration. Each is read once, so that one load sees one state of it; what can't be read is
/// said in a few words, never in an exception's.
/// </summary>
/// <param name="read">What there is instead of a disk; a file that isn't text has a byte in each character. Null for the disk.</param>
internal sealed class Sources(Func<string, string>? read)
{
    public const int MaxFile = 1 << 20;
    public const int MaxSecret = 64 << 10;
    public const int MaxBytes = 4 << 20;

    /// <summary>How what is seen of a file begins that isn't read as text.</summary>
    private const string Digest = "\0sha256 ";

    /// <summary>How every problem of a file that isn't there begins.</summary>
    public const string Missing = "no such file";

    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private readonly OrderedDictionary<string, (string? Text, string? Problem)> files = [];
    private readonly OrderedDictionary<string, (byte[]? Bytes, string? Problem)> binaries = [];
    private readonly Func<string, string> read = read ?? FromDisk;
    private readonly Func<string, byte[]> bytes = read is null ? BytesFromDisk : path => Encoding.Latin1.GetBytes(read(path));

    /// <summary>Every file asked for, with what <see cref="Peek"/> says of it.</summary>
    public IReadOnlyDictionary<string, string> Texts => files.Select(f => KeyValuePair.Create(f.Key, Seen(f.Value)))
        .Concat(binaries.Where(b => !files.ContainsKey(b.Key)).Select(b => KeyValuePair.Create(b.Key, Seen(b.Value)))).ToDictionary();

    /// <summary>What there is of a file now: its text, a mark and a digest where <paramref name="before"/> has one, or a mark and a word for
    /// why there is nothing.</summary>
    /// <param name="path">The file.</param>
    /// <param name="before">What there was of it.</param>
    public static string Peek(string path, string before = "") =>
        before.StartsWith(Digest, StringComparison.Ordinal) ? Seen(Try(path, BytesFromDisk, MaxBytes)) : Seen(Try(path, FromDisk, MaxFile));

    /// <summary>The text of a file; or why there is none, and what to do.</summary>
    public (string? Text, string? Problem) Read(string path, int limit)
    {
        if (!files.TryGetValue(path, out var file))
        {
            files[path] = file = Try(path, read, MaxFile);
        }
        return file.Text is { } text && Utf8.GetByteCount(text) > limit ? (null, $"it is larger than {new ByteSize(limit)}; make it smaller") : file;
    }

    /// <summary>The bytes of a file; or why there are none, and what to do.</summary>
    public (byte[]? Bytes, string? Problem) ReadBytes(string path)
    {
        if (!binaries.TryGetValue(path, out var file))
        {
            binaries[path] = file = Try(path, bytes, MaxBytes);
        }
        return file;
    }

    private static string Seen((string? Text, string? Problem) file) => file.Text ?? "\0" + file.Problem;

    private static string Seen((byte[]? Bytes, string? Problem) file) => Digest + (file.Bytes is { } bytes ? FileBytes.DigestOf(bytes) : file.Problem);

    private static (T? Content, string? Problem) Try<T>(string path, Func<string, T> read, int most) where T : class
    {
        try
        {
            return (read(path), null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException or SecurityException or InvalidDataException)
        {
            return (null, Words(path, e, most));
        }
    }

    private static string Words(string path, Exception e, int most) => e switch
    {
        FileNotFoundException or DirectoryNotFoundException => $"{Missing}; check the path, which begins at the directory of the file that names it",
        UnauthorizedAccessException => Directory.Exists(path) ? "it is a directory; name a file" : "permission denied; let the gateway's user read it",
        InvalidDataException => $"it is larger than {new ByteSize(most)}; {(most == MaxFile ? "split it" : "leave out what isn't called")}",
        DecoderFallbackException => "it is not UTF-8 text; save it as UTF-8",
        PathTooLongException => "the path is too long; shorten it",
        ArgumentException or NotSupportedException => "it is no path; check it",
        _ => "the system failed to read it; look at the disk and the path",
    };

    private static string FromDisk(string path) => Utf8.GetString(FromDisk(path, MaxFile).Span).TrimStart('\uFEFF');

    private static byte[] BytesFromDisk(string path) => FromDisk(path, MaxBytes).ToArray();

    /// <summary>Reads to the bound and no further: the length of a pipe or a device isn't known before.</summary>
    private static ReadOnlyMemory<byte> FromDisk(string path, int most)
    {
        using var file = File.OpenRead(path);
        // Grown as needed: the reloader reads four times a second, and a buffer of the bound's size would be a large object each time.
        var bytes = new byte[16 << 10];
        var count = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        while (count == bytes.Length && count <= most)
        {
            Array.Resize(ref bytes, Math.Min(bytes.Length * 4, most + 1));
            count += file.ReadAtLeast(bytes.AsSpan(count), bytes.Length - count, throwOnEndOfStream: false);
        }
        return count <= most ? bytes.AsMemory(0, count) : throw new InvalidDataException();
    }
}
