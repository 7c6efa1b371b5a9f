using System.Security.Cryptography;

namespace Postern.Edge.Authenticating.ApiKeys;

/// <summary>Makes keys. They are letters and digits, so that a double click selects one whole and no shell reads anything into it.</summary>
internal static class ApiKey
{
    /// <summary>By which people, and tools that look for leaked secrets, know a key.</summary>
    public const string Prefix = "pk_";

    private const string Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    /// <summary>62 to the power of 43 is more than 2 to the power of 256.</summary>
    private const int Length = 43;

    public static string Make() => Prefix + RandomNumberGenerator.GetString(Alphabet, Length);
}
