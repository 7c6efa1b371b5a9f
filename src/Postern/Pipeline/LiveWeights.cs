using Postern.Wire;

namespace Postern.Pipeline;

/// <summary>
/// How a route's targets share its requests. The admin port may change it; the change lasts as long as the configuration of the gate
/// stays what it is, through reloads of other gates too. Requests read one immutable set of shares and wait for nobody.
/// </summary>
internal sealed class LiveWeights
{
    /// <summary>The largest weight.</summary>
    public const int Most = 1_000_000;

    private readonly Lock gate = new();
    private volatile Shares now;

    /// <param name="targets">The targets in the order written.</param>
    public LiveWeights(IReadOnlyList<WeighedTarget> targets)
    {
        Targets = targets;
        now = new Shares([.. targets.Select(t => t.Written)], null);
    }

    /// <summary>The targets in the order written.</summary>
    public IReadOnlyList<WeighedTarget> Targets { get; }

    /// <summary>The shares of this moment.</summary>
    public Shares Now => now;

    /// <summary>The weights of one route; the same object until its gate says anything else than it does now.</summary>
    public static LiveWeights Of(RouteScope scope, IReadOnlyList<WeighedTarget> targets) => targets.Count == 1
        ? new LiveWeights(targets)
        : scope.State.Keep("weights", $"{scope.Gate.Name} {scope.GateText} {scope.Gate.Routes.IndexOf(scope.Route)}", () => new LiveWeights(targets));

    /// <summary>Changes the weights of the targets that are named, by their URL or by their upstream; the others keep theirs. Returns why not, or null.</summary>
    public string? Set(IReadOnlyDictionary<string, int> weights, DateTimeOffset at)
    {
        if (Targets.Count == 1)
        {
            return "the route has one target, which gets every request";
        }
        lock (gate)
        {
            int[] next = [.. now.Weights];
            foreach (var (name, weight) in weights)
            {
                var (found, problem) = Find(name);
                if (problem is not null)
                {
                    return problem;
                }
                if (weight is < 0 or > Most)
                {
                    return $"a weight is between 0 and {Most}, got {weight} for '{name}'";
                }
                next[found] = weight;
            }
            if (next.All(w => w == 0))
            {
                return "every weight would be 0, so nothing could be sent; give one target a weight";
            }
            now = new Shares(next, at);
            return null;
        }
    }

    private (int Found, string? Problem) Find(string name)
    {
        var found = Enumerable.Range(0, Targets.Count).Where(i => Targets[i].Url == name).ToList();
        if (found.Count == 0)
        {
            found = [.. Enumerable.Range(0, Targets.Count).Where(i => Targets[i].Upstream == name)];
        }
        return found.Count switch
        {
            1 => (found[0], null),
            0 => (0, $"no target '{name}' (there are: {string.Join(", ", Targets.Select(t => t.Url))})"),
            _ => (0, $"several targets are '{name}'; name one by its URL (there are: {string.Join(", ", Targets.Select(t => t.Url))})"),
        };
    }

    /// <summary>One set of weights.</summary>
    public sealed class Shares
    {
        private readonly WeightLine line;

        public Shares(int[] weights, DateTimeOffset? since) => (Weights, Since, line) = (weights, since, new WeightLine(weights));

        /// <summary>By target, in the order written.</summary>
        public IReadOnlyList<int> Weights { get; }

        /// <summary>When the admin port set them; null where they are as written.</summary>
        public DateTimeOffset? Since { get; }

        /// <summary>The target at a point from 0 to 1; one without weight is at none.</summary>
        public int At(double point) => line.At(point);

        /// <summary>A target's part of all requests, from 0 to 1.</summary>
        public double Of(int target) => Weights[target] / (double)line.Total;
    }
}

/// <summary>One target of a route.</summary>
/// <param name="Url">As it was written.</param>
/// <param name="Upstream">The upstream that it names.</param>
/// <param name="Written">The weight that it was given there.</param>
internal sealed record WeighedTarget(string Url, string Upstream, int Written);
