using System.Globalization;
using Postern.Wire;

namespace Postern.Edge.RateLimiting;

/// <summary>
/// How an answer tells of a limit: the structured fields <c>RateLimit</c> and <c>RateLimit-Policy</c> of the IETF's draft
/// (draft-ietf-httpapi-ratelimit-headers-10) and the three older ones. The texts repeat, so the last ones are kept.
/// </summary>
internal sealed class LimitFields(LimitRule rule)
{
    private const int Kept = 256;

    /// <summary>Numbers as text, made when first needed.</summary>
    private static readonly string?[] Small = new string?[16 << 10];

    private readonly string limit = Text(rule.Quota);
    private readonly Said?[] said = new Said?[Kept];

    /// <summary>A limit as <c>RateLimit-Policy</c> says it: its quota, and the seconds in which all of it comes back.</summary>
    public static string Policy(LimitRule rule) =>
        string.Create(CultureInfo.InvariantCulture, $"\"{rule.Name}\";q={rule.Quota};w={Window(rule)}");

    /// <summary>A whole number of seconds that is never too short.</summary>
    public static long Seconds(TimeSpan time) => (time.Ticks + TimeSpan.TicksPerSecond - 1) / TimeSpan.TicksPerSecond;

    /// <summary>Seconds after which the same request would pass.</summary>
    public static int RetryAfter(in LimitDecision decision) => (int)Math.Clamp(Seconds(decision.RetryAfter), 1, int.MaxValue);

    /// <summary>Adds the fields that report this rule. A refusal's all point to the moment at which the request would pass: the draft
    /// calls that the time until more quota is available, and its older versions the time of <c>Retry-After</c>.</summary>
    public void AddTo(FieldList fields, string policy, in LimitDecision decision)
    {
        var (remaining, reset) = (decision.Remaining, decision.Passes ? Seconds(decision.Reset) : RetryAfter(decision));
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

    private static long Window(LimitRule rule)
    {
        var ticks = rule.Algorithm == LimitAlgorithm.TokenBucket ? (Int128)rule.Window.Ticks * rule.Capacity / rule.Limit : rule.Window.Ticks;
        return (long)((ticks + TimeSpan.TicksPerSecond - 1) / TimeSpan.TicksPerSecond);
    }

    private static string Text(long number)
    {
        if ((ulong)number >= (ulong)Small.Length)
        {
            return number.ToString(CultureInfo.InvariantCulture);
        }
        return Small[number] ??= number.ToString(CultureInfo.InvariantCulture);
    }

    private sealed record Said(long Remaining, long Reset, string Text);
}
