using Postern.Pipeline;

namespace Postern.Upstreams.Forwarding;

/// <summary>What all destinations of an upstream share.</summary>
internal sealed record DestinationSettings(UpstreamProtocol Protocol, TimeSpan ConnectTimeout, int MaxConnections, TimeProvider Time)
{
    public static DestinationSettings From(ForwardingOptions options, TimeProvider? time = null) => new(
        options.Protocol ?? UpstreamProtocol.Http1, options.ConnectTimeout ?? TimeSpan.FromSeconds(5), options.MaxConnections ?? 1024, time ?? TimeProvider.System);
}

/// <summary>
/// One address of an upstream, with its open connections. It outlives reloads in the <see cref="StatePool"/>. Once retired
/// it still serves calls of an old snapshot; their connections are closed afterwards instead of kept.
/// </summary>
internal sealed class Destination : IDisposable
{
    private readonly IWire wire;

    public Destination(string url, DestinationSettings settings)
    {
        var uri = new Uri(url);
        Name = $"{uri.Host}:{uri.Port}";
        wire = settings.Protocol == UpstreamProtocol.Http2
            ? new Http2.Wire(uri, Name, settings)
            : new Http1.Wire(new Http1.Dialer(uri.IdnHost, uri.Port, Name, settings));
    }

    /// <summary><c>host:port</c>, as logs and metrics name it, and the <c>Host</c> it is asked for.</summary>
    public string Name { get; }

    /// <summary>Calls that balancing has sent here and that have not ended.</summary>
    public CallCount Calls { get; } = new();

    /// <summary>The destination at <paramref name="url"/>; the same object as long as configurations in a row name it alike.</summary>
    public static Destination Of(UpstreamScope scope, string url, ForwardingOptions options)
    {
        var settings = DestinationSettings.From(options);
        var key = $"{scope.Upstream.Name} {url} {settings.Protocol} {settings.ConnectTimeout} {settings.MaxConnections}";
        return scope.State.Keep("destination", key, () => new Destination(url, settings));
    }

    /// <summary>What is wrong with a destination's URL, or null.</summary>
    public static string? Problem(string url)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var uri) || uri.Host.Length == 0)
        {
            var fix = url.Contains(',') ? $"write urls: [{url}]" : Uri.TryCreate($"http://{url}", UriKind.Absolute, out var meant) && meant.PathAndQuery == "/" ? $"write http://{url}" : "write http://host:port";
            return $"not a URL, got '{url}'; {fix}";
        }
        if (uri.Scheme != "http")
        {
            return $"upstreams are called over http, got '{url}'; write http://{(uri.IsDefaultPort ? uri.Host + ":80" : uri.Authority)}";
        }
        return uri.PathAndQuery != "/" || uri.UserInfo.Length > 0 || uri.Fragment.Length > 0
            ? $"a destination is an address alone, got '{url}'; write http://{uri.Authority} here and the path in the route's 'to'"
            : null;
    }

    public Task<HttpResponseMessage> SendAsync(UpstreamCall call, CancellationToken cancel) => wire.SendAsync(call, cancel);

    public void Dispose() => wire.Retire();
}
