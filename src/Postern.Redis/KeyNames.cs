using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Postern.Redis;

/// <summary>
/// How keys are named: <c>postern:limit:{@acme}:tier%20free</c>. What stands in braces decides the slot in a Redis Cluster, so all keys of one
/// consumer have the same. Whatever a caller sends, it adds no brace: what could be mistaken is escaped.
/// </summary>
internal static class KeyNames
{
    /// <summary>The longest key or plan's name that is written out; of a longer one, its digest is.</summary>
    private const int Longest = 128;

    /// <summary>What stands before a consumer's key.</summary>
    public static string Before(string prefix) => Escaped(prefix) + ":limit:{";

    /// <summary>What stands behind it. The next colon is a log's.</summary>
    public static string After(string plan) => "}:" + Written(plan).Replace(":", "%3A", StringComparison.Ordinal);

    /// <summary>A consumer's key. Never empty, for then Redis would take the braces for part of the name.</summary>
    public static string Written(string text) =>
        text.Length == 0 ? "%" : text.Length <= Longest ? Escaped(text) : "#" + Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(text.AsSpan())));

    /// <summary>All of the instances.</summary>
    public static string Instances(string prefix) => Escaped(prefix) + ":instances";

    /// <summary>The hashes of all API keys. The braces keep them and their entries in one slot.</summary>
    public static string ApiKeys(string prefix) => Escaped(prefix) + ":{keys}";

    /// <summary>The entry of the API key with that hash.</summary>
    public static string ApiKey(string prefix, string hash) => ApiKeys(prefix) + ":" + hash;

    /// <summary>What is written to see whether Redis can write.</summary>
    public static string Probe(string prefix) => Escaped(prefix) + ":probe";

    private static string Escaped(string text)
    {
        foreach (var c in text)
        {
            if (MustBeEscaped(c))
            {
                return Escape(text);
            }
        }
        return text;
    }

    private static string Escape(string text)
    {
        var escaped = new StringBuilder();
        foreach (var c in text)
        {
            if (!MustBeEscaped(c))
            {
                escaped.Append(c);
            }
            else
            {
                escaped.Append(c < 0x80 ? "%" : "%u").Append(((int)c).ToString(c < 0x80 ? "X2" : "X4", CultureInfo.InvariantCulture));
            }
        }
        return escaped.ToString();
    }

    private static bool MustBeEscaped(char c) => c is <= ' ' or '{' or '}' or '%' or '#' or >= (char)0x7F;
}
