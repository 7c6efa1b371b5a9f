using System.Collections.Immutable;
using Postern.Pipeline;
using Postern.Upstreams.Forwarding;
using Postern.Wire;
using Http1 = Postern.Upstreams.Forwarding.Http1;
using Http2 = Postern.Upstreams.Forwarding.Http2;

namespace Postern.Upstreams;

/// <summary>What all destinations of an upstream share.</summary>
internal sealed record DestinationSettings(UpstreamProtocol Protocol, TimeSpan ConnectTimeout, int MaxConnections, TimeProvider Time)
{
    public static DestinationSettings From(ForwardingOptions options, TimeProvider? time = null) => new(
        options.Protocol ?? UpstreamProtocol.Http1, options.ConnectTimeout ?? TimeSpan.FromSeconds(5), options.MaxConnections ?? 1024, time ?? TimeProvider.System);
}

/// <summary>Why a destination gets no calls now.</summary>
/// <param name="By">Who says so: <c>health</c>, <c>ejected</c>.</param>
/// <param name="Why">What was seen.</param>
/// <param name="Since">Since when.</param>
internal sealed record Trouble(string By, string Why, DateTimeOffset Since);

/// <summary>
/// One address of an upstream, with its open connections and what is wrong with it. It outlives reloads. Once retired it still
/// serves calls that are under way; their connections are closed afterwards instead of kept.
/// </summary>
internal sealed class Destination : IDestination, IDisposable
{
    /// <summary>Of <see cref="SlowSince"/>: never.</summary>
    public const long NotSlow = long.MinValue;

    private readonly IWire wire;
    private readonly DestinationSettings settings;
    private readonly string? host;
    private ImmutableArray<Trouble> troubles = [];
    private long slowSince = NotSlow;

    /// <param name="url">Where it is.</param>
    /// <param name="settings">What it shares with its upstream's others.</param>
    /// <param name="host">The <c>Host</c> it is asked for, <c>host:port</c>, where that isn't its address.</param>
    public Destination(string url, DestinationSettings settings, string? host = null)
    {
        var uri = new Uri(url);
        (this.settings, this.host) = (settings, host);
        Since = settings.Time.GetUtcNow();
        Url = url;
        Name = NameOf(uri);
        (Host, Port) = (uri.IdnHost, uri.Port);
        Seed = StableHash.Of(Name);
        wire = settings.Protocol is UpstreamProtocol.Http2 or UpstreamProtocol.Grpc
            ? new Http2.Wire(uri, host ?? Name, settings)
            : new Http1.Wire(new Http1.Dialer(uri.IdnHost, uri.Port, Name, settings) { Asked = host });
    }

    /// <summary>As it was written, or found: <c>http://host:port</c>.</summary>
    public string Url { get; }

    /// <summary><c>host:port</c>, as logs and metrics name it.</summary>
    public string Name { get; }

    /// <inheritdoc/>
    public string Host { get; }

    /// <inheritdoc/>
    public object Port { get; }

    /// <summary>Differs between destinations and is the same on every instance of a fleet.</summary>
    public ulong Seed { get; }

    /// <summary>Calls that balancing has sent here and that have not ended.</summary>
    public CallCount Calls { get; } = new();

    /// <summary>Why it gets no calls now; empty while it does.</summary>
    public ImmutableArray<Trouble> Troubles => troubles;

    /// <summary>Whether it has been among an upstream's destinations before.</summary>
    public bool IsKnown { get; set; }

    /// <summary>When it began to be called slowly, by the clock of its set.</summary>
    public long SlowSince { get => Volatile.Read(ref slowSince); set => Volatile.Write(ref slowSince, value); }

    /// <summary>Since when it gets calls, or gets none.</summary>
    public DateTimeOffset Since { get; private set; }

    /// <summary>Told after its troubles have changed; on the thread that changed them.</summary>
    public event Action<Destination>? Changed;

    /// <summary>It gets no calls from now on, until whoever says so takes it back. Saying it again changes nothing but the reason.</summary>
    public void Accuse(string by, string why)
    {
        var now = settings.Time.GetUtcNow();
        Change(all => all.RemoveAll(t => t.By == by).Add(new Trouble(by, why, all.FirstOrDefault(t => t.By == by)?.Since ?? now)));
    }

    /// <summary>Takes back what was said against it.</summary>
    public void Acquit(string by) => Change(all => all.RemoveAll(t => t.By == by));

    private void Change(Func<ImmutableArray<Trouble>, ImmutableArray<Trouble>> change)
    {
        ImmutableArray<Trouble> before, after;
        do
        {
            before = troubles;
            after = change(before);
        }
        while (ImmutableInterlocked.InterlockedCompareExchange(ref troubles, after, before) != before);
        // Of the very change that was made: what others do at the same time is theirs to tell.
        if (before.IsEmpty != after.IsEmpty)
        {
            Since = settings.Time.GetUtcNow();
            Changed?.Invoke(this);
        }
    }

    /// <summary>The destination at <paramref name="url"/>; the same object as long as configurations in a row name it alike.</summary>
    public static Destination Of(UpstreamScope scope, string url, ForwardingOptions options)
    {
        var settings = DestinationSettings.From(options);
        var key = $"{scope.Upstream.Name} {url} {settings.Protocol} {settings.ConnectTimeout} {settings.MaxConnections}";
        return scope.State.Keep("destination", key, () => new Destination(url, settings));
    }

    /// <summary>The same address with a connection of its own, for whoever must not wait for one that calls share.</summary>
    public Destination Apart(TimeSpan connectTimeout) => new(Url, settings with { ConnectTimeout = connectTimeout, MaxConnections = 1 }, host);

    /// <summary><c>host:port</c> of a URL without a <see cref="Problem"/>.</summary>
    public static string NameOf(string url) => NameOf(new Uri(url));

    /// <summary>The same.</summary>
    public static string NameOf(Uri url) => $"{url.Host}:{url.Port}";

    /// <summary>Whether the URL has an address where others have a name.</summary>
    public static bool IsAddress(string url) => new Uri(url).HostNameType is UriHostNameType.IPv4 or UriHostNameType.IPv6;

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

    /// <summary>Whether no upstream has it any more.</summary>
    public bool IsRetired { get; private set; }

    public Task<HttpResponseMessage> SendAsync(UpstreamCall call, CancellationToken cancel) => wire.SendAsync(call, cancel);

    public void Dispose()
    {
        IsRetired = true;
        wire.Retire();
    }
}
