namespace Shop;

/// <summary>A command to try, and what it shows.</summary>
/// <param name="Shows">What the command shows, as a short phrase.</param>
/// <param name="Command">One line for a shell.</param>
public sealed record DemoLine(string Shows, string Command);

/// <summary>The commands that the demo prints. Each works as printed while the demo runs.</summary>
public static class DemoText
{
    /// <summary>The lines for a gateway at <paramref name="gateway"/>, such as <c>http://127.0.0.1:8080</c>.</summary>
    public static IReadOnlyList<DemoLine> Lines(string gateway)
    {
        var url = gateway.TrimEnd('/');
        return
        [
            new("a product, from one of two servers (X-Served-By)", $"curl -si {url}/web/products/7"),
            new("a canary by query: version 2 of the same", $"curl -s '{url}/web/products/7?version=v2'"),
            new("a canary by weight: each phone keeps its side", $"curl -si -H 'X-Device-Id: phone-3' {url}/mobile/v1/products/7"),
            new("an order, placed", $$"""curl -si -H 'Content-Type: application/json' -d '{"items":[{"productId":7,"qty":1}]}' {{url}}/web/orders"""),
            new("server-sent events, as they come", $"curl -sN {url}/web/notifications/stream"),
            new("a redirect the gate answers itself", $"curl -si {url}/web/catalog/7"),
            new("a problem, told in one form everywhere", $"curl -si {url}/partner/v1/invoices"),
        ];
    }
}
