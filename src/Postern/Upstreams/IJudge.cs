using System.Text.Json;
using Postern.Pipeline;

namespace Postern.Upstreams;

/// <summary>Judges one destination by how its calls end; a breaker, passive health.</summary>
internal interface IJudge
{
    /// <summary>
    /// Asked once for each call that balancing would send there: false sends it elsewhere. Where few are let in (a breaker that is
    /// half open), true takes a place, which the call's outcome gives back.
    /// </summary>
    bool Admits(UpstreamCall call);

    /// <summary>Seconds after which it may let calls in again, where it lets none in; null where it can't tell.</summary>
    int? RetryAfter => null;

    /// <summary>Writes one property into the destination's object at the admin port: <c>"ejections": { … }</c>.</summary>
    void Write(Utf8JsonWriter json);

    /// <summary>How an admitted call ended, whatever that is; called exactly once for each.</summary>
    void Saw(UpstreamCall call, in Outcome outcome);

    /// <summary>An answer has ended whose head it saw. Where that made something else of it, what looked like a success may be none.</summary>
    void Ended(in Outcome? end);
}
