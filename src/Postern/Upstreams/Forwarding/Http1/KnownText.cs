using System.Text;

namespace Postern.Upstreams.Forwarding.Http1;

/// <summary>
/// Turns the bytes of a field into text. Names and values that most answers carry are the same objects for ever; the rest
/// becomes a string of its own.
/// </summary>
internal static class KnownText
{
    private static readonly string?[] Table = Fill(
    [
        "Accept-Ranges", "Access-Control-Allow-Credentials", "Access-Control-Allow-Headers", "Access-Control-Allow-Methods",
        "Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Access-Control-Max-Age", "Age", "Allow", "Alt-Svc",
        "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Location", "Content-Range",
        "Content-Security-Policy", "Content-Type", "Date", "ETag", "Expires", "Last-Modified", "Link", "Location", "Pragma",
        "Referrer-Policy", "Retry-After", "Server", "Set-Cookie", "Strict-Transport-Security", "Vary", "Via", "WWW-Authenticate",
        "X-Content-Type-Options", "X-Frame-Options", "X-Powered-By", "X-Request-Id",
        "access-control-allow-origin", "cache-control", "content-encoding", "content-type", "date", "etag", "expires", "last-modified",
        "location", "server", "set-cookie", "vary", "via", "x-request-id", "grpc-status", "grpc-message",
        "0", "1", "*", "true", "bytes", "gzip", "br", "nginx", "Kestrel", "Accept-Encoding", "Origin", "DENY", "SAMEORIGIN", "nosniff",
        "no-cache", "no-store", "max-age=0", "private", "no-cache, no-store, must-revalidate", "application/json",
        "application/json; charset=utf-8", "application/problem+json", "application/octet-stream", "application/grpc",
        "text/html", "text/html; charset=utf-8", "text/plain", "text/plain; charset=utf-8", "text/event-stream", "websocket", "Upgrade",
    ]);

    /// <summary>The text of <paramref name="bytes"/>, Latin-1.</summary>
    public static string Of(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
        {
            return "";
        }
        var at = Slot(bytes.Length, bytes[0], bytes[^1], bytes[bytes.Length / 2]);
        while (Table[at] is { } known)
        {
            if (known.Length == bytes.Length && Ascii.Equals(bytes, known))
            {
                return known;
            }
            at = (at + 1) % Table.Length;
        }
        return Encoding.Latin1.GetString(bytes);
    }

    private static int Slot(int length, int first, int last, int middle) => ((length * 31 + first) * 31 + last * 7 + middle * 131) % 512;

    private static string?[] Fill(string[] words)
    {
        var table = new string?[512];
        foreach (var word in words)
        {
            var at = Slot(word.Length, word[0], word[^1], word[word.Length / 2]);
            while (table[at] is not null)
            {
                at = (at + 1) % table.Length;
            }
            table[at] = word;
        }
        return table;
    }
}
