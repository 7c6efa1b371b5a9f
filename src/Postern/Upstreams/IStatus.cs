using System.Text.Json;

namespace Postern.Upstreams;

/// <summary>What live state tells the admin port of itself: a breaker, a retry budget, a bulkhead, a health check.</summary>
internal interface IStatus
{
    /// <summary>Whose state it is.</summary>
    string Upstream { get; }

    /// <summary>Writes one property into the upstream's object: <c>"breaker": { … }</c>.</summary>
    void Write(Utf8JsonWriter json);
}
