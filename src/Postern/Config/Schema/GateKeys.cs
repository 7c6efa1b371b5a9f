namespace Postern.Config.Schema;

/// <summary>The words for the few keys that are no property of a record, in markdown.</summary>
internal static class GateKeys
{
    public const string Include = "The gate's own file, from the directory of this one. Nothing else stands beside it; the file says all there is of the gate.";

    public const string Routes = "What the gate answers, and how. The most specific route wins, wherever it stands in the list.";

    public const string Upstreams = "The services that the gates call, by name. The name is the host of the URLs that call it: `http://orders/api/orders`.";

    public const string Gates = "The gates, by name: each the routes of one kind of client, owned by one team.";

    public static string Method(string method) => method switch
    {
        "any" => "Every method, on this path under the gate's prefix.",
        "get" => "GET, and HEAD where no route says `head`, on this path under the gate's prefix: literals, `{id}`, `{id:int}`, `{**rest}` at the end.",
        _ => $"{method.ToUpperInvariant()} on this path under the gate's prefix.",
    };

    /// <summary>The same without markdown.</summary>
    public static string Plain(string text) => text.Replace("`", "");
}
