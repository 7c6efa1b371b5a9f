using Microsoft.AspNetCore.Builder;

namespace Shop;

/// <summary>
/// The shop's services and its authorization server, running. Each is an HTTP server of its own on its own loopback port;
/// products v1 has two of them. Their answers depend on nothing but the request (and the orders placed before it).
/// </summary>
public sealed class ShopServices : IAsyncDisposable
{
    /// <summary>Every destination: the upstream it belongs to, the port that <c>postern.yaml</c> names, what it answers.</summary>
    private static readonly (string Upstream, int Port, Func<GatewayTokens, Action<WebApplication>> Routes)[] Destinations =
    [
        ("products", 5001, _ => Products.MapV1),
        ("products", 5011, _ => Products.MapV1),
        ("products-v2", 5021, _ => Products.MapV2),
        ("users", 5002, tokens => new Users(tokens).Map),
        ("orders", 5003, _ => new Orders().Map),
        ("notifications", 5004, _ => Notifications.Map),
        ("documents", 5005, _ => Documents.Map),
        ("inventory", 5006, _ => Inventory.Map),
        ("prices", 5007, _ => Prices.Map),
        ("reviews", 5008, _ => Reviews.Map),
    ];

    private const int AuthorizationPort = 5009;

    private readonly Service[] services;
    private readonly GatewayTokens tokens;

    private ShopServices(Service[] services, Service authorization, GatewayTokens tokens)
    {
        this.tokens = tokens;
        this.services = [.. services, authorization];
        AuthorizationUrl = authorization.Url;
        Urls = services.GroupBy(s => s.Upstream).ToDictionary(g => g.Key, g => (IReadOnlyList<string>)[.. g.Select(s => s.Url)]);
    }

    /// <summary>The shop's <c>postern.yaml</c>, as copied beside the program.</summary>
    public static string ConfigFile => Path.Combine(AppContext.BaseDirectory, "shop", "postern.yaml");

    /// <summary>The URLs that <c>postern.yaml</c> names, by upstream.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<string>> PreferredUrls { get; } =
        Destinations.GroupBy(d => d.Upstream).ToDictionary(g => g.Key, g => (IReadOnlyList<string>)[.. g.Select(d => $"http://127.0.0.1:{d.Port}")]);

    /// <summary>The authorization server's URL, as <c>postern.yaml</c> names it.</summary>
    public static string PreferredAuthorizationUrl => $"http://127.0.0.1:{AuthorizationPort}";

    /// <summary>Where the authorization server runs now. It is no upstream: no gate leads to it.</summary>
    public string AuthorizationUrl { get; }

    /// <summary>The URL of the gateway in front, whose keys verify what it says of callers; null where there is none.</summary>
    public string? Gateway
    {
        get => tokens.Gateway;
        set => tokens.Gateway = value;
    }

    /// <summary>Where each upstream runs now, by the name it has in <c>postern.yaml</c>.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Urls { get; }

    /// <summary>Starts all services on free ports; with <paramref name="preferredPorts"/> on those that <c>postern.yaml</c>
    /// names, and on a free one where such a port is taken.</summary>
    public static async Task<ShopServices> StartAsync(bool preferredPorts = false, CancellationToken cancellationToken = default)
    {
        var tokens = new GatewayTokens(TimeProvider.System);
        var numbers = new Dictionary<string, int>();
        var starting = new List<Task<Service>>();
        foreach (var (upstream, port, routes) in Destinations)
        {
            var number = numbers[upstream] = numbers.GetValueOrDefault(upstream) + 1;
            starting.Add(Service.StartAsync(upstream, $"{upstream}-{number}", preferredPorts ? port : 0, routes(tokens), cancellationToken, grpc: upstream == "inventory"));
        }
        var authorization = new AuthorizationServer(TimeProvider.System);
        var authorizing = Service.StartAsync("auth", "auth-1", preferredPorts ? AuthorizationPort : 0, authorization.Map, cancellationToken);
        starting.Add(authorizing);
        try
        {
            await Task.WhenAll(starting);
            authorization.Issuer = authorizing.Result.Url;
            return new ShopServices([.. starting.SkipLast(1).Select(s => s.Result)], authorizing.Result, tokens);
        }
        catch
        {
            foreach (var started in starting.Where(s => s.IsCompletedSuccessfully))
            {
                await started.Result.DisposeAsync();
            }
            tokens.Dispose();
            throw;
        }
    }

    /// <summary>Stops one destination and keeps the others: <c>products-1</c>, as its answers call it in <c>X-Served-By</c>.</summary>
    public Task StopAsync(string destination) => BreakAsync(destination, Fault.Killed);

    /// <summary>Has one destination break, or work again with <see cref="Fault.None"/>; it keeps its address.</summary>
    public Task BreakAsync(string destination, Fault fault) =>
        services.FirstOrDefault(s => s.Name == destination)?.BreakAsync(fault)
        ?? throw new ArgumentException($"no destination '{destination}'; one of {string.Join(", ", services.Select(s => s.Name))}", nameof(destination));

    /// <summary>Stops all of them; open streams and WebSockets are cut.</summary>
    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(services.Select(s => s.DisposeAsync().AsTask()));
        tokens.Dispose();
    }
}
