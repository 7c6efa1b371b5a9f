using FsCheck;
using FsCheck.Fluent;
using Postern.Edge.RateLimiting;
using Postern.Edge.RateLimiting.Counting;

namespace Postern.Tests.Edge.RateLimiting.Counting;

/// <summary>The counters decide what the model decides, and what they promise for later comes true.</summary>
public sealed class DefinitionTests
{
    [Theory]
    [InlineData(LimitAlgorithm.FixedWindow)]
    [InlineData(LimitAlgorithm.SlidingWindow)]
    [InlineData(LimitAlgorithm.TokenBucket)]
    [InlineData(LimitAlgorithm.SlidingLog)]
    public void Each_algorithm_does_what_its_definition_says(LimitAlgorithm algorithm) => Hold(Scenario.Any(1, 1, algorithm));

    [Fact]
    public void The_rules_of_a_plan_are_decided_at_once() => Hold(Scenario.Any(5, 1, Enum.GetValues<LimitAlgorithm>()));

    [Theory]
    [InlineData(LimitAlgorithm.FixedWindow)]
    [InlineData(LimitAlgorithm.SlidingWindow)]
    [InlineData(LimitAlgorithm.TokenBucket)]
    [InlineData(LimitAlgorithm.SlidingLog)]
    public void What_was_counted_stays_when_the_number_of_instances_changes(LimitAlgorithm algorithm) => Hold(Scenario.Any(2, 5, algorithm));

    private static void Hold(Arbitrary<Scenario> scenarios) =>
        Prop.ForAll(scenarios, scenario => Told(Follow(scenario))).Check(FsCheck.Config.QuickThrowOnFailure.WithMaxTest(600));

    private static Property Told(string? wrong) => (wrong is null).Label(wrong ?? "");

    /// <summary>Sends the requests to both; returns what differs.</summary>
    private static string? Follow(Scenario scenario)
    {
        var (counters, model, now) = (new LocalCounters(), new Model(scenario.Plan), scenario.Start);
        for (var i = 0; i < scenario.Steps.Count; i++)
        {
            var step = scenario.Steps[i];
            var share = CompiledPlan.Compile(scenario.Using(step)).ForOneOf(step.Instances);
            now = Math.Max(0, now + step.Later);
            var passes = step.Rules.All(r => model.Passes(r, now, step.Cost, step.Instances));
            var decision = counters.Take(share, "key", step.Cost, now);
            if (decision.Passes != passes)
            {
                return $"step {i}: passes {decision.Passes}";
            }
            if (passes)
            {
                model.Add(step.Rules, now, step.Cost, step.Instances);
            }
            var wrong = (passes ? null : Wait(model, step, now, decision)) ?? Readings(counters, share, model, step, now, decision);
            if (wrong is not null)
            {
                return $"step {i}: {wrong}";
            }
        }
        return null;
    }

    /// <summary>A request at the end of the wait passes and one a microsecond earlier does not, and the reported rule is why.</summary>
    private static string? Wait(Model model, Step step, long now, LimitDecision decision)
    {
        var end = now + Microseconds(decision.RetryAfter);
        foreach (var r in step.Rules)
        {
            if (model.NeverPasses(r, step.Cost))
            {
                var window = model.Window(r) * model.Tick(r);
                if (window > end - now || r == decision.Tightest && window != end - now)
                {
                    return $"rule {r} never passes";
                }
            }
            else if (end - now == Tally.LongestTime && r == decision.Tightest)
            {
                return model.Passes(r, end - 1, step.Cost, step.Instances) ? $"rule {r} waits for ever" : null;
            }
            else if (!model.Passes(r, end, step.Cost, step.Instances))
            {
                return $"rule {r} refuses after the wait of {decision.RetryAfter}";
            }
            else if (model.Passes(r, end - 1, step.Cost, step.Instances) == (r == decision.Tightest) || r < decision.Tightest && !model.Passes(r, end - 1, step.Cost, step.Instances))
            {
                // Another rule may end its wait at the same moment; the first such is reported.
                if (r <= decision.Tightest)
                {
                    return $"rule {r}: the wait is {decision.RetryAfter} by rule {decision.Tightest}";
                }
            }
        }
        return null;
    }

    private static string? Readings(LocalCounters counters, CompiledPlan share, Model model, Step step, long now, LimitDecision decision)
    {
        var readings = counters.Read(share, "key", now);
        for (var r = 0; r < model.Count; r++)
        {
            var (left, quota, end) = (readings[r].Remaining, Model.Quota(model.Shared(r, step.Instances)), now + Microseconds(readings[r].Reset));
            if (left < quota && model.Passes(r, now, left + 1, step.Instances) || left > 0 && !model.Passes(r, now, left, step.Instances))
            {
                return $"rule {r}: {left} left of {quota}";
            }
            if (left == quota ? end != now : end - now != Tally.LongestTime && !model.Passes(r, end, quota, step.Instances) || model.Passes(r, end - 1, quota, step.Instances))
            {
                return $"rule {r}: whole again in {readings[r].Reset}";
            }
            var tightest = readings[decision.Tightest];
            if (r == decision.Tightest && (left, readings[r].Reset) != (decision.Remaining, decision.Reset))
            {
                return $"rule {r}: the decision says {decision}, the reading {readings[r]}";
            }
            if (decision.Passes && step.Rules.Contains(r) && (left < tightest.Remaining || left == tightest.Remaining && r < decision.Tightest))
            {
                return $"rule {r} is tighter than {decision.Tightest}";
            }
        }
        return null;
    }

    private static long Microseconds(TimeSpan time) => time.Ticks / TimeSpan.TicksPerMicrosecond;
}
