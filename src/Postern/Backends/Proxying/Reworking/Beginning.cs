using Postern.Transforms.Json;

namespace Postern.Backends.Proxying.Reworking;

/// <summary>
/// The beginning of an answer that doesn't say that it is JSON, as far as it came. A service that forgets the type of its errors, or
/// writes them as <c>text/plain</c>, must not thereby show what is dropped.
/// </summary>
internal static class Beginning
{
    /// <summary>An answer with more than this in front of its first sign is not waited for.</summary>
    public const int MostBytes = 4096;

    // White space, marks of byte order, and what UTF-16 puts beside them.
    private static readonly byte[] Leading = [(byte)' ', (byte)'\t', (byte)'\r', (byte)'\n', (byte)'[', 0, 0xEF, 0xBB, 0xBF, 0xFE, 0xFF];

    /// <summary>Whether an object begins, by itself or in a list: nothing else has fields; null as long as that isn't known.</summary>
    public static bool? IsJson(JsonOutput beginning)
    {
        var first = beginning.Written.IndexOfAnyExcept(Leading);
        return first < 0 ? null : beginning.Written[first] == '{';
    }
}
