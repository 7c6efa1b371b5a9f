using System.Net;
using System.Text.Json;
using Postern.Config;
using Postern.Pipeline;
using Postern.Wire;

namespace Postern.Edge.RateLimiting;

/// <summary>What one caller has left of each limit that has counted it, and how to give it back; for the admin port.</summary>
internal sealed class ConsumerLimits(StatePool state, TimeProvider time)
{
    /// <summary>How long the store may take here. Nobody waits but who asks.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>Who is meant by <c>way:id</c> or an address, as it is counted; null for neither.</summary>
    public static string? CallerOf(string text)
    {
        var bare = text.EndsWith("/64", StringComparison.Ordinal) ? text[..^3] : text;
        // 1 and 0x7f.1 are addresses, too, to who reads them; no request has such.
        var isAddress = bare == "unknown" || (IPAddress.TryParse(bare, out var address) && (bare.Contains(':') || address.ToString() == bare));
        return isAddress ? AddressKey.Of(bare)
            : text.StartsWith('@') ? (text.IndexOf(':') > 1 ? text : null)
            : text.IndexOf(':') > 0 ? "@" + text
            : null;
    }

    /// <summary>Writes what is left, into an object that has begun.</summary>
    public async Task WriteAsync(string caller, Utf8JsonWriter json)
    {
        var (readings, alone) = await ReadAsync(caller);
        json.WriteString("consumer"u8, caller.TrimStart('@'));
        json.WriteString("counted"u8, alone ? "local"u8 : "shared"u8);
        json.WriteStartArray("limits"u8);
        foreach (var (plan, reading) in readings)
        {
            var rule = reading.Rule;
            json.WriteStartObject();
            json.WriteString("plan"u8, plan);
            json.WriteString("limit"u8, rule.Name);
            json.WriteString("algorithm"u8, Scalars.Format(rule.Algorithm));
            json.WriteString("rate"u8, new Rate(rule.Limit, rule.Window).ToString());
            json.WriteNumber("quota"u8, rule.Quota);
            json.WriteNumber("remaining"u8, reading.Remaining);
            json.WriteNumber("resetSeconds"u8, LimitFields.Seconds(reading.Reset));
            json.WriteString("resetAt"u8, (time.GetUtcNow() + reading.Reset).UtcDateTime);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    /// <summary>Forgets what was counted; false where the store, in which it counts, can't be told.</summary>
    public async Task<bool> ResetAsync(string caller)
    {
        var shared = Shared;
        var store = shared?.Store;
        var told = shared is null || store is not null;
        foreach (var (plan, key) in Plans(caller))
        {
            Local?.Reset(plan.Compiled, key);
            if (store is not null && told)
            {
                told = await AskAsync(async () =>
                {
                    await store.ResetAsync(plan.Plan, key);
                    return true;
                });
            }
        }
        foreach (var (plan, key) in AllPlans(caller))
        {
            shared?.Forget(plan, key);
        }
        return told;
    }

    private LocalLimits? Local => state.Live<LocalLimits>().FirstOrDefault();

    private SharedLimits? Shared => Local?.Shared;

    private async Task<(List<(string Plan, LimitReading Reading)> Readings, bool Alone)> ReadAsync(string caller)
    {
        if (Shared?.Store is { } store)
        {
            var all = new List<(string, IReadOnlyList<LimitReading>)>();
            var answered = await AskAsync(async () =>
            {
                foreach (var (plan, key) in Plans(caller))
                {
                    var there = await store.ReadAsync(plan.Plan, key);
                    var here = Here(plan, key, out var isBound);
                    all.Add((plan.Plan.Name, isBound ? [.. there.Zip(here, Less)] : there));
                }
                return true;
            });
            if (answered)
            {
                return (Used(all), false);
            }
        }
        return (Used([.. Plans(caller).Select(p => (p.Plan.Plan.Name, Here(p.Plan, p.Key, out _)))]), true);
    }

    /// <summary>What this instance lets pass by itself: no more than its share, and of what the store has refused no more than came back.</summary>
    private IReadOnlyList<LimitReading> Here(CountedPlan plan, string key, out bool isBound)
    {
        isBound = false;
        var holding = new List<LimitDecision>();
        foreach (var same in state.Live<CountedPlan>().Where(p => p.Plan.Name == plan.Plan.Name && p.Plan.Rules.Count == plan.Plan.Rules.Count))
        {
            if (Shared is { } shared && shared.IsBound(same, key, out var refused))
            {
                isBound = true;
                if (refused is { } still)
                {
                    holding.Add(still);
                }
            }
        }
        LimitReading[] readings = [.. Local!.Read(plan.Compiled.ForOneOf(Shared?.Instances ?? 1), key)];
        foreach (var refused in holding)
        {
            ref var reading = ref readings[refused.Tightest];
            reading = refused.Reset > reading.Reset ? reading with { Remaining = refused.Remaining, Reset = refused.Reset } : reading;
        }
        return readings;
    }

    /// <summary>Of a rule that two places decide: what passes both.</summary>
    private static LimitReading Less(LimitReading there, LimitReading here) =>
        there with { Remaining = Math.Min(there.Remaining, here.Remaining), Reset = there.Reset > here.Reset ? there.Reset : here.Reset };

    /// <summary>The plans that may have counted the caller. Those of one name share their counters, whichever of them a route uses.</summary>
    private List<(CountedPlan Plan, string Key)> Plans(string caller) =>
        [.. AllPlans(caller).DistinctBy(p => (p.Plan.Plan.Name, p.Key)).OrderBy(p => p.Plan.Plan.Name, StringComparer.Ordinal)];

    private IEnumerable<(CountedPlan Plan, string Key)> AllPlans(string caller) =>
        state.Live<CountedPlan>().Select(p => (Plan: p, Key: p.Key.Of(caller)!)).Where(p => p.Key is not null);

    /// <summary>What has counted something that has not come back yet.</summary>
    private static List<(string, LimitReading)> Used(List<(string Plan, IReadOnlyList<LimitReading> Readings)> all) =>
        [.. all.SelectMany(p => p.Readings.Where(r => r.Reset > TimeSpan.Zero).Select(r => (p.Plan, r)))];

    /// <summary>Asks the store; false where it fails or takes too long.</summary>
    private async Task<bool> AskAsync(Func<Task<bool>> ask)
    {
        try
        {
            return await ask().WaitAsync(Patience, time);
        }
        catch (Exception) // Whatever it throws; its state is told by log and metrics already.
        {
            return false;
        }
    }
}
