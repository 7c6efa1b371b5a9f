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

    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private readonly Dictionary<string, string> texts = [];
    private readonly Func<string, string> read = read ?? FromDisk;

    public IReadOnlyDictionary<string, string> Texts => texts;

    /// <summary>The text of a file, or why there is none.</summary>
    public (string? Text, string? Problem) Read(string path, int limit)
    {
        if (!texts.TryGetValue(path, out var text))
        {
            try
            {
                text = read(path);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException or SecurityException or InvalidDataException)
            {
                return (null, Words(path, e));
            }
            texts[path] = text;
        }
        return Utf8.GetByteCount(text) > limit ? (null, $"it is larger than {new ByteSize(limit)}") : (text, null);
    }

    private static string Words(string path, Exception e) => e switch
    {
        FileNotFoundException or DirectoryNotFoundException => "no such file",
        UnauthorizedAccessException => Directory.Exists(path) ? "it is a directory" : "permission denied",
        InvalidDataException => $"it is larger than {new ByteSize(MaxFile)}",
        DecoderFallbackException => "it is not UTF-8 text",
        ArgumentException or NotSupportedException => "not a path",
        PathTooLongException => "the path is too long",
        _ => "reading it failed",
    };

    /// <summary>Reads to the bound and no further: the length of a pipe or a device isn't known before.</summary>
    private static string FromDisk(string path)
    {
        using var file = File.OpenRead(path);
        var bytes = new byte[MaxFile + 1];
        var count = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        if (count > MaxFile)
        {
            throw new InvalidDataException();
        }
        return Utf8.GetString(bytes, 0, count).TrimStart('\uFEFF');
    }
}
