using System.Globalization;

namespace Postern.Config;

/// <summary>So many requests in a time, written <c>10/s</c>, <c>100/minute</c>, <c>5/hour</c>, <c>1000/day</c>, <c>1/month</c>
/// (30 days), or with a time of its own: <c>100/10s</c>. Or <c>none</c>.</summary>
/// <param name="Count">How many; 0 for none.</param>
/// <param name="Per">In what time.</param>
public readonly record struct Rate(long Count, TimeSpan Per)
{
    /// <summary>The most that may be written before the <c>/</c>.</summary>
    public const long MaxCount = 1_000_000;

    /// <summary>The longest time that a rate is over: a month.</summary>
    public static readonly TimeSpan LongestPer = TimeSpan.FromDays(30);

    private static readonly (string[] Words, TimeSpan Per)[] Units =
    [
        (["s", "sec", "second"], TimeSpan.FromSeconds(1)), (["m", "min", "minute"], TimeSpan.FromMinutes(1)), (["h", "hour"], TimeSpan.FromHours(1)),
        (["d", "day"], TimeSpan.FromDays(1)), (["w", "week"], TimeSpan.FromDays(7)), (["month"], TimeSpan.FromDays(30)),
    ];

    /// <summary>No requests at all.</summary>
    public static Rate None => default;

    /// <summary>Whether it lets nothing through.</summary>
    public bool IsNone => Count == 0;

    /// <summary>So many a second.</summary>
    public static Rate PerSecond(long count) => new(count, TimeSpan.FromSeconds(1));

    /// <summary>So many a minute.</summary>
    public static Rate PerMinute(long count) => new(count, TimeSpan.FromMinutes(1));

    /// <summary>So many an hour.</summary>
    public static Rate PerHour(long count) => new(count, TimeSpan.FromHours(1));

    /// <summary>So many a day.</summary>
    public static Rate PerDay(long count) => new(count, TimeSpan.FromDays(1));

    /// <summary>What is wrong with it; null for nothing.</summary>
    internal string? Problem =>
        IsNone ? null
        : Count is < 0 or > MaxCount ? $"a rate's number is between 1 and {MaxCount}, got {Count}; write {(Count > MaxCount ? $"{MaxCount} or less" : "1 or more")}"
        : Per < TimeSpan.FromSeconds(1) || Per > LongestPer ? $"a rate is over a second to a month, got {Scalars.Format(Per)}; write 10/s, 100/minute or 1/month"
        : null;

    /// <summary>Reads <c>100/minute</c>. Whether a limit can be so high, or over so short a time, is for whoever uses it to say.</summary>
    public static bool TryParse(string text, out Rate rate)
    {
        rate = default;
        if (text == "none")
        {
            return true;
        }
        var at = text.IndexOf('/');
        if (at < 0 || !long.TryParse(text.AsSpan(0, at), NumberStyles.None, CultureInfo.InvariantCulture, out var count) || count < 1)
        {
            return false;
        }
        var unit = text[(at + 1)..];
        var per = Array.Find(Units, u => u.Words.Contains(unit)).Per;
        if (per == default && !(Scalars.TryDuration(unit, out per) && per > TimeSpan.Zero && per <= Scalars.Longest))
        {
            return false;
        }
        rate = new Rate(count, per);
        return true;
    }

    /// <summary>As it would be written.</summary>
    public override string ToString()
    {
        var per = Per;
        return IsNone ? "none" : $"{Count.ToString(CultureInfo.InvariantCulture)}/{Array.Find(Units, u => u.Per == per).Words?[^1] ?? Scalars.Format(Per)}";
    }
}
