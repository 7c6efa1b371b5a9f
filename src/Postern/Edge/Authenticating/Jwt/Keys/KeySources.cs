using Postern.Pipeline.Telemetry;

namespace Postern.Edge.Authenticating.Jwt.Keys;

/// <summary>The source of keys that the options of a way name.</summary>
internal static class KeySources
{
    /// <summary>Makes the source; opens nothing. The options have been validated.</summary>
    /// <param name="options">Where the keys are.</param>
    /// <param name="way">The name under <c>identity</c>, for messages and metrics.</param>
    /// <param name="metrics">Where fetches are counted.</param>
    public static IKeySource Of(JwtOptions options, string way, MetricRegistry metrics) => throw new NotSupportedException($"{options}{way}{metrics}");
}
