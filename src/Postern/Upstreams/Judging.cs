using Postern.Pipeline;

namespace Postern.Upstreams;

/// <summary>Who judges an upstream's destinations by their calls, and when so few are left that all are called.</summary>
/// <param name="Key">Differs wherever the options that it is made of do.</param>
/// <param name="PanicBelow">The share of destinations without trouble, from 0 to 1, below which all are called.</param>
/// <param name="For">Makes the judges of one destination; called once for each of a set, also for one that DNS finds long after compiling.</param>
internal sealed record Judging(string Key, double PanicBelow, Func<Destination, IJudge[]> For)
{
    /// <summary>What the upstream's options ask for.</summary>
    public static Judging Of(UpstreamScope scope) => new("", 0.5, static _ => []);
}
