using System.Net;
using Shop;

namespace Postern.Tests.Samples;

/// <summary>Calls the shop's services themselves, each in the version of HTTP that it speaks.</summary>
internal sealed class ShopClient(Func<ShopServices?> shop) : DelegatingHandler(new SocketsHttpHandler())
{
    public static HttpClient New(Func<ShopServices?> shop) => new(new ShopClient(shop)) { Timeout = TimeSpan.FromSeconds(10) };

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (shop()?.Urls["inventory"].Any(u => new Uri(u).Port == request.RequestUri!.Port) is true)
        {
            (request.Version, request.VersionPolicy) = (HttpVersion.Version20, HttpVersionPolicy.RequestVersionExact);
        }
        return base.SendAsync(request, cancellationToken);
    }
}
