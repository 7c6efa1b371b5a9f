using Postern.Pipeline.Telemetry;

namespace Postern.Edge.Authenticating.Jwt.Keys;

/// <summary>The source of keys that the options of a way name.</summary>
internal static class KeySources
{
    /// <summary>Makes the source; opens nothing. The options have been validated.</summary>
    /// <param name="options">Where the keys are.</param>
    /// <param name="way">The name under <c>identity</c>, for messages and metrics.</param>
    /// <param name="metrics">Where fetches are counted.</param>
    public static IKeySource Of(JwtOptions options, string way, MetricRegistry metrics) => options switch
    {
        { Secret: { } secret } => FixedKey.OfSecret(secret),
        { PublicKey: { } file } => new FixedKey(PemKey.Read(file.Text, out var problem) ?? throw new ArgumentException($"{file.Path} {problem}", nameof(options))),
        { Discovery: { } discovery } => new FetchedKeys(KeyLocation.OfDiscovery(discovery, options.Issuer!), options, way, metrics),
        _ => new FetchedKeys(KeyLocation.Of(options.Jwks!), options, way, metrics),
    };
}
