using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Postern.Tests.Harness;

/// <summary>What a <see cref="FaultyService"/> was asked since it started or was told to forget.</summary>
/// <param name="Asked">How often, by method and try: <c>GET 1</c>; <c>probe</c> is a health check.</param>
/// <param name="InFlight">Requests that it has in hand.</param>
/// <param name="MostInFlight">The most that it ever had.</param>
internal sealed record Counts(IReadOnlyDictionary<string, int> Asked, int InFlight, int MostInFlight)
{
    /// <summary>Calls, all tries of them, without probes.</summary>
    public int Calls => Asked.Where(a => a.Key != "probe").Sum(a => a.Value);

    /// <summary>Tries of a call other than the first.</summary>
    public int Retries => Asked.Where(a => a.Key != "probe" && !a.Key.EndsWith(" 1", StringComparison.Ordinal)).Sum(a => a.Value);
}

/// <summary>
/// An upstream in a process of its own, <c>test/node/faulty.mjs</c>, which breaks the way a test says: it can be killed, stopped,
/// cut off, and told to answer wrongly. It keeps its port through all of it.
/// </summary>
internal sealed class FaultyService : IAsyncDisposable
{
    private const int SigKill = 9, SigContinue = 18, SigStop = 19;

    private static readonly TimeSpan Patience = RunningTool.Patience;

    private readonly string name;
    private readonly List<Socket> backlog = [];
    private readonly SemaphoreSlim speaking = new(1);
    private Process process;

    private FaultyService(string name, Process process) => (this.name, this.process) = (name, process);

    /// <summary>Why there can be none here; null where there can.</summary>
    public static string? Missing => NodeScript.Node is null ? "node is not installed (Debian: nodejs)." : null;

    public int Port { get; private set; }

    public string Url => $"http://127.0.0.1:{Port}";

    /// <summary>Starts one on a free port.</summary>
    public static async Task<FaultyService> StartAsync(string name = "faulty")
    {
        var service = new FaultyService(name, Launch(0, name));
        service.Port = (await service.ReadAsync()).GetProperty("port").GetInt32();
        return service;
    }

    /// <summary>Has it break: <c>errors 0.5</c>, <c>fail 503</c>, <c>hang</c>, <c>drip 100</c>, <c>trickle 100</c>, <c>stall</c>, <c>reset</c>, <c>cut</c>, <c>garbage</c>.</summary>
    public Task BreakAsync(string fault) => SayAsync(fault);

    /// <summary>Has it answer as it should; what it held is answered now.</summary>
    public Task MendAsync() => SayAsync("well");

    public Task<Counts> CountAsync() => SayAsync("counts");

    /// <summary>Begins counting anew.</summary>
    public Task ForgetAsync() => SayAsync("forget");

    /// <summary>Kills the process, as <c>kill -9</c>; done when it is gone.</summary>
    public async Task KillAsync()
    {
        Assert.Equal(0, kill(process.Id, SigKill));
        await process.WaitForExitAsync().WaitAsync(Patience);
    }

    /// <summary>Starts a killed one anew, on its port.</summary>
    public async Task StartAgainAsync()
    {
        process.Dispose();
        process = Launch(Port, name);
        Assert.Equal(Port, (await ReadAsync()).GetProperty("port").GetInt32());
    }

    /// <summary>Stops the process where it stands, as <c>kill -STOP</c>: connections open and nobody answers on them.</summary>
    public async Task StopAsync()
    {
        Assert.Equal(0, kill(process.Id, SigStop));
        await Until.TrueAsync(() => State() == 'T', "It doesn't stop.");
    }

    /// <summary>
    /// Makes a black hole of it: it reads nothing on the connections it has, and the kernel drops the packets that would open another,
    /// because the queue of those nobody has accepted is full.
    /// </summary>
    public async Task DropPacketsAsync()
    {
        await StopAsync();
        using var patience = new CancellationTokenSource(Patience);
        while (true)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            backlog.Add(socket);
            var connecting = socket.ConnectAsync(IPAddress.Loopback, Port, patience.Token).AsTask();
            if (await Task.WhenAny(connecting, Expired()) != connecting)
            {
                _ = connecting.ContinueWith(static t => t.Exception, TaskScheduler.Default);
                return;
            }
            await connecting;
        }

        async Task Expired()
        {
            using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(250));
            await timer.WaitForNextTickAsync();
        }
    }

    /// <summary>Has a stopped one go on, as <c>kill -CONT</c>, and ends a black hole.</summary>
    public void Continue()
    {
        backlog.ForEach(s => s.Dispose());
        backlog.Clear();
        Assert.Equal(0, kill(process.Id, SigContinue));
    }

    public async ValueTask DisposeAsync()
    {
        backlog.ForEach(s => s.Dispose());
        if (!process.HasExited)
        {
            // A stopped process dies of this one too.
            _ = kill(process.Id, SigKill);
            await process.WaitForExitAsync().WaitAsync(Patience);
        }
        process.Dispose();
        speaking.Dispose();
    }

    private static Process Launch(int port, string name) =>
        Process.Start(new ProcessStartInfo(NodeScript.Node!, [Repository.File("test", "node", "faulty.mjs"), port.ToString(CultureInfo.InvariantCulture), name])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;

    private async Task<Counts> SayAsync(string command)
    {
        await speaking.WaitAsync().WaitAsync(Patience);
        try
        {
            await process.StandardInput.WriteLineAsync(command);
            await process.StandardInput.FlushAsync();
            var said = await ReadAsync();
            return new Counts(said.GetProperty("counts").EnumerateObject().ToDictionary(c => c.Name, c => c.Value.GetInt32()),
                said.GetProperty("inFlight").GetInt32(), said.GetProperty("mostInFlight").GetInt32());
        }
        finally
        {
            speaking.Release();
        }
    }

    private async Task<JsonElement> ReadAsync()
    {
        var line = await process.StandardOutput.ReadLineAsync().WaitAsync(Patience);
        Assert.True(line is not null, "The faulty service ended.");
        return JsonDocument.Parse(line).RootElement;
    }

    /// <summary>As <c>/proc/PID/stat</c> has it, behind the name in parentheses.</summary>
    private char State()
    {
        var stat = File.ReadAllText($"/proc/{process.Id}/stat");
        return stat[stat.LastIndexOf(')') + 2];
    }

    [DllImport("libc")]
    private static extern int kill(int process, int signal);
}
