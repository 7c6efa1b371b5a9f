using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;

namespace Postern.Tests.Harness;

/// <summary>
/// A real redis-server, as a process of its own on a free port that it keeps: it can be stopped and go on (SIGSTOP, SIGCONT), be killed and
/// started again. It keeps nothing on disk unless it is told to. What a test asks it itself goes over a plain connection,
/// not through the client that the gateway uses.
/// </summary>
internal sealed class RedisServer : IAsyncDisposable
{
    private const int SigCont = 18, SigStop = 19;

    private static readonly string? Program = Find("redis-server");

    // Bound and never listening: nobody else is given the port, and who connects while the server is down is refused.
    private readonly Socket reserved = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly string folder = Directory.CreateTempSubdirectory("postern-redis-").FullName;
    private readonly string[] settings;
    private readonly string? password;
    private Process? process;

    private RedisServer(string? password, string[] settings)
    {
        (this.password, this.settings) = (password, settings);
        reserved.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        reserved.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        Port = ((IPEndPoint)reserved.LocalEndPoint!).Port;
    }

    /// <summary>Why there is none here; null where there is.</summary>
    public static string? Missing => Program is null ? "redis-server is not installed (Debian: redis-server)." : null;

    public int Port { get; }

    public string Url => password is null ? $"redis://127.0.0.1:{Port}" : $"redis://:{Uri.EscapeDataString(password)}@127.0.0.1:{Port}";

    /// <summary>What it writes on disk, if it is told to, is here.</summary>
    public string Folder => folder;

    /// <summary>Starts one; done when it answers.</summary>
    /// <param name="password">The password that it wants.</param>
    /// <param name="settings">More of its settings: <c>--appendonly yes</c>.</param>
    public static async Task<RedisServer> StartAsync(string? password = null, params string[] settings)
    {
        var server = Down(password, settings);
        await server.UpAsync();
        return server;
    }

    /// <summary>Starts a node of a cluster that has no slots and knows no other node.</summary>
    public static Task<RedisServer> StartNodeAsync()
    {
        // By default its port for other nodes is 10,000 higher, which may be none.
        using var free = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        free.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return StartAsync(null, "--cluster-enabled", "yes", "--cluster-port", ((IPEndPoint)free.LocalEndPoint!).Port.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>Lets a node of a cluster know of another.</summary>
    public Task MeetAsync(RedisServer other) => AskAsync("CLUSTER", "MEET", "127.0.0.1", $"{other.Port}", other.settings[^1]);

    /// <summary>One that isn't up yet.</summary>
    public static RedisServer Down(string? password = null, params string[] settings)
    {
        Assert.SkipWhen(Missing is not null, Missing ?? "");
        return new RedisServer(password, settings);
    }

    /// <summary>Starts it again, on the same port; done when it answers.</summary>
    public async Task UpAsync()
    {
        process = Process.Start(new ProcessStartInfo(Program!,
        [
            "--bind", "127.0.0.1", "--port", Port.ToString(CultureInfo.InvariantCulture), "--dir", folder, "--save", "", "--loglevel", "warning",
            .. password is null ? Array.Empty<string>() : ["--requirepass", password], .. settings,
        ])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        process.OutputDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        using var patience = new CancellationTokenSource(TestGateway.Patience);
        while (!await AnswersAsync())
        {
            Assert.False(process.HasExited, "redis-server has ended at once.");
            await timer.WaitForNextTickAsync(patience.Token);
        }
    }

    /// <summary>Ends it at once, as if the machine were gone.</summary>
    public async Task KillAsync()
    {
        process!.Kill();
        await process.WaitForExitAsync().WaitAsync(TestGateway.Patience);
        process.Dispose();
        process = null;
    }

    /// <summary>Stops it where it is: connections stay open, and nothing is answered.</summary>
    public void Pause() => Assert.Equal(0, kill(process!.Id, SigStop));

    public void GoOn() => Assert.Equal(0, kill(process!.Id, SigCont));

    /// <summary>Asks it something, over a connection of its own.</summary>
    /// <returns>A text, a <see cref="long"/>, a list of these, or null.</returns>
    public async Task<object?> AskAsync(params string[] words) => (await AskAllAsync(words))[0];

    /// <summary>Several questions, one after another over one connection.</summary>
    public async Task<IReadOnlyList<object?>> AskAllAsync(params string[][] questions)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, Port);
        await using var stream = client.GetStream();
        if (password is not null)
        {
            questions = [["AUTH", password], .. questions];
        }
        var text = new StringBuilder();
        foreach (var words in questions)
        {
            text.Append(CultureInfo.InvariantCulture, $"*{words.Length}\r\n");
            foreach (var word in words)
            {
                text.Append(CultureInfo.InvariantCulture, $"${Encoding.Latin1.GetByteCount(word)}\r\n{word}\r\n");
            }
        }
        await stream.WriteAsync(Encoding.Latin1.GetBytes(text.ToString()));
        using var reader = new StreamReader(stream, Encoding.Latin1);
        using var patience = new CancellationTokenSource(TestGateway.Patience);
        var answers = new List<object?>();
        foreach (var _ in questions)
        {
            answers.Add(await ReadAsync(reader, patience.Token));
        }
        return password is null ? answers : answers[1..];
    }

    /// <summary>Done when the answer to a question holds this text.</summary>
    public async Task SaysAsync(string text, params string[] words)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        using var patience = new CancellationTokenSource(TestGateway.Patience);
        while ((await AskAsync(words)) is not string said || !said.Contains(text, StringComparison.Ordinal))
        {
            await timer.WaitForNextTickAsync(patience.Token);
        }
    }

    /// <summary>All keys, in order.</summary>
    public async Task<IReadOnlyList<string>> KeysAsync() =>
        [.. ((IReadOnlyList<object?>)(await AskAsync("KEYS", "*"))!).Select(k => (string)k!).Order(StringComparer.Ordinal)];

    public async ValueTask DisposeAsync()
    {
        if (process is not null)
        {
            await KillAsync();
        }
        reserved.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private static string? Find(string program) => (Environment.GetEnvironmentVariable("PATH") + ":/usr/sbin:/usr/bin:/usr/local/bin").Split(':')
        .Where(f => f.Length > 0).Select(f => Path.Combine(f, program)).FirstOrDefault(File.Exists);

    private async Task<bool> AnswersAsync()
    {
        try
        {
            return await AskAsync("PING") is "PONG";
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            return false;
        }
    }

    private static async Task<object?> ReadAsync(StreamReader reader, CancellationToken patience)
    {
        var line = await reader.ReadLineAsync(patience) ?? throw new IOException("Redis has closed the connection.");
        var rest = line[1..];
        switch (line[0])
        {
            case '+':
            case '-':
                return rest;
            case ':':
                return long.Parse(rest, CultureInfo.InvariantCulture);
            case '$':
                if (rest == "-1")
                {
                    return null;
                }
                var text = new char[int.Parse(rest, CultureInfo.InvariantCulture) + 2];
                await reader.ReadBlockAsync(text, patience);
                return new string(text, 0, text.Length - 2);
            default:
                var list = new List<object?>();
                for (var i = int.Parse(rest, CultureInfo.InvariantCulture); i > 0; i--)
                {
                    list.Add(await ReadAsync(reader, patience));
                }
                return list;
        }
    }

    [DllImport("libc")]
    private static extern int kill(int process, int signal);
}
