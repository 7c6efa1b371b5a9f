using Postern.Wire;

namespace Postern.Upstreams.Balancing;

/// <summary>Finds one cookie among a call's fields without taking the others apart.</summary>
internal static class CookieText
{
    /// <summary>The value of the first cookie of that name (its case matters, RFC 6265 §4.1.1), without quotes; empty where there is none.</summary>
    public static ReadOnlySpan<char> Find(FieldList fields, string name)
    {
        // HTTP/2 may send several fields (RFC 9113 §8.2.3).
        foreach (ref readonly var field in fields.Fields)
        {
            if (field.Name.Length != 6 || !field.Name.Equals("Cookie", StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }
            var rest = field.Value.AsSpan();
            while (!rest.IsEmpty)
            {
                var end = rest.IndexOf(';');
                var pair = (end < 0 ? rest : rest[..end]).Trim();
                rest = end < 0 ? default : rest[(end + 1)..];
                if (pair.Length > name.Length && pair[name.Length] == '=' && pair.StartsWith(name, StringComparison.Ordinal))
                {
                    return pair[(name.Length + 1)..].Trim('"');
                }
            }
        }
        return default;
    }
}
