using System.Globalization;
using Postern.Wire;

namespace Postern.Edge.RateLimiting;

/// <summary>
/// How an answer tells of a limit: the structured fields <c>RateLimit</c> and <c>RateLimit-Policy</c> of the IETF's draft
/// (draft-ietf-httpapi-ratelimit-headers-10) and the three older ones. The texts repeat, so the last ones are kept.
/// </summary>
internal sealed class LimitFields(LimitRule rule)
{
    private const int Kept = 64;
    private static readonly string[] Small = [.. Enumerable.Range(0, 1024).Select(n => n.ToString(CultureInfo.InvariantCulture))];

    private readonly string limit = Text(Quota(rule));
    private readonly Said?[] said = new Said?[Kept];

    /// <summary>A limit as <c>RateLimit-Policy</c> says it: its quota, and the seconds in which all of it comes back.</summary>
    public static string Policy(LimitRule rule) =>
        string.Create(CultureInfo.InvariantCulture, $"\"{rule.Name}\";q={Quota(rule)};w={Math.Max(1, Seconds(rule.Algorithm == LimitAlgorithm.TokenBucket ? rule.Window * rule.Capacity / rule.Limit : rule.Window))}");

    /// <summary>A whole number of seconds that is never too short.</summary>
    public static long Seconds(TimeSpan time) => (time.Ticks + TimeSpan.TicksPerSecond - 1) / TimeSpan.TicksPerSecond;

    /// <summary>Adds the fields that report this rule.</summary>
    public void AddTo(FieldList fields, string policy, in LimitDecision decision)
    {
        var (remaining, reset) = (decision.Remaining, Seconds(decision.Reset));
        fields.Add("RateLimit-Policy", policy);
        fields.Add("RateLimit", Current(remaining, reset));
        fields.Add("RateLimit-Limit", limit);
        fields.Add("RateLimit-Remaining", Text(remaining));
        fields.Add("RateLimit-Reset", Text(reset));
    }

    private string Current(long remaining, long reset)
    {
        ref var place = ref said[(int)((ulong)(remaining * 31 + reset) % Kept)];
        var last = place;
        if (last is null || last.Remaining != remaining || last.Reset != reset)
        {
            place = last = new Said(remaining, reset, string.Create(CultureInfo.InvariantCulture, $"\"{rule.Name}\";r={remaining};t={reset}"));
        }
        return last.Text;
    }

    private static long Quota(LimitRule rule) => rule.Algorithm == LimitAlgorithm.TokenBucket ? rule.Capacity : rule.Limit;

    private static string Text(long number) => (ulong)number < (ulong)Small.Length ? Small[number] : number.ToString(CultureInfo.InvariantCulture);

    private sealed record Said(long Remaining, long Reset, string Text);
}
