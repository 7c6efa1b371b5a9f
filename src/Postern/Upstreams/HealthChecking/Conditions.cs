using Postern.Pipeline;

namespace Postern.Upstreams.HealthChecking;

/// <summary>How the destinations of one upstream are. It outlives every change of the options but the last: where nothing is asked any more, all is forgotten.</summary>
internal sealed class Conditions : IDisposable
{
    private readonly PerDestination<Condition> each = new();

    public static Conditions Of(UpstreamScope scope) => scope.State.Keep("conditions", scope.Upstream.Name, static () => new Conditions());

    public Condition Of(Destination destination) => each.Of(destination, static _ => new Condition());

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (destination, condition) in each.All)
        {
            condition.Forget(destination);
        }
    }
}
