using Microsoft.Extensions.Primitives;
using Postern.Pipeline;

namespace Postern.Edge.Authenticating;

/// <summary><c>WWW-Authenticate</c>: what a caller is told that isn't known (RFC 9110 §11.6.1, RFC 6750 §3).</summary>
internal sealed class Challenges
{
    private readonly string realm;
    private readonly bool bearers;

    public Challenges(Ways ways, string realm)
    {
        this.realm = realm;
        bearers = ways.Bearers.Length > 0;
        List<string> known = bearers ? [$"Bearer realm=\"{realm}\""] : [];
        // There is no registered scheme for keys; a 401 must name one all the same (RFC 9110 §11.6.1).
        known.AddRange(ways.Keys.Select(k => $"ApiKey realm=\"{realm}\", {(k.Header is null ? $"query=\"{k.Query}\"" : $"header=\"{k.Header}\"")}"));
        Missing = known.ToArray();
    }

    /// <summary>Where no credential was sent: how one may be sent, and no error code (RFC 6750 §3.1).</summary>
    public StringValues Missing { get; }

    /// <summary>Where one was sent that isn't good.</summary>
    /// <param name="failure">What is wrong with it.</param>
    /// <param name="detail">What the client is told.</param>
    /// <param name="scopes">The scopes that it would need, where it lacks one.</param>
    public StringValues Of(Failure failure, string? detail, string? scopes = null) => failure switch
    {
        Failure.InvalidToken => Error("invalid_token", detail),
        Failure.Forbidden => Error("insufficient_scope", detail, scopes),
        Failure.SeveralCredentials => Error("invalid_request", null),
        _ => Missing,
    };

    private StringValues Error(string error, string? description, string? scopes = null) => !bearers ? Missing
        : $"Bearer realm=\"{realm}\", error=\"{error}\"{(description is null ? "" : $", error_description=\"{description.Replace('"', '\'').Replace('\\', '/')}\"")}{(scopes is null ? "" : $", scope=\"{scopes}\"")}";
}
