using System.Text;
using Microsoft.AspNetCore.WebUtilities;
using Postern.Pipeline;
using Postern.Wire;

namespace Postern.Upstreams.Forwarding.Http1;

/// <summary>
/// Reads the head of an answer line by line as its bytes come, by the letter of RFC 9112: what two readers could take in two
/// ways is refused. One reader serves a connection for life; it remembers the last head's strings by their place, since the
/// next head says mostly the same, and so makes few new ones.
/// </summary>
internal sealed class HeadReader
{
    /// <summary>The most bytes of one head or trailer section.</summary>
    public const int MaxBytes = 64 * 1024;

    /// <summary>The most fields of one head or trailer section.</summary>
    public const int MaxFields = 200;

    private const int RememberedFields = 32;
    private const int RememberedLength = 256;

    private readonly (string Name, string Value)[] last = new (string, string)[RememberedFields];
    private readonly List<string> named = [];
    private FieldList into;
    private int bytesRead, fieldsRead;
    private bool inFields, chunkedSeen, trailers;

    public HeadReader() => into = Fields;

    /// <summary>End-to-end fields of the last head.</summary>
    public FieldList Fields { get; } = new();

    public int Status { get; private set; }

    /// <summary>The reason phrase, or null where it is the usual one.</summary>
    public string? Reason { get; private set; }

    public long? Length { get; private set; }

    public bool Chunked { get; private set; }

    /// <summary>Whether another answer may follow on this connection.</summary>
    public bool KeepAlive { get; private set; }

    /// <summary>The value of <c>Upgrade</c>, or null.</summary>
    public string? Upgrade { get; private set; }

    private bool Http10 { get; set; }

    /// <summary>Forgets the last head.</summary>
    public void Begin()
    {
        Fields.Clear();
        named.Clear();
        (into, trailers, inFields, chunkedSeen) = (Fields, false, false, false);
        (Status, Reason, Length, Chunked, KeepAlive, Upgrade, Http10) = (0, null, null, false, true, null, false);
        bytesRead = fieldsRead = 0;
    }

    /// <summary>What follows is a trailer section.</summary>
    public void BeginTrailers(FieldList target)
    {
        (into, trailers, inFields) = (target, true, true);
        bytesRead = fieldsRead = 0;
    }

    /// <summary>Takes whole lines off the connection's unread bytes; true once the empty line was among them.</summary>
    public bool Read(Connection from)
    {
        while (true)
        {
            var unread = from.Unread;
            var feed = unread.IndexOf((byte)'\n');
            if (feed < 0)
            {
                if (bytesRead + unread.Length >= MaxBytes)
                {
                    throw Wrong("a head of more than 64 KB");
                }
                if (!inFields && !unread.StartsWith("HTTP/1."u8[..Math.Min(7, unread.Length)]))
                {
                    throw Wrong("no HTTP/1 status line");
                }
                return false;
            }
            bytesRead += feed + 1;
            if (bytesRead > MaxBytes)
            {
                throw Wrong("a head of more than 64 KB");
            }
            if (feed == 0 || unread[feed - 1] != '\r')
            {
                throw Wrong("a line that ends without CR");
            }
            from.Skip(feed + 1);
            var line = unread[..(feed - 1)];
            if (!inFields)
            {
                ReadStatus(line);
                inFields = true;
            }
            else if (line.IsEmpty)
            {
                End();
                return true;
            }
            else
            {
                ReadField(line);
            }
        }
    }

    public static UpstreamException Wrong(string what) => new(Failure.UpstreamProtocol, "the upstream sent " + what);

    private void ReadStatus(ReadOnlySpan<byte> line)
    {
        if (line.Length < 12 || !line.StartsWith("HTTP/1."u8) || line[7] is not ((byte)'0' or (byte)'1') || line[8] != ' '
            || (line.Length > 12 && line[12] != ' '))
        {
            throw Wrong("no HTTP/1 status line");
        }
        Http10 = line[7] == '0';
        KeepAlive = !Http10;
        var (a, b, c) = (line[9] - '0', line[10] - '0', line[11] - '0');
        if (a is < 1 or > 5 || (uint)b > 9 || (uint)c > 9)
        {
            throw Wrong("no valid status code");
        }
        Status = a * 100 + b * 10 + c;
        var reason = line.Length > 13 ? line[13..] : default;
        if (!FieldRules.IsValue(reason))
        {
            throw Wrong("a control character in the reason phrase");
        }
        Reason = reason.IsEmpty || Ascii.Equals(reason, ReasonPhrases.GetReasonPhrase(Status)) ? null : Encoding.Latin1.GetString(reason);
    }

