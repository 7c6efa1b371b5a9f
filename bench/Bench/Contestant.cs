using System.Net;
using System.Net.Sockets;

namespace Bench;

/// <summary>A gateway to measure: its configuration's template, and how it is started on it.</summary>
/// <param name="Name">As <c>--only</c> and the tables call it.</param>
/// <param name="Template">A file in <c>bench/configs</c>.</param>
/// <param name="Command">Program and arguments; <c>@CONFIG@</c> stands for the filled template.</param>
/// <param name="Version">Program and arguments that print its version.</param>
internal sealed record Contestant(string Name, string Template, string[] Command, string[] Version)
{
    /// <summary>All of them; <paramref name="postern"/> is a directory that <c>dotnet publish</c> made.</summary>
    public static Contestant[] All(string postern) =>
    [
        new("nginx", "nginx.conf", ["nginx", "-p", "@DIR@", "-c", "@CONFIG@"], ["nginx", "-v"]),
        new("haproxy", "haproxy.cfg", ["haproxy", "-db", "-f", "@CONFIG@"], ["haproxy", "-v"]),
        new("caddy", "Caddyfile", ["caddy", "run", "--adapter", "caddyfile", "--config", "@CONFIG@"], ["caddy", "version"]),
        new("postern", "postern.yaml", [Path.Combine(postern, "postern"), "run", "--config", "@CONFIG@"], [Path.Combine(postern, "postern"), "--version"]),
    ];

    public static Contestant Backend { get; } = new("backend", "backend.conf", ["nginx", "-p", "@DIR@", "-c", "@CONFIG@"], ["nginx", "-v"]);

    public static Contestant Redis { get; } = new("redis", "redis.conf", ["redis-server", "@CONFIG@"], ["redis-server", "--version"]) { Http = false };

    /// <summary>Whether it answers HTTP; else it has started when it takes connections.</summary>
    public bool Http { get; init; } = true;

    /// <summary>What stands for other words of the template.</summary>
    public IReadOnlyDictionary<string, string> Values { get; init; } = new Dictionary<string, string>();

    public bool Installed => Shell.Find(Command[0]) is not null;

    /// <summary>Starts it on a free port and waits until it has answered.</summary>
    public async Task<RunningServer> StartAsync(Place place, int backend)
    {
        var port = FreePort();
        var config = Path.Combine(place.Directory, $"{Name}-{Template}");
        var text = await File.ReadAllTextAsync(Path.Combine(place.Root, "bench", "configs", Template));
        await File.WriteAllTextAsync(config, Fill(text, port));
        return await RunningServer.StartAsync(this, port, [.. Command.Select(part => Fill(part, port).Replace("@CONFIG@", config))], place);

        string Fill(string text, int port) => Values.Aggregate(text, (filled, value) => filled.Replace(value.Key, value.Value))
            .Replace("@DIR@", place.Directory)
            .Replace("@PORT@", $"{port}")
            .Replace("@ADMIN@", $"{FreePort()}")
            .Replace("@BACKEND@", $"{backend}")
            .Replace("@JSON@", Place.Json)
            // As root nginx would serve as nobody, who can't look into our directory.
            .Replace("@USER@", Environment.IsPrivilegedProcess ? "user root;" : "");
    }

    /// <summary>A port of 127.0.0.1 that nobody listens on now.</summary>
    public static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}

/// <summary>Where a run reads and writes: the repository, and a directory that ends with the run.</summary>
internal sealed record Place(string Root, string Directory)
{
    /// <summary>The small body: 170 bytes, as of a row in a list.</summary>
    public const string Json = """{"id":7,"sku":"DESK-STAND","name":"Standing Desk","price":549.00,"currency":"USD","tags":["office","adjustable","motor"],"stock":7,"createdAt":"2025-02-17T08:00:00.000Z"}""";

    public const int BigBody = 100 * 1024;
}
