using System.Buffers;

namespace Postern.Wire;

/// <summary>What may be a field name or a method (RFC 9110 §5.6.2).</summary>
internal static class Token
{
    private static readonly SearchValues<char> Chars =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    public static bool IsValid(ReadOnlySpan<char> text) => text.Length > 0 && !text.ContainsAnyExcept(Chars);
}
