using Postern.Backends.Proxying.Mirroring;
using Postern.Config;

namespace Postern.Backends.Proxying;

/// <summary>The proxy's keys in C#.</summary>
public static class ProxyExtensions
{
    /// <summary>Sends requests to one URL: <c>.To("http://orders/api/orders/{id}")</c>.</summary>
    public static RouteBuilder To(this RouteBuilder route, string url) => route.To((url, 1));

    /// <summary>Shares requests among URLs by weight.</summary>
    public static RouteBuilder To(this RouteBuilder route, params (string Url, int Weight)[] targets)
    {
        var at = route.Sections.Origin;
        route.Sections.Set<ProxyOptions>(o => o with
        {
            To = [.. targets.Select((t, i) => new TargetOptions { Url = t.Url, Weight = t.Weight, Origin = Place(i) })],
        });
        return route;

        // A plain URL stands for its own target, as in YAML.
        Origin Place(int i)
        {
            var place = at.At(targets.Length == 1 ? "to" : $"to[{i}]").Fork();
            place.Adopt("url", place);
            return place;
        }
    }

    /// <summary>What keeps a caller on its side of a weighted list: <c>consumer</c>, <c>ip</c>, <c>header:NAME</c>, <c>cookie:NAME</c>.</summary>
    public static T Sticky<T>(this T at, string by) where T : SectionBuilder => at.Proxy(o => o with { Sticky = by });

    /// <summary>Sends the client's <c>Host</c> on.</summary>
    public static T PreserveHost<T>(this T at, bool preserve = true) where T : SectionBuilder => at.Proxy(o => o with { PreserveHost = preserve });

    /// <summary>Another upstream that gets a copy of requests: <c>.Mirror("http://shadow")</c>.</summary>
    public static T Mirror<T>(this T at, string to) where T : SectionBuilder => at.Mirror(new MirrorOptions { To = to });

    /// <summary>The same, and how many requests are copied.</summary>
    public static T Mirror<T>(this T at, MirrorOptions mirror) where T : SectionBuilder
    {
        at.Sections.Off.Remove("mirror");
        return at.Proxy(o => o with { Mirror = mirror });
    }

    /// <summary>Requests of this route aren't copied, whatever the gate says.</summary>
    public static RouteBuilder MirrorOff(this RouteBuilder route)
    {
        route.Sections.Off.Add("mirror");
        return route.Proxy(o => o with { Mirror = null });
    }

    private static T Proxy<T>(this T at, Func<ProxyOptions, ProxyOptions> change) where T : SectionBuilder
    {
        at.Sections.Set(change);
        return at;
    }
}
