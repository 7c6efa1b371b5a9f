using System.Text.Json;
using System.Text.Unicode;

namespace Postern.Edge.Authenticating.Jwt.Keys;

/// <summary>
/// Where an issuer publishes its keys: at a URL, or at the one that its OpenID configuration names (OpenID Connect Discovery
/// 1.0 §4). The configuration is read anew each time, so that keys can move.
/// </summary>
internal sealed class KeyLocation
{
    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 16, AllowDuplicateProperties = false };

    private readonly Uri url;
    private readonly string? discovered;

    private KeyLocation(Uri url, string? discovered) => (this.url, this.discovered) = (url, discovered);

    /// <summary>The key set is at this URL.</summary>
    public static KeyLocation Of(string jwks) => new(new Uri(jwks), null);

    /// <summary>The key set is where an OpenID configuration says.</summary>
    /// <param name="discovery">Its URL, or <c>true</c> for its place under the issuer.</param>
    /// <param name="issuer">Whose it must be.</param>
    public static KeyLocation OfDiscovery(string discovery, string issuer) =>
        // §4.1: a slash at the end of the issuer is taken off first.
        new(new Uri(discovery == "true" ? issuer.TrimEnd('/') + "/.well-known/openid-configuration" : discovery), issuer);

    /// <summary>For people: without a query, which might hold a secret.</summary>
    public override string ToString() => url.GetLeftPart(UriPartial.Path);

    /// <summary>Fetches the set; null with the problem where there is none to use.</summary>
    public async Task<(KeySet? Keys, string? Problem)> FetchAsync(Fetch fetch, IReadOnlyList<VerificationKey> known, CancellationToken cancel)
    {
        var at = url;
        if (discovered is not null)
        {
            var (configuration, problem) = await ReadAsync(fetch, url, cancel).ConfigureAwait(false);
            using (configuration)
            {
                if (configuration is null || Follow(configuration.RootElement, out problem) is not { } next)
                {
                    return (null, problem);
                }
                at = next;
            }
        }
        var (document, wrong) = await ReadAsync(fetch, at, cancel).ConfigureAwait(false);
        using (document)
        {
            var keys = document is null ? null : KeySet.Read(document.RootElement, known, out wrong);
            return (keys, wrong is null || at == url ? wrong : $"{at.GetLeftPart(UriPartial.Path)}: {wrong}");
        }
    }

    private static async Task<(JsonDocument? Document, string? Problem)> ReadAsync(Fetch fetch, Uri from, CancellationToken cancel)
    {
        var answer = await fetch.GetAsync(from, cancel).ConfigureAwait(false);
        if (answer.Problem is not null)
        {
            return (null, answer.Problem);
        }
        var body = answer.Body;
        if (body.Span.StartsWith("\uFEFF"u8))
        {
            body = body[3..];
        }
        try
        {
            // The reader looks at the bytes of a text only when it is asked for, so they are looked at here.
            if (Utf8.IsValid(body.Span))
            {
                var document = JsonDocument.Parse(body, Strict);
                if (document.RootElement.ValueKind == JsonValueKind.Object)
                {
                    return (document, null);
                }
                document.Dispose();
                return (null, "its answer is no JSON object");
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Said below.
        }
        return (null, answer.MediaType is "text/html" ? "its answer is a web page" : "its answer is not JSON, or names a member twice");
    }

    /// <summary>Where the configuration says the keys are.</summary>
    private Uri? Follow(JsonElement configuration, out string? problem)
    {
        var issuer = Text(configuration, "issuer");
        if (issuer != discovered)
        {
            // §4.3: exactly the same. Another issuer's keys would verify another issuer's tokens.
            problem = $"its issuer is {(issuer is null ? "not named" : $"'{Quotable.Of(issuer)}'")}, not '{discovered}'";
            return null;
        }
        if (!Uri.TryCreate(Text(configuration, "jwks_uri"), UriKind.Absolute, out var jwks) || !Fetch.Allows(jwks))
        {
            problem = "its jwks_uri is not an https URL";
            return null;
        }
        // A server elsewhere has no say in what is asked on this machine.
        problem = Fetch.IsLoopback(jwks) && !Fetch.IsLoopback(url) ? "its jwks_uri leads to this machine" : null;
        return problem is null ? jwks : null;
    }

    private static string? Text(JsonElement document, string name) =>
        KeySet.Text(document, name, out var text) ? text : null;
}
