using System.Buffers;
using Microsoft.Extensions.Primitives;

namespace Postern.Wire;

/// <summary>
/// W3C Trace Context, level 1 (Recommendation of 23 November 2021): what a request brought, validated, and what is sent
/// on. Every request gets a span of its own; a trace that can't be read is begun anew, and its <c>tracestate</c> dropped.
/// </summary>
internal readonly struct TraceContext
{
    private const int Length = 55; // 00-<32>-<16>-<2>
    private const int MaxMembers = 32;
    private const int MaxSent = 512;
    private const int LongMember = 128;

    private static readonly SearchValues<char> LowerHex = SearchValues.Create("0123456789abcdef");
    private static readonly SearchValues<char> KeyChars = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789_-*/");

    private TraceContext(string? incoming, string traceId, string traceParent, string? traceState) =>
        (Incoming, TraceId, TraceParent, TraceState) = (incoming, traceId, traceParent, traceState);

    /// <summary>The <c>traceparent</c> that is continued, in version 00; null where the trace begins here.</summary>
    private string? Incoming { get; }

    /// <summary>Trace id, 32 hex digits.</summary>
    public string TraceId { get; }

    /// <summary><c>traceparent</c> to send on, in version 00.</summary>
    public string TraceParent { get; }

    /// <summary><c>tracestate</c> to send on, or null.</summary>
    public string? TraceState { get; }

    /// <summary>Whether the request brought a trace.</summary>
    public bool IsContinued => Incoming is not null;

    /// <summary>The span that called, 16 hex digits; empty where the trace begins here.</summary>
    public ReadOnlySpan<char> ParentId => Incoming is null ? default : Incoming.AsSpan(36, 16);

    /// <summary>Whether the caller may have recorded its part.</summary>
    public bool IsSampled => TraceParent[^1] == '1';

    /// <summary>Continues the trace of a request, or begins one.</summary>
    public static TraceContext Continue(StringValues traceParent, StringValues traceState)
    {
        if (traceParent.Count == 1)
        {
            var value = traceParent[0] ?? "";
            var text = value.AsSpan().Trim(" \t");
            if (IsValid(text))
            {
                var traceId = text.Slice(3, 32).ToString();
                var incoming = text.Length == value.Length ? value : text.ToString();
                return new TraceContext(incoming, traceId, NewParent(traceId, IsSampledFlag(text[54])), StateToSend(traceState));
            }
        }
        return Begin();
    }

    /// <summary>Begins a trace. Not sampled: nobody has decided to record it yet.</summary>
    public static TraceContext Begin()
    {
        Span<char> id = stackalloc char[32];
        RandomHex(id);
        var traceId = id.ToString();
        return new TraceContext(null, traceId, NewParent(traceId, sampled: false), null);
    }

    /// <summary>Fills <paramref name="hex"/> (at most 32) with random lower-case hex digits, not all of them zero.</summary>
    internal static void RandomHex(Span<char> hex)
    {
        Span<byte> bytes = stackalloc byte[16];
        bytes = bytes[..(hex.Length / 2)];
        do
        {
            // One generator for each thread, seeded by the system: ids must differ, not be secret.
            Random.Shared.NextBytes(bytes);
        }
        while (!bytes.ContainsAnyExcept((byte)0));
        Convert.TryToHexStringLower(bytes, hex, out _);
    }

    private static string NewParent(string traceId, bool sampled)
    {
        Span<char> parent = stackalloc char[Length];
        "00-".CopyTo(parent);
        traceId.CopyTo(parent[3..]);
        parent[35] = '-';
        RandomHex(parent.Slice(36, 16));
        // "Other flags": what version 00 doesn't know is sent as zero.
        (sampled ? "-01" : "-00").CopyTo(parent[52..]);
        return parent.ToString();
    }

    /// <summary>The form of version 00; of a later one, what it has in common with 00 ("Versioning of traceparent").</summary>
    private static bool IsValid(ReadOnlySpan<char> text)
    {
        if (text.Length < Length || text[2] != '-' || text[35] != '-' || text[52] != '-')
        {
            return false;
        }
        var version = text[..2];
        var traceId = text.Slice(3, 32);
        var parentId = text.Slice(36, 16);
        if (version.ContainsAnyExcept(LowerHex) || traceId.ContainsAnyExcept(LowerHex) || parentId.ContainsAnyExcept(LowerHex)
            || text.Slice(53, 2).ContainsAnyExcept(LowerHex)
            || !traceId.ContainsAnyExcept('0') || !parentId.ContainsAnyExcept('0') || version is "ff")
        {
            return false;
        }
        return text.Length == Length || (version is not "00" && text[Length] == '-');
    }

    private static bool IsSampledFlag(char lowDigit) => (lowDigit <= '9' ? lowDigit : lowDigit - 'a' + 10) % 2 == 1;

    /// <summary>The list in order, validated, without blanks and empty members; null for nothing or nothing valid.</summary>
    private static string? StateToSend(StringValues fields)
    {
        if (fields.Count == 0)
        {
            return null;
        }
        var list = fields.Count == 1 ? fields[0] ?? "" : string.Join(',', fields.ToArray());
        Span<(int Start, int Length)> members = stackalloc (int, int)[MaxMembers];
        var count = ReadMembers(list, members, out var sent);
        if (count <= 0)
        {
            return null;
        }
        members = members[..count];
        if (sent > MaxSent)
        {
            count = Shorten(members, sent);
            members = members[..count];
        }
        else if (sent == list.Length)
        {
            return list; // Nothing was trimmed or skipped.
        }
        return Join(list, members);
    }

    /// <summary>The members that aren't empty, and the length of the list they make; -1 if the list is not valid.</summary>
    private static int ReadMembers(string list, Span<(int Start, int Length)> members, out int sent)
    {
        var count = 0;
        sent = -1;
        for (var start = 0; start <= list.Length;)
        {
            var comma = list.IndexOf(',', start);
            var end = comma < 0 ? list.Length : comma;
            var member = list.AsSpan(start, end - start).Trim(" \t");
            if (member.Length > 0)
            {
                var equals = member.IndexOf('=');
                if (count == MaxMembers || equals < 0 || !IsKey(member[..equals]) || !IsValue(member[(equals + 1)..]))
                {
                    return -1;
                }
                foreach (var (otherStart, otherLength) in members[..count])
                {
                    // One entry for each key; it is compared with the '=' that ends it.
                    if (otherLength > equals && list.AsSpan(otherStart, equals + 1).SequenceEqual(member[..(equals + 1)]))
                    {
                        return -1;
                    }
                }
                while (list[start] is ' ' or '\t')
                {
                    start++;
                }
                members[count++] = (start, member.Length);
                sent += member.Length + 1;
            }
            start = end + 1;
        }
        return count;
    }

    /// <summary>Drops whole members until the rest fits ("tracestate limits"): the long ones first, then any, each time from the end.</summary>
    private static int Shorten(Span<(int Start, int Length)> members, int sent)
    {
        for (var i = members.Length - 1; i >= 0 && sent > MaxSent; i--)
        {
            if (members[i].Length > LongMember)
            {
                sent -= members[i].Length + 1;
                members[i].Length = 0;
            }
        }
        for (var i = members.Length - 1; i >= 0 && sent > MaxSent; i--)
        {
            if (members[i].Length > 0)
            {
                sent -= members[i].Length + 1;
                members[i].Length = 0;
            }
        }
        var kept = 0;
        foreach (var member in members)
        {
            if (member.Length > 0)
            {
                members[kept++] = member;
            }
        }
        return kept;
    }

    private static string? Join(string list, ReadOnlySpan<(int Start, int Length)> members)
    {
        if (members.IsEmpty)
        {
            return null;
        }
        Span<char> joined = stackalloc char[MaxSent];
        var length = 0;
        foreach (var (start, memberLength) in members)
        {
            if (length > 0)
            {
                joined[length++] = ',';
            }
            list.AsSpan(start, memberLength).CopyTo(joined[length..]);
            length += memberLength;
        }
        return joined[..length].ToString();
    }

    /// <summary>A member's key: <c>vendor</c>, or <c>tenant@system</c>.</summary>
    private static bool IsKey(ReadOnlySpan<char> key)
    {
        var at = key.IndexOf('@');
        return at < 0
            ? key.Length is > 0 and <= 256 && char.IsAsciiLetterLower(key[0]) && !key.ContainsAnyExcept(KeyChars)
            : IsTenant(key[..at]) && IsSystem(key[(at + 1)..]);
    }

    private static bool IsTenant(ReadOnlySpan<char> tenant) =>
        tenant.Length is > 0 and <= 241 && (char.IsAsciiLetterLower(tenant[0]) || char.IsAsciiDigit(tenant[0])) && !tenant.ContainsAnyExcept(KeyChars);

    private static bool IsSystem(ReadOnlySpan<char> system) =>
        system.Length is > 0 and <= 14 && char.IsAsciiLetterLower(system[0]) && !system.ContainsAnyExcept(KeyChars);

    /// <summary>A member's value: printable ASCII without <c>,</c> and <c>=</c>, not ending in a space (blanks at the end were trimmed).</summary>
    private static bool IsValue(ReadOnlySpan<char> value) =>
        value.Length is > 0 and <= 256 && !value.ContainsAnyExceptInRange(' ', '~') && !value.Contains('=');
}
