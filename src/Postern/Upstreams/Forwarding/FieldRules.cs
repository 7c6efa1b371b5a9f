using System.Buffers;
using Postern.Pipeline;
using Postern.Wire;

namespace Postern.Upstreams.Forwarding;

/// <summary>What may stand in a field (RFC 9110 §5), checked on the way out and on the way in, whatever the protocol.</summary>
internal static class FieldRules
{
    private static readonly SearchValues<byte> TokenBytes =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"u8);

    public static bool IsToken(ReadOnlySpan<byte> name) => !name.IsEmpty && !name.ContainsAnyExcept(TokenBytes);

    /// <summary>No control characters but a tab.</summary>
    public static bool IsValue(ReadOnlySpan<byte> value)
    {
        while (value.IndexOfAnyInRange((byte)0, (byte)0x1f) is >= 0 and var at)
        {
            if (value[at] != '\t')
            {
                return false;
            }
            value = value[(at + 1)..];
        }
        return !value.Contains((byte)0x7f);
    }

    /// <summary>No control characters but a tab, and nothing that is not one byte on the wire.</summary>
    public static bool IsValue(ReadOnlySpan<char> value)
    {
        while (value.IndexOfAnyExceptInRange(' ', '\u00ff') is >= 0 and var at)
        {
            if (value[at] != '\t')
            {
                return false;
            }
            value = value[(at + 1)..];
        }
        return !value.Contains('\u007f');
    }

    /// <summary>No control characters and no space: what would end the request line early.</summary>
    public static bool IsTarget(ReadOnlySpan<char> target) =>
        !target.IsEmpty && target[0] is '/' or '*' && !target.ContainsAnyExceptInRange('!', '\u00ff') && !target.Contains('\u007f');

    /// <summary>Refuses what could break the message; an edge stage should have, this is the last door.</summary>
    public static void Require(string name, string value)
    {
        if (!Token.IsValid(name) || !IsValue(value))
        {
            throw new UpstreamException(Failure.BadRequest, Token.IsValid(name)
                ? $"the field {name} holds a character that can't be sent" : "a field's name is no token");
        }
    }

    /// <summary>Refuses a request line or a <c>Host</c> that could break the message.</summary>
    public static void RequireLine(UpstreamCall call)
    {
        if (!IsTarget(call.Target))
        {
            throw new UpstreamException(Failure.BadRequest, "the request's target holds a character that can't be sent");
        }
        if (call.Host is { } host && host.AsSpan().ContainsAnyExceptInRange('!', '~'))
        {
            throw new UpstreamException(Failure.BadRequest, "the request's Host holds a character that can't be sent");
        }
    }

    /// <summary>Fields that belong to one connection or to the framing of one message; they are never handed on as fields.</summary>
    public static bool IsOfTheConnection(ReadOnlySpan<char> name) => name.Length switch
    {
        2 => Same(name, "te"),
        4 => Same(name, "host"),
        6 => Same(name, "expect"),
        7 => Same(name, "upgrade") || Same(name, "trailer"),
        10 => Same(name, "connection") || Same(name, "keep-alive"),
        14 => Same(name, "content-length"),
        16 => Same(name, "proxy-connection"),
        17 => Same(name, "transfer-encoding"),
        _ => false,
    };

    /// <summary>Whether a field is <c>TE: trailers</c>, the one word about the connection that a call may hand on.</summary>
    public static bool TakesTrailers(string name, string value) =>
        name.Length == 2 && Same(name, "te") && value.AsSpan().Trim(" \t").Equals("trailers", StringComparison.OrdinalIgnoreCase);

    private static bool Same(ReadOnlySpan<char> name, string known) => name.Equals(known, StringComparison.OrdinalIgnoreCase);
}
