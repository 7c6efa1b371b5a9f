namespace Postern.Config;

/// <summary>A whole configuration as it was written, before anything is resolved: what YAML is read into and C# builds.</summary>
public sealed class GatewayConfig
{
    private readonly Dictionary<Type, object> providers = [];

    /// <summary>What stands at the root, by feature.</summary>
    public SectionSet Root { get; } = new();

    /// <summary>The services that the gates call, in the order written.</summary>
    public IList<UpstreamConfig> Upstreams { get; } = [];

    /// <summary>The gates, in the order written.</summary>
    public IList<GateConfig> Gates { get; } = [];

    /// <summary>Brings in what another package provides, by the contract it fulfils: so Postern.Redis comes in.</summary>
    public void Provide<T>(T provider) where T : class => providers[typeof(T)] = provider;

    /// <summary>What was brought in for a contract, or null.</summary>
    public T? Provided<T>() where T : class => (T?)providers.GetValueOrDefault(typeof(T));

    /// <summary>Every file that was read, the main one first, as the user would name it.</summary>
    internal List<string> Files { get; } = [];
}

/// <summary>One upstream as written: a name and, by feature, what was said of it.</summary>
public sealed class UpstreamConfig(string name)
{
    /// <summary>The host part of the URLs that call it.</summary>
    public string Name { get; } = name;

    /// <summary>What was written, by feature.</summary>
    public SectionSet Sections { get; } = new();
}

/// <summary>One gate as written: who owns it, what it answers to, what holds for all its routes, and the routes.</summary>
public sealed class GateConfig(string name)
{
    /// <summary>The gate's name in logs, metrics and messages.</summary>
    public string Name { get; } = name;

    /// <summary>The gate's own keys.</summary>
    public GateOptions Own { get; set; } = new();

    /// <summary>Sections that hold for each route without one of its own.</summary>
    public SectionSet Sections { get; } = new();

    /// <summary>The routes, in the order written.</summary>
    public IList<RouteConfig> Routes { get; } = [];

    /// <summary>The gate's own file, or null where it is written in the main file or in C#.</summary>
    internal string? File { get; set; }
}

/// <summary>One route as written.</summary>
public sealed class RouteConfig
{
    /// <summary>The method in capitals, or <c>*</c> for any.</summary>
    public required string Method { get; init; }

    /// <summary>The path under the gate's prefix: literals, <c>{id}</c>, <c>{id:int}</c>, <c>{**rest}</c>.</summary>
    public required string Template { get; init; }

    /// <summary>What else the request must carry; null for nothing.</summary>
    public WhenOptions? When { get; set; }

    /// <summary>What was written, by feature.</summary>
    public SectionSet Sections { get; init; } = new();
}
