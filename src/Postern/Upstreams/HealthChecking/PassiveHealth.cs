using System.Runtime.CompilerServices;
using System.Text.Json;
using Postern.Pipeline;

namespace Postern.Upstreams.HealthChecking;

/// <summary>What an upstream's <c>passive</c> asks for: a judge for each destination, kept over reloads that don't change its options.</summary>
internal sealed class PassiveHealth
{
    private readonly Ejections ejections;
    private readonly ConditionalWeakTable<Destination, Judge> each = [];

    private PassiveHealth(PassivePlan plan, Ejections ejections) => (Plan, this.ejections) = (plan, ejections);

    public PassivePlan Plan { get; }

    /// <summary>Null where the upstream has no <c>passive</c>.</summary>
    public static PassiveHealth? Of(UpstreamScope scope)
    {
        if (PassivePlan.Of(scope.Options<HealthSection>().Health) is not { } plan)
        {
            return null;
        }
        var ejections = Ejections.Of(scope);
        return scope.State.Keep("passive health", $"{scope.Upstream.Name} {plan}", () => new PassiveHealth(plan, ejections));
    }

    public IJudge Of(Destination destination) => each.GetValue(destination, d => new Judge(d, Plan, ejections));

    /// <summary>Counts how one destination's calls end, and has it ejected where too many fail. It refuses none itself.</summary>
    private sealed class Judge(Destination destination, PassivePlan plan, Ejections ejections) : IJudge
    {
        private readonly Ejection ejection = ejections.Of(destination);
        private FailureCount count = new(plan.Rule);

        public bool Admits(UpstreamCall call) => true;

        public void Saw(UpstreamCall call, in Outcome outcome)
        {
            // While it is out, what comes back was sent before, or in panic.
            if (plan.Rule.Judge(outcome) is { } failed && !ejection.IsOut && count.Add(ejections.Now, failed) is { } why)
            {
                Eject(why, outcome.Kind != OutcomeKind.Answered);
            }
        }

        public void Ended(in Outcome? end)
        {
            if (end is not { } changed)
            {
                count.Whole();
            }
            else if (plan.Rule.Judge(changed) == true && !ejection.IsOut && count.Revoke(ejections.Now) is { } why)
            {
                Eject(why, silent: false);
            }
        }

        public void Write(Utf8JsonWriter json) => ejection.Write(json);

        private void Eject(string why, bool silent)
        {
            if (ejections.Eject(destination, ejection, plan, why, silent))
            {
                // What was before says nothing of how it is when it comes back.
                count = new FailureCount(plan.Rule);
            }
        }
    }
}
