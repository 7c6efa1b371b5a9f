using Microsoft.AspNetCore.Http;

namespace Postern.Tests.Backends.Composing;

public sealed class LocaleTests
{
    private const string Page = """
        - get: /page
          locale: [en-US, de-DE]
          compose:
            product: { get: http://svc/product }
          shape: "{price: money(product.price, product.currency), since: date(product.at, 'long'), name: product.name}"
        - get: /plain
          locale: [en-US, de-DE]
          compose:
            product: { get: http://svc/product }
          shape: "{name: product.name}"
        - get: /proxied
          locale: [en-US, de-DE]
          to: http://svc/product
          shape: "{price: money(price, currency)}"
        """;

    [Fact]
    public async Task The_clients_language_decides_how_amounts_and_dates_are_written()
    {
        await using var services = Services.Start().On("/product", Vary("""{"price": 1149.90, "currency": "EUR", "at": "2025-07-29T16:45:00Z", "name": "Keyboard"}"""));
        await using var gateway = await services.GatewayAsync(Page);
        using var client = gateway.Client();

        Assert.Equal(("""{"price":"€1,149.90","since":"July 29, 2025","name":"Keyboard"}""", "Accept-Language"), await Ask(client, "/page", null));
        Assert.Equal(("{\"price\":\"1.149,90\u00a0€\",\"since\":\"29. Juli 2025\",\"name\":\"Keyboard\"}", "Accept-Language"), await Ask(client, "/page", "fr, de-CH;q=0.9, en;q=0.5"));
        Assert.Equal(("""{"name":"Keyboard"}""", ""), await Ask(client, "/plain", "de"));
        Assert.Equal(("{\"price\":\"1.149,90\u00a0€\"}", "Origin, Accept-Language"), await Ask(client, "/proxied", "de"));
    }

    private static RequestDelegate Vary(string json) => context =>
    {
        context.Response.ContentType = "application/json";
        context.Response.Headers.Vary = "Origin";
        return context.Response.WriteAsync(json);
    };

    private static async Task<(string Body, string Vary)> Ask(HttpClient client, string path, string? languages)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (languages is not null)
        {
            request.Headers.Add("Accept-Language", languages);
        }
        using var answer = await client.SendAsync(request);
        return (await answer.Content.ReadAsStringAsync(), answer.Headers.Vary.ToString());
    }
}
