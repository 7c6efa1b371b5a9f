using System.Runtime.CompilerServices;
using Postern.Config;
using Postern.Config.Yaml;
using Postern.Edge.Authenticating.ApiKeys;
using Postern.Upstreams.Deadlines;
using Postern.Upstreams.Forwarding;

namespace Postern;

/// <summary>
/// The C# face: fills the records that YAML fills, and has no behaviour of its own. What is wrong with them is found by
/// the same compiler, and named by the line that wrote it.
/// </summary>
public sealed class GatewayBuilder
{
    private readonly LoadedConfig loaded;

    internal GatewayBuilder(LoadedConfig loaded) => this.loaded = loaded;

    /// <summary>The records built so far.</summary>
    public GatewayConfig Config => loaded.Config;

    /// <summary>Changes keys of the root, such as <c>trustedProxies</c>.</summary>
    public GatewayBuilder Root<T>(Func<T, T> change) where T : Options, new()
    {
        Config.Root.Set(change);
        return this;
    }

    /// <summary>The text of a file, such as a public key in PEM. It is watched: a change of it is a change of the configuration.</summary>
    /// <param name="path">The file; a relative path begins at the process' working directory.</param>
    /// <param name="file">Where an error is reported; filled in by the compiler.</param>
    /// <param name="line">The same.</param>
    public FileText TextFile(string path, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        ConfigFile.Text(loaded, path, Place.Of(file, line, ""));

    /// <summary>A file that isn't text, such as a set of descriptors. It is watched: a change of it is a change of the configuration.</summary>
    /// <param name="path">The file; a relative path begins at the process' working directory.</param>
    /// <param name="file">Where an error is reported; filled in by the compiler.</param>
    /// <param name="line">The same.</param>
    public FileBytes BinaryFile(string path, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        ConfigFile.Bytes(loaded, path, Place.Of(file, line, ""));

    /// <summary>A file of API keys, as <c>postern keys</c> writes it. Its mistakes are told with all others, and it is watched.</summary>
    /// <param name="path">The file; a relative path begins at the process' working directory.</param>
    /// <param name="file">Where an error is reported; filled in by the compiler.</param>
    /// <param name="line">The same.</param>
    public KeyFileOptions KeyFile(string path, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        KeyFile(path, Place.Of(file, line, "")) ?? new KeyFileOptions();

    /// <summary>The same, named at a place; null where it can't be read, and then that was told.</summary>
    internal KeyFileOptions? KeyFile(string path, Origin at) => ConfigFile.Record<KeyFileOptions>(loaded, path, at, Features.Grammar, ApiKeyOptions.MakeFile);

    /// <summary>Addresses and networks whose <c>X-Forwarded-*</c> are believed.</summary>
    public GatewayBuilder TrustedProxies(params string[] networks) => Root<GatewayOptions>(o => o with { TrustedProxies = networks });

    /// <summary>Defines an upstream: <c>Upstream("orders", "http://10.0.0.5:5003")</c>. Routes call it as <c>http://orders/…</c>.</summary>
    public UpstreamBuilder Upstream(string name, string url, [CallerLineNumber] int line = 0, [CallerFilePath] string file = "") =>
        Upstream(name, [url], line, file);

    /// <summary>Defines an upstream with several destinations.</summary>
    public UpstreamBuilder Upstream(string name, string[] urls, [CallerLineNumber] int line = 0, [CallerFilePath] string file = "")
    {
        var upstream = new UpstreamConfig(name);
        upstream.Sections.Origin = Place.Of(file, line, $"upstreams.{name}");
        Config.Upstreams.Add(upstream);
        return new UpstreamBuilder(upstream).Set<ForwardingOptions>(o => urls is [var only] ? o with { Url = only } : o with { Urls = [.. urls.Select(u => new DestinationOptions { Url = u })] });
    }

    /// <summary>Adds a gate, or adds to the one of that name.</summary>
    public GatewayBuilder Gate(string name, Action<GateBuilder> build, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        var gate = Config.Gates.FirstOrDefault(g => g.Name == name);
        if (gate is null)
        {
            gate = new GateConfig(name);
            gate.Sections.Origin = Place.Of(file, line, $"gates.{name}");
            gate.Own = gate.Own with { Origin = gate.Sections.Origin };
            Config.Gates.Add(gate);
        }
        build(new GateBuilder(gate));
        return this;
    }

}

/// <summary>Says more of an upstream.</summary>
public sealed class UpstreamBuilder
{
    private readonly UpstreamConfig upstream;

    internal UpstreamBuilder(UpstreamConfig upstream) => this.upstream = upstream;

    /// <summary>Changes a feature's keys of this upstream.</summary>
    public UpstreamBuilder Set<T>(Func<T, T> change) where T : Options, new()
    {
        upstream.Sections.Set(change);
        return this;
    }

    /// <summary>Says that a key is <c>off</c>, or takes that back.</summary>
    internal void Switch(string key, bool off)
    {
        if (off)
        {
            upstream.Sections.Off.Add(key);
        }
        else
        {
            upstream.Sections.Off.Remove(key);
        }
    }

    /// <summary>How long it may take to begin its answer.</summary>
    public UpstreamBuilder Timeout(TimeSpan timeout) => Set<DeadlineOptions>(o => o with { Timeout = timeout });

    /// <summary>How it is spoken to.</summary>
    public UpstreamBuilder Protocol(UpstreamProtocol protocol) => Set<ForwardingOptions>(o => o with { Protocol = protocol });

    /// <summary>How long a connection may take to open.</summary>
    public UpstreamBuilder ConnectTimeout(TimeSpan timeout) => Set<ForwardingOptions>(o => o with { ConnectTimeout = timeout });

    /// <summary>Connections open at once to one destination.</summary>
    public UpstreamBuilder MaxConnections(int connections) => Set<ForwardingOptions>(o => o with { MaxConnections = connections });
}

/// <summary>Where C# wrote something: the caller's file, without the folders of the machine that built it.</summary>
internal static class Place
{
    public static Origin Of(string file, int line, string path) => new(Path.GetFileName(file), line, 1, path);
}
