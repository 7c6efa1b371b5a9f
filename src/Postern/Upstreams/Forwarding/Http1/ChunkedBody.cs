using Postern.Wire;

namespace Postern.Upstreams.Forwarding.Http1;

/// <summary>
/// Takes a chunked body apart (RFC 9112 §7.1) on the connection's own bytes. Sizes are plain hexadecimal, lines end in CRLF,
/// extensions are skipped under a cap; anything else throws.
/// </summary>
internal struct ChunkedBody
{
    private const int MaxSizeLine = 1024;
    private const int MaxExtensions = 64 * 1024;

    private enum Part { Size, Data, DataEnd, Trailers, Ended }

    private Part part;
    private long left;
    private int extensions;

    /// <summary>Whether the last chunk and the trailers were read.</summary>
    public readonly bool Ended => part == Part.Ended;

    /// <summary>Trailers, once ended; null if there were none.</summary>
    public FieldList? Trailers { get; private set; }

    /// <summary>The next piece of data; empty where more bytes must be received first, or at the end.</summary>
    public ReadOnlyMemory<byte> Take(Connection from)
    {
        while (true)
        {
            var unread = from.Unread;
            switch (part)
            {
                case Part.Size:
                    if (!ReadSize(from, unread))
                    {
                        return default;
                    }
                    break;
                case Part.Data:
                    if (unread.IsEmpty)
                    {
                        return default;
                    }
                    var count = (int)Math.Min(left, unread.Length);
                    left -= count;
                    part = left == 0 ? Part.DataEnd : Part.Data;
                    return from.Take(count);
                case Part.DataEnd:
                    if ((unread.Length > 0 && unread[0] != '\r') || (unread.Length > 1 && unread[1] != '\n'))
                    {
                        throw HeadReader.Wrong("a chunk longer than its size");
                    }
                    if (unread.Length < 2)
                    {
                        return default;
                    }
                    from.Skip(2);
                    part = Part.Size;
                    break;
                case Part.Trailers:
                    if (!from.Head.Read(from))
                    {
                        return default;
                    }
                    part = Part.Ended;
                    Trailers = Trailers!.Count == 0 ? null : Trailers;
                    return default;
                default:
                    return default;
            }
        }
    }

    private bool ReadSize(Connection from, ReadOnlySpan<byte> unread)
    {
        var feed = unread.IndexOf((byte)'\n');
        var line = feed < 0 ? unread : unread[..feed];
        if (line.Length > MaxSizeLine)
        {
            throw HeadReader.Wrong("an endless chunk size");
        }
        var digits = 0;
        var size = 0L;
        while (digits < line.Length && Digit(line[digits]) is >= 0 and var digit)
        {
            if (++digits > 16 || size >> 59 != 0)
            {
                throw HeadReader.Wrong("a chunk size out of range");
            }
            size = size << 4 | (uint)digit;
        }
        if (feed < 0 && digits == line.Length)
        {
            return false;
        }
        if (digits == 0)
        {
            throw HeadReader.Wrong("no chunk size");
        }
        if (!IsExtension(line[digits..], whole: feed >= 0))
        {
            throw HeadReader.Wrong("a malformed chunk size");
        }
        if (feed < 0)
        {
            return false;
        }
        extensions += line.Length - digits - 1;
        if (extensions > MaxExtensions)
        {
            throw HeadReader.Wrong("too many chunk extensions");
        }
        from.Skip(feed + 1);
        left = size;
        part = size > 0 ? Part.Data : Part.Trailers;
        if (size == 0)
        {
            Trailers = from.Trailers();
        }
        return true;
    }

    /// <summary>What may stand between the size and the line's end: nothing, or something that begins with a semicolon.</summary>
    private static bool IsExtension(ReadOnlySpan<byte> rest, bool whole)
    {
        var text = rest.EndsWith("\r"u8) ? rest[..^1] : rest;
        if (whole && text.Length == rest.Length)
        {
            return false;
        }
        var semicolon = text.TrimStart(" \t"u8);
        return (semicolon.IsEmpty ? text.IsEmpty || !whole : semicolon[0] == ';') && FieldRules.IsValue(text);
    }

    private static int Digit(byte c) => c switch
    {
        >= (byte)'0' and <= (byte)'9' => c - '0',
        >= (byte)'a' and <= (byte)'f' => c - 'a' + 10,
        >= (byte)'A' and <= (byte)'F' => c - 'A' + 10,
        _ => -1,
    };
}
