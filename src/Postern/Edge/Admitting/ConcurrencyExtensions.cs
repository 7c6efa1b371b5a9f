namespace Postern.Edge.Admitting;

/// <summary>The bounds on what is in progress, in C#.</summary>
public static class ConcurrencyExtensions
{
    /// <summary>How many requests may be in progress, on the whole gate or on one route; null for no bound, whatever the gate says.</summary>
    /// <param name="at">The gate or route.</param>
    /// <param name="requests">How many.</param>
    /// <param name="queue">How many more may wait.</param>
    /// <param name="queueTimeout">How long one may wait; a second where nothing is said.</param>
    public static T MaxConcurrent<T>(this T at, int? requests, int queue = 0, TimeSpan? queueTimeout = null) where T : SectionBuilder
    {
        Switch(at, "maxConcurrent", requests is null);
        var options = requests is null ? null : new MaxConcurrentOptions
        {
            Requests = requests,
            Queue = queue,
            QueueTimeout = queueTimeout,
            Origin = at.Sections.Origin.At("maxConcurrent"),
        };
        at.Sections.Set<ConcurrencySection>(o => o with { MaxConcurrent = options });
        return at;
    }

    /// <summary>How many requests one caller may have in progress, on the whole gate or on one route; null for no bound, whatever the gate says.</summary>
    public static T MaxConcurrentPerConsumer<T>(this T at, int? requests) where T : SectionBuilder
    {
        Switch(at, "maxConcurrentPerConsumer", requests is null);
        at.Sections.Set<ConcurrencySection>(o => o with { MaxConcurrentPerConsumer = requests });
        return at;
    }

    private static void Switch(SectionBuilder at, string key, bool off)
    {
        if (off)
        {
            at.Sections.Off.Add(key);
        }
        else
        {
            at.Sections.Off.Remove(key);
        }
    }
}
