using System.Buffers.Binary;
using System.Net;
using System.Text;

namespace Postern.Upstreams.Resolving;

/// <summary>The types of records that are asked for or followed.</summary>
internal enum DnsType : ushort { A = 1, Cname = 5, Aaaa = 28, Srv = 33, Opt = 41 }

/// <summary>One record of an answer.</summary>
internal sealed record DnsRecord(string Name, DnsType Type, uint Ttl)
{
    /// <summary>The address, of A and AAAA.</summary>
    public IPAddress? Address { get; init; }

    /// <summary>The name that CNAME and SRV lead to.</summary>
    public string Target { get; init; } = "";

    /// <summary>Of SRV.</summary>
    public (int Priority, int Weight, int Port) Service { get; init; }
}

/// <summary>What a name server says.</summary>
/// <param name="Code">0 for success, 3 where there is no such name (RFC 1035 §4.1.1).</param>
/// <param name="IsCut">The answer was too long for a datagram.</param>
/// <param name="Records">The answers, and behind them what was added unasked.</param>
internal sealed record DnsAnswer(int Code, bool IsCut, IReadOnlyList<DnsRecord> Records)
{
    private const int MostAliases = 16;

    /// <summary>The records of that type that the name has, by whatever aliases, and how long all of that may be believed.</summary>
    public (IReadOnlyList<DnsRecord> Found, TimeSpan Ttl) Of(string name, DnsType type)
    {
        var ttl = uint.MaxValue;
        for (var aliases = 0; aliases < MostAliases; aliases++)
        {
            var own = Records.Where(r => r.Type == type && Same(r.Name, name)).ToList();
            if (own.Count > 0)
            {
                return (own, TimeSpan.FromSeconds(Math.Min(ttl, own.Min(r => r.Ttl))));
            }
            if (Records.FirstOrDefault(r => r.Type == DnsType.Cname && Same(r.Name, name)) is not { } alias)
            {
                break;
            }
            (name, ttl) = (alias.Target, Math.Min(ttl, alias.Ttl));
        }
        return ([], TimeSpan.Zero);
    }

    private static bool Same(string one, string other) => one.Equals(other, StringComparison.OrdinalIgnoreCase);
}

/// <summary>
/// Messages of the DNS (RFC 1035) as bytes. What a server sends is read within its length, and a name only backwards, so that
/// nothing it says can send the reader round in circles.
/// </summary>
internal static class DnsMessage
{
    /// <summary>What a datagram may carry without being taken apart on its way.</summary>
    public const int MaxDatagram = 1232;

    private const int Header = 12;
    private const int MostRecords = 1024;
    private const int MaxName = 253;

    /// <summary>What is wrong with a name, or null.</summary>
    public static string? Problem(string name) =>
        name.Length is 0 or > MaxName ? $"a name has 1 to {MaxName} characters"
        : name.Split('.').Any(l => l.Length is 0 or > 63) ? "a name has parts of 1 to 63 characters"
        : name.AsSpan().ContainsAnyExceptInRange('!', '~') ? "a name has no characters beyond ASCII" : null;

