using System.Buffers;
using Microsoft.Extensions.Primitives;

namespace Postern.Wire;

/// <summary><c>X-Request-Id</c>: kept if a client sent a sane one, so that one id names a request from end to end; else made.</summary>
internal static class RequestId
{
    /// <summary>The field's name.</summary>
    public const string Name = "X-Request-Id";

    private const int MaxLength = 128;

    private static readonly SearchValues<char> Allowed =
        SearchValues.Create("-_.:+/=@0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    /// <summary>The client's id, if it sent one and it can stand in a log as it is; else <paramref name="made"/>, or a new one.</summary>
    public static string Of(StringValues received, string? made = null) => received.Count == 1 && received[0] is { } id && IsSane(id) ? id : made ?? New();

    /// <summary>Whether an id is 1 to 128 letters, digits or any of <c>-_.:+/=@</c>.</summary>
    public static bool IsSane(ReadOnlySpan<char> id) => id.Length is > 0 and <= MaxLength && !id.ContainsAnyExcept(Allowed);

    /// <summary>32 random hex digits.</summary>
    public static string New()
    {
        Span<char> id = stackalloc char[32];
        TraceContext.RandomHex(id);
        return id.ToString();
    }
}
