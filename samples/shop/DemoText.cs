namespace Shop;

/// <summary>A command to try, and what it shows.</summary>
/// <param name="Shows">What the command shows, as a short phrase.</param>
/// <param name="Command">One line for a shell.</param>
public sealed record DemoLine(string Shows, string Command);

/// <summary>The commands that the demo prints. Each works as printed while the demo runs.</summary>
public static class DemoText
{
    /// <summary>The partner's key, whose hash is in <c>keys.yaml</c>. Everyone has read it: it is for the desk only.</summary>
    public const string PartnerKey = "pk_for_the_desk_only";

    /// <summary>The lines for a gateway at <paramref name="gateway"/>, such as <c>http://127.0.0.1:8080</c>.</summary>
    /// <param name="gateway">The gateway's URL.</param>
    /// <param name="token">The command that prints a token for the first user; options may follow it.</param>
    public static IReadOnlyList<DemoLine> Lines(string gateway, string token)
    {
        var url = gateway.TrimEnd('/');
        var bearer = $"-H \"Authorization: Bearer $({token})\"";
        var opaque = $"-H \"Authorization: Bearer $({token} --opaque --sub usr_b80e2)\"";
        var reader = $"-H \"Authorization: Bearer $({token} --scopes orders.read)\"";
        var free = $"-H \"Authorization: Bearer $({token} --sub usr_c35d9 --plan free)\"";
        const string Key = $"-H 'X-Api-Key: {PartnerKey}'";
        const string Order = """-H 'Content-Type: application/json' -d '{"items":[{"productId":7,"qty":1}]}'""";
        return
        [
            new("anyone: a product, from one of two servers (X-Served-By)", $"curl -si {url}/web/products/7"),
            new("anyone: a canary by query, version 2 of the same", $"curl -s '{url}/web/products/7?version=v2'"),
            new("anyone: a canary by weight, each phone keeps its side", $"curl -si -H 'X-Device-Id: phone-3' {url}/mobile/v1/products/7"),
            new("nobody: what the gate says to those it doesn't know", $"curl -si {url}/web/profile"),
            new("a customer on the web, by a JWT: their own profile", $"curl -si {bearer} {url}/web/profile"),
            new("one request for three services: the dashboard of the site", $"curl -s {bearer} {url}/web/dashboard"),
            new("the same for the phone, in a quarter of the bytes", $"curl -s {bearer} {url}/mobile/v1/dashboard"),
            new("a customer on the web, by an opaque token: their own orders", $"curl -s {opaque} {url}/web/orders"),
            new("the same caller, as services are told of them", $"curl -s {opaque} {url}/web/caller"),
            new("a customer on the phone, by a JWT: an order, placed", $"curl -si {bearer} {Order} {url}/mobile/v1/orders"),
            new("the same with a token that allows reading only", $"curl -si {reader} {Order} {url}/mobile/v1/orders"),
            new("a partner, by an API key", $"curl -si {Key} {url}/partner/v1/users/usr_a41c7"),
            new("the same key, where it may not go", $"curl -si {Key} {url}/partner/v1/documents"),
            new("four searches at once: the plan free has two, and says when there will be more (429)", $"curl -si -w '\\n' {free} '{url}/web/search?q={{desk,lamp,bag,clock}}'"),
            new("the same plan, which doesn't include imports", $"curl -si -X POST {free} {url}/web/documents/import"),
            new("server-sent events, as they come", $"curl -sN {bearer} {url}/web/notifications/stream"),
            new("a redirect the gate answers itself", $"curl -si {url}/web/catalog/7"),
            new("a problem, told in one form everywhere", $"curl -si {url}/partner/v1/invoices"),
        ];
    }
}
