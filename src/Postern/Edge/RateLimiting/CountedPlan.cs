using Postern.Edge.RateLimiting.Counting;
using Postern.Pipeline;

namespace Postern.Edge.RateLimiting;

/// <summary>
/// A plan ready to be decided and told of: its arithmetic, the fields that report it, and what is counted apart under it. Routes
/// with the same plan share it, and a reload that leaves it alone keeps it.
/// </summary>
internal sealed class CountedPlan
{
    private readonly LimitFields[] fields;

    private CountedPlan(LimitPlan plan, LimitKey key)
    {
        (Plan, Key, Compiled) = (plan, key, CompiledPlan.Compile(plan));
        Policy = string.Join(", ", plan.Uses.Select(u => LimitFields.Policy(plan.Rules[u])));
        fields = [.. plan.Rules.Select(r => new LimitFields(r))];
    }

    /// <summary>The limits.</summary>
    public LimitPlan Plan { get; }

    /// <summary>The same, to count with.</summary>
    public CompiledPlan Compiled { get; }

    /// <summary>What is counted apart.</summary>
    public LimitKey Key { get; }

    /// <summary><c>RateLimit-Policy</c>, the same on each answer.</summary>
    public string Policy { get; }

    /// <summary>The plan of these rules. They are within the bounds of <see cref="CompiledPlan"/>.</summary>
    public static CountedPlan Of(StatePool state, LimitPlan plan, LimitKey key)
    {
        var rules = string.Join('\n', plan.Rules.Select(r => $"{r.Name} {r.Algorithm} {r.Limit} {r.Window.Ticks} {r.Capacity}"));
        return state.Keep("limit plans", $"{plan.Name}\n{key.Identity}\n\n{rules}\n{string.Join(' ', plan.Uses)}", () => new CountedPlan(plan, key));
    }

    /// <summary>The fields that report a rule.</summary>
    public LimitFields FieldsOf(int rule) => fields[rule];
}
