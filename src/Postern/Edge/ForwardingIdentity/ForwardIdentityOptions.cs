using Postern.Config;
using Postern.Wire;

namespace Postern.Edge.ForwardingIdentity;

/// <summary>The root key <c>forwardIdentity</c>.</summary>
public sealed record ForwardIdentitySection : Options
{
    /// <summary>What upstreams are told of a known caller, on every route that asks who is calling.</summary>
    public ForwardIdentityOptions? ForwardIdentity { get; init; }
}

/// <summary>What upstreams are told of a known caller. What clients send under the same names is removed from every request.</summary>
public sealed record ForwardIdentityOptions : Options
{
    /// <summary>Header fields, and the claim that each tells: <c>{ X-User-Id: sub }</c>; a dot steps into a nested claim. No such
    /// claim: no such field. A list's entries are joined by commas; <c>%</c>, what is not ASCII, and a comma within an entry are percent-encoded (UTF-8).</summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();

    /// <summary>Whether a known caller's own credential goes on to upstreams: the <c>Authorization</c> field, and the field or
    /// query parameter of an API key.</summary>
    public ForwardedCredential Authorization { get; init; }

    /// <summary>A short-lived token that the gateway itself signs, for services that verify.</summary>
    public IdentityTokenOptions? Token { get; init; }

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, claim) in Headers)
        {
            var key = $"headers.{name}";
            if (OwnField.Problem(name) is { } problem)
            {
                check.Error(this, key, problem);
            }
            else if (!names.Add(name))
            {
                check.Error(this, key, $"'{name}' is here already, in other letters; remove one");
            }
            else if (string.IsNullOrWhiteSpace(claim))
            {
                check.Error(this, key, "the claim is needed, got an empty text; write its name, as sub");
            }
            else if (claim.StartsWith("X-", StringComparison.OrdinalIgnoreCase))
            {
                check.Warn(this, key, $"the field comes first and its claim behind, got a claim named '{claim}'; is it the other way round?");
            }
        }
        if (Token is not { } token)
        {
            return;
        }
        if (names.Contains(token.Header))
        {
            check.Error(this, "token.header", $"'{token.Header}' tells a claim already; write another name");
        }
        if (token.IsBearer && Authorization == ForwardedCredential.Keep)
        {
            check.Error(this, "token.header", "the caller's credential goes on in Authorization already; write authorization: remove beside token, or another header");
        }
    }
}

/// <summary>What becomes of the credential by which a caller is known.</summary>
public enum ForwardedCredential
{
    /// <summary>It goes on as it came.</summary>
    Keep,
    /// <summary>It ends at the gateway.</summary>
    Remove,
}

/// <summary>A JWT that says who is calling (RFC 7519), signed with ES256. Its keys are served at <c>/.well-known/jwks.json</c> of each listener.</summary>
public sealed record IdentityTokenOptions : Options
{
    /// <summary>The header field that carries it. <c>Authorization</c> carries it as <c>Bearer</c>, in place of the caller's credential.</summary>
    public string Header { get; init; } = ForwardIdentityStage.UsualHeader;

    /// <summary>Its <c>iss</c>, by which services know it: the gateway's own URL.</summary>
    [Needed(Example = "https://api.example.com")] public string? Issuer { get; init; }

    /// <summary>Its <c>aud</c>; none where nothing is written.</summary>
    [OneOrMany] public IReadOnlyList<string>? Audience { get; init; }

    /// <summary>How long it is good. A new one is made when less than 10 s is left, or less than a sixth of a shorter lifetime.</summary>
    [Range("10s", "1h")] public TimeSpan Lifetime { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Files with private keys, PEM, elliptic curve P-256: the first signs, all are published. Without one the gateway
    /// makes its own at start, a new one each day; instances of a fleet need a file, or each has keys that the others don't publish.</summary>
    [OneOrMany] public IReadOnlyList<FileText>? Key { get; init; }

    /// <summary>Whether it goes where a caller's credential would stand.</summary>
    internal bool IsBearer => Header.Equals("Authorization", StringComparison.OrdinalIgnoreCase);

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        if (!IsBearer && OwnField.Problem(Header) is { } problem)
        {
            check.Error(this, "header", problem);
        }
        for (var i = 0; i < Audience?.Count; i++)
        {
            if (string.IsNullOrWhiteSpace(Audience[i]))
            {
                check.Error(this, $"audience[{i}]", "needed, got an empty text; write a name, or remove it");
            }
        }
        var known = new List<string>();
        for (var i = 0; i < Key?.Count; i++)
        {
            var (key, fault) = SigningKey.Read(Key[i].Text);
            if (fault is not null)
            {
                check.Error(this, $"key[{i}]", $"not a private key of the curve P-256 in PEM, '{Path.GetFileName(Key[i].Path)}' {fault}; make one: openssl ecparam -name prime256v1 -genkey -noout");
            }
            else if (known.Contains(key!.Id))
            {
                check.Error(this, $"key[{i}]", "the same key is here already; remove one");
            }
            else
            {
                known.Add(key.Id);
            }
        }
    }
}

/// <summary>Names that can be made the gateway's own word about a caller: what HTTP or the proxy itself gives a meaning can't.</summary>
internal static class OwnField
{
    private static readonly string[] Families = ["Accept", "Access-Control-", "Content-", "grpc-", "If-", "Proxy-", "Sec-", "X-Forwarded-"];

    private static readonly HashSet<string> Spoken = new(StringComparer.OrdinalIgnoreCase)
    {
        "Age", "Authorization", "Cache-Control", "Cookie", "Date", "Idempotency-Key", "Last-Event-ID", "Max-Forwards", "Origin", "Pragma",
        "Priority", "Range", "Referer", "Trailer", "User-Agent",
    };

    /// <summary>Why a name can't be; null if it can.</summary>
    public static string? Problem(string name)
    {
        if (!Token.IsValid(name))
        {
            return $"not a header name, got '{name}'; letters, digits and '-'";
        }
        if (name.Contains('_'))
        {
            return $"many servers read '_' as '-', so names with it are never sent, got '{name}'; write {name.Replace('_', '-')}";
        }
        return HopByHop.IsRequestField(name) || Spoken.Contains(name) || Array.Exists(Families, f => name.StartsWith(f, StringComparison.OrdinalIgnoreCase))
            ? $"'{name}' has a meaning of its own, and a client's would be removed from every request; write another name, as X-User-Id"
            : null;
    }
}
