namespace Postern.Transforms.Json;

/// <summary>Media types of JSON.</summary>
internal static class JsonMedia
{
    /// <summary>Whether a <c>Content-Type</c> says JSON: <c>application/json</c>, <c>text/json</c>, <c>application/*+json</c>; parameters don't matter.</summary>
    public static bool Is(ReadOnlySpan<char> type)
    {
        var end = type.IndexOf(';');
        type = (end < 0 ? type : type[..end]).Trim();
        return type.Equals("application/json", StringComparison.OrdinalIgnoreCase) || type.Equals("text/json", StringComparison.OrdinalIgnoreCase)
            || (type.EndsWith("+json", StringComparison.OrdinalIgnoreCase) && type.Contains('/'));
    }
}
