using Postern.Config;

namespace Postern.Edge.Budgeting;

/// <summary>The budget of answers, in C#.</summary>
public static class BudgetExtensions
{
    /// <summary>What an answer may weigh and how long it may take; one past it is counted and logged, never cut.</summary>
    /// <param name="at">The gate, for each of its routes, or the route.</param>
    /// <param name="bytes">How many bytes of body; null for any number.</param>
    /// <param name="latency">From the request's arrival to the last byte of its answer; null for any time.</param>
    public static T Budget<T>(this T at, ByteSize? bytes = null, TimeSpan? latency = null) where T : SectionBuilder
    {
        at.Sections.Off.Remove("budget");
        var options = new BudgetOptions { Bytes = bytes, Latency = latency, Origin = at.Sections.Origin.At("budget") };
        at.Sections.Set<BudgetSection>(o => o with { Budget = options });
        return at;
    }

    /// <summary>This route has no budget, whatever the gate says.</summary>
    public static RouteBuilder BudgetOff(this RouteBuilder route)
    {
        route.Sections.Off.Add("budget");
        route.Sections.Set<BudgetSection>(o => o with { Budget = null });
        return route;
    }
}