    /// <summary>Asks for the records of one type; the name has no <see cref="Problem"/>.</summary>
    public static byte[] Query(ushort id, string name, DnsType type)
    {
        var message = new byte[Header + name.Length + 2 + 4 + 11];
        BinaryPrimitives.WriteUInt16BigEndian(message, id);
        message[2] = 1; // recursion desired
        message[5] = 1; // one question
        message[11] = 1; // one additional record
        var at = Header;
        foreach (var label in name.Split('.'))
        {
            message[at++] = (byte)label.Length;
            at += Encoding.ASCII.GetBytes(label, message.AsSpan(at));
        }
        at++;
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(at), (ushort)type);
        message[at + 3] = 1; // class IN
        at += 5;
        // RFC 6891 §6.1.2: how long an answer may be.
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(at), (ushort)DnsType.Opt);
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(at + 2), MaxDatagram);
        return message;
    }

    /// <summary>The answer to that question; null where the bytes are none, and then the answer may still come.</summary>
    public static DnsAnswer? Read(ReadOnlySpan<byte> message, ushort id, string name, DnsType type)
    {
        if (message.Length < Header || BinaryPrimitives.ReadUInt16BigEndian(message) != id || (message[2] & 0x80) == 0 || Count(message, 4) != 1)
        {
            return null;
        }
        var at = Header;
        if (Name(message, ref at) is not { } asked || !asked.Equals(name, StringComparison.OrdinalIgnoreCase)
            || at + 4 > message.Length || BinaryPrimitives.ReadUInt16BigEndian(message[at..]) != (ushort)type)
        {
            return null;
        }
        at += 4;
        var (code, cut, records) = (message[3] & 0x0f, (message[2] & 0x02) != 0, new List<DnsRecord>());
        var count = Math.Min(Count(message, 6) + Count(message, 8) + Count(message, 10), MostRecords);
        for (var i = 0; i < count; i++)
        {
            if (!TryRecord(message, ref at, out var record))
            {
                // Of an answer that was cut, the rest comes another way.
                return cut ? new DnsAnswer(code, true, []) : null;
            }
            if (record is not null)
            {
                records.Add(record);
            }
        }
        return new DnsAnswer(code, cut, records);
    }

    private static int Count(ReadOnlySpan<byte> message, int at) => BinaryPrimitives.ReadUInt16BigEndian(message[at..]);

    /// <summary>False where the bytes are no record; a record of a kind that nobody asks for is null.</summary>
    private static bool TryRecord(ReadOnlySpan<byte> message, ref int at, out DnsRecord? record)
    {
        record = null;
        if (Name(message, ref at) is not { } name || at + 10 > message.Length)
        {
            return false;
        }
        var type = (DnsType)BinaryPrimitives.ReadUInt16BigEndian(message[at..]);
        var ttl = BinaryPrimitives.ReadUInt32BigEndian(message[(at + 4)..]);
        var (start, length) = (at + 10, (int)BinaryPrimitives.ReadUInt16BigEndian(message[(at + 8)..]));
        at = start + length;
        if (at > message.Length)
        {
            return false;
        }
        ttl = ttl > int.MaxValue ? 0 : ttl; // RFC 2181 §8
        var data = message.Slice(start, length);
        var inner = start;
        switch (type)
        {
            case DnsType.A when length == 4:
            case DnsType.Aaaa when length == 16:
                record = new DnsRecord(name, type, ttl) { Address = new IPAddress(data) };
                return true;
            case DnsType.Cname:
                record = Name(message, ref inner) is { } alias ? new DnsRecord(name, type, ttl) { Target = alias } : null;
                return record is not null;
            case DnsType.Srv when length > 6:
                inner += 6;
                record = Name(message, ref inner) is { } target
                    ? new DnsRecord(name, type, ttl) { Target = target, Service = (Count(data, 0), Count(data, 2), Count(data, 4)) } : null;
                return record is not null;
            default:
                return type is not (DnsType.A or DnsType.Aaaa or DnsType.Srv);
        }
    }

    /// <summary>The name that stands there, with dots and without the last; null where none does.</summary>
    private static string? Name(ReadOnlySpan<byte> message, ref int at)
    {
        var (text, from, end) = (new StringBuilder(), at, -1);
        while (from < message.Length)
        {
            var length = (int)message[from];
            if (length == 0)
            {
                at = end < 0 ? from + 1 : end;
                return text.ToString();
            }
            if (length >= 0xc0)
            {
                // RFC 1035 §4.1.4: the rest stands elsewhere, and that must be before.
                var to = from + 1 < message.Length ? BinaryPrimitives.ReadUInt16BigEndian(message[from..]) & 0x3fff : int.MaxValue;
                if (to >= from)
                {
                    return null;
                }
                end = end < 0 ? from + 2 : end;
                from = to;
                continue;
            }
            if (length > 63 || from + 1 + length > message.Length || text.Length + length > MaxName || message.Slice(from + 1, length).Contains((byte)'.'))
            {
                return null;
            }
            text.Append(text.Length == 0 ? "" : ".").Append(Encoding.Latin1.GetString(message.Slice(from + 1, length)));
            from += 1 + length;
        }
        return null;
    }
}
