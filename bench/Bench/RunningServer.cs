using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Bench;

/// <summary>A server that this run started, seen from outside: what it costs, and its end.</summary>
internal sealed partial class RunningServer : IAsyncDisposable
{
    private static readonly HttpClient Client = new(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.Zero });
    private const int Terminate = 15;

    private readonly Process process;

    private RunningServer(string name, int port, Process process, double startMilliseconds) =>
        (Name, Port, this.process, StartMilliseconds) = (name, port, process, startMilliseconds);

    public string Name { get; }

    public int Port { get; }

    /// <summary>From the start of the process to the end of its first answer with 200.</summary>
    public double StartMilliseconds { get; }

    /// <summary>Starts the command; its log goes into a file of its own and, by <c>exec</c>, its access log to /dev/null.</summary>
    public static async Task<RunningServer> StartAsync(Contestant contestant, int port, string[] command, Place place)
    {
        var log = Path.Combine(place.Directory, $"{contestant.Name}.log");
        var start = new ProcessStartInfo("/bin/sh", ["-c", """log=$1; shift; exec "$@" </dev/null >/dev/null 2>>"$log" """, "sh", log, Shell.Find(command[0])!, .. command[1..]]);
        start.Environment["HOME"] = start.Environment["XDG_CONFIG_HOME"] = start.Environment["XDG_DATA_HOME"] = place.Directory;
        start.Environment["NODE_ENV"] = "production";
        var began = Stopwatch.GetTimestamp();
        var process = Process.Start(start)!;
        try
        {
            while (!await (contestant.Http ? AnswersAsync(port) : AcceptsAsync(port)))
            {
                if (process.HasExited || Stopwatch.GetElapsedTime(began) > TimeSpan.FromSeconds(20))
                {
                    throw new BenchException($"{contestant.Name} {(process.HasExited ? "ended" : "gave no answer")} at its start:\n{await File.ReadAllTextAsync(log)}");
                }
                await Task.Delay(1);
            }
            return new RunningServer(contestant.Name, port, process, Stopwatch.GetElapsedTime(began).TotalMilliseconds);
        }
        catch
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
            throw;
        }
    }

    /// <summary>CPU time of the process and all below it since they began, in microseconds.</summary>
    public double CpuMicroseconds() => ProcessTree.Of(process.Id).Sum(ProcessTree.CpuMicroseconds);

    /// <summary>Memory in use by the process and all below it, in bytes. Pages shared between workers count for each.</summary>
    public long ResidentBytes() => ProcessTree.Of(process.Id).Sum(ProcessTree.ResidentBytes);

    public async ValueTask DisposeAsync()
    {
        // Asked, not killed: nginx's workers outlive a killed master.
        if (!process.HasExited && Signal(process.Id, Terminate) == 0)
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(5));
            try
            {
                await process.WaitForExitAsync(patience.Token);
            }
            catch (OperationCanceledException)
            {
                process.Kill(entireProcessTree: true);
            }
        }
        process.Dispose();
    }

    private static async Task<bool> AnswersAsync(int port)
    {
        try
        {
            using var answer = await Client.GetAsync($"http://127.0.0.1:{port}/");
            return answer.StatusCode == HttpStatusCode.OK;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private static async Task<bool> AcceptsAsync(int port)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(IPAddress.Loopback, port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Signal(int process, int signal);
}
