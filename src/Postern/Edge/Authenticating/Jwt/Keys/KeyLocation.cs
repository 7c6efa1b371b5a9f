using System.Text.Json;

namespace Postern.Edge.Authenticating.Jwt.Keys;

/// <summary>
/// Where an issuer publishes its keys: at a URL, or at the one that its OpenID configuration names (OpenID Connect Discovery
/// 1.0 §4). The configuration is read anew each time, so that keys can move.
/// </summary>
internal sealed class KeyLocation
{
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
            if (await ReadAsync(fetch, url, cancel).ConfigureAwait(false) is var (configuration, unread) && unread is not null)
            {
                return (null, unread);
            }
            if (Follow(configuration, out var unfollowed) is not { } next)
            {
                return (null, unfollowed);
            }
            at = next;
        }
        var (document, problem) = await ReadAsync(fetch, at, cancel).ConfigureAwait(false);
        var keys = problem is null ? KeySet.Read(document, known, out problem) : null;
        return (keys, problem is null || at == url ? problem : $"{at.GetLeftPart(UriPartial.Path)}: {problem}");
    }

    private static async Task<(JsonElement Document, string? Problem)> ReadAsync(Fetch fetch, Uri from, CancellationToken cancel)
    {
        var answer = await fetch.GetAsync(from, cancel).ConfigureAwait(false);
        if (answer.Problem is not null)
        {
            return (default, answer.Problem);
        }
        var body = answer.Body.Span;
        // RFC 8259 §8.1 lets a reader pass over it; files written by hand have it.
        var document = StrictJson.Object(body.StartsWith("\uFEFF"u8) ? body[3..] : body, out var problem);
        return (document, problem is null ? null : answer.MediaType is "text/html" ? "its answer is a web page" : $"its answer {problem}");
    }

    /// <summary>Where an OpenID configuration says the keys are; null with the problem where that isn't believed.</summary>
    internal Uri? Follow(JsonElement configuration, out string? problem)
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
