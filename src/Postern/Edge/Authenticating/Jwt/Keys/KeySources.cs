using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Edge.Authenticating.Jwt.Keys;

/// <summary>The source of keys that the options of a way name.</summary>
internal static class KeySources
{
    /// <summary>
    /// The source, which opens nothing yet. Fetched keys are state that outlives a reload as long as their place and schedule
    /// stay the same: who changes what tokens must say doesn't depend on the issuer being up just then.
    /// </summary>
    /// <param name="options">Where the keys are. They have been validated.</param>
    /// <param name="way">The name under <c>identity</c>, for messages and metrics.</param>
    /// <param name="state">Keeps, starts and ends what is fetched.</param>
    public static IKeySource Of(JwtOptions options, string way, StatePool state)
    {
        if (options.Secret is { } secret)
        {
            return FixedKey.OfSecret(secret);
        }
        if (options.PublicKey is { } file)
        {
            return FixedKey.OfPem(file);
        }
        var metrics = MetricRegistry.Of(state);
        var place = options.Discovery is { } discovery ? $"{discovery} of {options.Issuer}" : options.Jwks;
        return state.Keep<IKeySource>("keys", $"{way} {options.Refresh} {options.KeepKeys} {place}", () => new FetchedKeys(
            options.Discovery is null ? KeyLocation.Of(options.Jwks!) : KeyLocation.OfDiscovery(options.Discovery, options.Issuer!), options, way, metrics));
    }
}
