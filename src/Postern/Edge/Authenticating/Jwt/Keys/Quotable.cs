namespace Postern.Edge.Authenticating.Jwt.Keys;

/// <summary>Text of another server, made fit for a line of a log.</summary>
internal static class Quotable
{
    /// <summary>At most 100 characters, none of which moves a cursor or begins a line.</summary>
    public static string Of(string text) =>
        string.Concat(text.Take(100).Select(c => char.IsAsciiLetterOrDigit(c) || (c is >= ' ' and <= '~') ? c : '?')) + (text.Length > 100 ? "…" : "");
}
