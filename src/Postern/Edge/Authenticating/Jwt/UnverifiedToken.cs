using System.Buffers;
using System.Buffers.Text;
using System.Text.Json;

namespace Postern.Edge.Authenticating.Jwt;

/// <summary>Why a token is refused.</summary>
/// <param name="Detail">For the client.</param>
/// <param name="Reason">For the log: which check exactly.</param>
internal sealed record Fault(string Detail, string Reason);

/// <summary>
/// What a token claims before anything is verified: enough to choose who verifies it, and to refuse without cryptography
/// what no signature could make good. Only the compact form with three parts is read (RFC 7515 §7.1), and only strictly.
/// </summary>
internal sealed class UnverifiedToken
{
    private static readonly SearchValues<char> Base64UrlChars = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

    private readonly string text;
    private readonly int firstDot;

    private UnverifiedToken(string text, int firstDot, int lastDot, JsonElement header, string algorithm) =>
        (this.text, this.firstDot, SignedLength, Header, Algorithm) = (text, firstDot, lastDot, header, algorithm);

    /// <summary>The header's <c>alg</c>, whatever it says.</summary>
    public string Algorithm { get; }

    /// <summary>The payload's <c>iss</c>, where it is a text.</summary>
    public string? Issuer => Payload.ValueKind == JsonValueKind.Object && Payload.TryGetProperty("iss"u8, out var issuer) && issuer.ValueKind == JsonValueKind.String ? issuer.GetString() : null;

    /// <summary>The header, a JSON object.</summary>
    public JsonElement Header { get; }

    /// <summary>The payload, a JSON object once it was read.</summary>
    public JsonElement Payload { get; private set; }

    /// <summary>So many characters, from the first, are what the signature is over.</summary>
    public int SignedLength { get; }

    /// <summary>The characters that the signature is over; all ASCII.</summary>
    public ReadOnlySpan<char> Signed => text.AsSpan(0, SignedLength);

    /// <summary>The signature's bytes.</summary>
    public byte[] Signature { get; private set; } = [];

    /// <summary>What the token claims; null where it has not the form of a signed token (three parts, a JSON header with <c>alg</c>, a JSON payload).</summary>
    public static UnverifiedToken? Read(string token) =>
        ReadHeader(token, out _) is { } read && read.ReadPayload() is null ? read : null;

    /// <summary>Reads the header alone.</summary>
    public static UnverifiedToken? ReadHeader(string token, out Fault? fault)
    {
        if (token.Length > Digest.MaxLength)
        {
            fault = new Fault("The token is longer than 8 KB.", "the token is too long");
            return null;
        }
        var first = token.IndexOf('.');
        var last = token.LastIndexOf('.');
        if (first < 0 || token.AsSpan(first + 1, last - first).IndexOf('.') != last - first - 1 || first == last)
        {
            // RFC 7516 §3.1: five parts are an encrypted token. Nobody gave the gateway a key for those.
            fault = new Fault("The token is not a signed JWT of three parts.", "the token has not three parts");
            return null;
        }
        var header = Json(token.AsSpan(0, first), "header", out fault);
        if (fault is not null)
        {
            return null;
        }
        if (!header.TryGetProperty("alg"u8, out var algorithm) || algorithm.ValueKind != JsonValueKind.String)
        {
            fault = new Fault("The token's header is not valid.", "the header has no alg, or it is no text");
            return null;
        }
        return new UnverifiedToken(token, first, last, header, algorithm.GetString()!);
    }

    /// <summary>Reads the rest; null where it has the right form.</summary>
    public Fault? ReadPayload()
    {
        var signature = text.AsSpan(SignedLength + 1);
        Signature = new byte[Base64Url.GetMaxDecodedLength(signature.Length)];
        if (!TryDecode(signature, Signature, out var length) || length != Signature.Length)
        {
            return new Fault("The token's signature is not base64url.", "the signature is not base64url");
        }
        Payload = Json(text.AsSpan(firstDot + 1, SignedLength - firstDot - 1), "payload", out var fault);
        return fault;
    }

    private static JsonElement Json(ReadOnlySpan<char> part, string what, out Fault? fault)
    {
        Span<byte> bytes = stackalloc byte[Base64Url.GetMaxDecodedLength(part.Length)];
        if (!TryDecode(part, bytes, out var length))
        {
            fault = new Fault($"The token's {what} is not base64url.", $"the {what} is not base64url");
            return default;
        }
        var json = StrictJson.Object(bytes[..length], out var problem);
        fault = problem is null ? null : new Fault($"The token's {what} is not valid.", $"the {what} {problem}");
        return json;
    }

    /// <summary>Strictly: the library's own decoder lets padding and white space through, and then two texts were one token (RFC 7515 §2).</summary>
    private static bool TryDecode(ReadOnlySpan<char> part, Span<byte> bytes, out int length)
    {
        length = 0;
        // Not TryDecodeFromChars, which throws for what isn't base64url.
        return part.Length > 0 && !part.ContainsAnyExcept(Base64UrlChars) && Base64Url.DecodeFromChars(part, bytes, out _, out length) == OperationStatus.Done;
    }
}
