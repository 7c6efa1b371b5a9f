using System.Collections.Frozen;
using Postern.Wire;

namespace Postern.Backends.Proxying.Reworking;

/// <summary>Fields that speak of the very bytes of a body: of a reworked one they would lie.</summary>
internal static class BodyFields
{
    private static readonly FrozenSet<string> Names = FrozenSet.Create(StringComparer.OrdinalIgnoreCase,
        "ETag", "Last-Modified", "Accept-Ranges", "Content-Range", "Content-Length", "Content-Encoding", "Content-MD5", "Digest", "Content-Digest", "Repr-Digest");

    /// <summary>In a request they ask for a part, for another coding, or for a body only if it has changed.</summary>
    private static readonly string[] Asked = ["Accept-Encoding", "Range", "If-Range"];

    private static readonly string[] AskedOfReading = ["If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"];

    public static bool Contain(string name) => Names.Contains(name);

    /// <summary>Takes out of a request what the answer to it couldn't keep.</summary>
    public static void RemoveFrom(FieldList request, HttpMethod method)
    {
        foreach (var name in Asked)
        {
            request.Remove(name);
        }
        // Elsewhere they guard a change, and the client has its ETag from whoever made it.
        foreach (var name in method == HttpMethod.Get || method == HttpMethod.Head ? AskedOfReading : [])
        {
            request.Remove(name);
        }
    }

    /// <summary>Takes them out of trailers.</summary>
    public static void RemoveFrom(FieldList? trailers)
    {
        foreach (var name in trailers is { Count: > 0 } ? Names.Items : [])
        {
            trailers!.Remove(name);
        }
    }
}