    private void ReadField(ReadOnlySpan<byte> line)
    {
        if (++fieldsRead > MaxFields)
        {
            throw Wrong("more than 200 fields");
        }
        var colon = line.IndexOf((byte)':');
        if (colon < 0)
        {
            throw Wrong("a field without a colon");
        }
        var name = line[..colon];
        var value = line[(colon + 1)..].Trim(" \t"u8);
        var slot = fieldsRead - 1;
        var (oldName, oldValue) = slot < RememberedFields ? last[slot] : default;
        // What was once accepted at this place needs no second look.
        var sameName = oldName is not null && oldName.Length == name.Length && Ascii.Equals(name, oldName);
        if (!sameName && !FieldRules.IsToken(name))
        {
            throw Wrong(line[0] is (byte)' ' or (byte)'\t' ? "a folded field" : "a field with an invalid name");
        }
        var sameValue = sameName && oldValue!.Length == value.Length && Ascii.Equals(value, oldValue);
        if (!sameValue && !FieldRules.IsValue(value))
        {
            throw Wrong("a control character in a field");
        }
        if (IsFraming(name, value))
        {
            return;
        }
        var nameText = sameName ? oldName! : KnownText.Of(name);
        var valueText = sameValue ? oldValue! : KnownText.Of(value);
        if (slot < RememberedFields && !sameValue && value.Length <= RememberedLength)
        {
            last[slot] = (nameText, valueText);
        }
        into.Add(nameText, valueText);
    }

    /// <summary>Takes what belongs to the connection or the framing; in trailers such a field means nothing and is dropped.</summary>
    private bool IsFraming(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        switch (name.Length)
        {
            case 2 when Same(name, "te"u8):
            case 7 when Same(name, "trailer"u8):
            case 16 when Same(name, "proxy-connection"u8):
            case 10 when Same(name, "keep-alive"u8):
                return true;
            case 4 when trailers && Same(name, "host"u8):
                return true;
            case 7 when Same(name, "upgrade"u8):
                Upgrade = trailers ? Upgrade : Upgrade is null ? KnownText.Of(value) : $"{Upgrade}, {KnownText.Of(value)}";
                return true;
            case 10 when Same(name, "connection"u8):
                if (!trailers)
                {
                    ReadConnection(value);
                }
                return true;
            case 14 when Same(name, "content-length"u8):
                if (!trailers)
                {
                    ReadLength(value);
                }
                return true;
            case 17 when Same(name, "transfer-encoding"u8):
                if (!trailers && (chunkedSeen || !Same(value, "chunked"u8)))
                {
                    throw Wrong("a transfer coding other than chunked");
                }
                chunkedSeen = true;
                return true;
            default:
                return false;
        }
    }

    private void ReadConnection(ReadOnlySpan<byte> value)
    {
        foreach (var range in value.Split((byte)','))
        {
            var option = value[range].Trim(" \t"u8);
            if (Same(option, "close"u8))
            {
                named.Add("close");
            }
            else if (Same(option, "keep-alive"u8))
            {
                KeepAlive = true;
            }
            else if (!option.IsEmpty && !Same(option, "upgrade"u8))
            {
                named.Add(KnownText.Of(option));
            }
        }
    }

    private void ReadLength(ReadOnlySpan<byte> value)
    {
        foreach (var range in value.Split((byte)','))
        {
            var digits = value[range].Trim(" \t"u8);
            var length = 0L;
            if (digits.IsEmpty || digits.Length > 19)
            {
                throw Wrong("an invalid Content-Length");
            }
            foreach (var digit in digits)
            {
                length = unchecked(length * 10 + (digit - '0'));
                if (digit is < (byte)'0' or > (byte)'9' || length < 0)
                {
                    throw Wrong("an invalid Content-Length");
                }
            }
            // RFC 9110 §8.6: the same length said twice may be taken as said once.
            if (Length is { } before && before != length)
            {
                throw Wrong("contradicting lengths");
            }
            Length = length;
        }
    }

    private void End()
    {
        if (trailers)
        {
            return;
        }
        if (chunkedSeen && (Length is not null || Http10))
        {
            throw Wrong("contradicting framing");
        }
        Chunked = chunkedSeen;
        foreach (var name in named)
        {
            if (name == "close")
            {
                KeepAlive = false;
            }
            Fields.Remove(name);
        }
    }

    private static bool Same(ReadOnlySpan<byte> text, ReadOnlySpan<byte> known) => Ascii.EqualsIgnoreCase(text, known);
}
