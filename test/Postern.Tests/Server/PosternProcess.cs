using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;

namespace Postern.Tests.Server;

/// <summary>The command itself, as a process of its own, with a configuration of its own.</summary>
internal sealed class PosternProcess : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly Process process;
    private readonly string folder;
    private readonly ConcurrentQueue<string> errors = [];
    private readonly TaskCompletionSource banner = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private PosternProcess(string config, string command)
    {
        folder = Directory.CreateTempSubdirectory("postern").FullName;
        File.WriteAllText(ConfigFile, config);
        process = new Process
        {
            StartInfo = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "Postern.Server"))
            {
                ArgumentList = { command, "--config", ConfigFile },
                RedirectStandardError = true,
                RedirectStandardOutput = true,
            },
        };
        process.ErrorDataReceived += (_, line) =>
        {
            errors.Enqueue(line.Data ?? "");
            if (line.Data is null || line.Data.StartsWith("admin ", StringComparison.Ordinal))
            {
                banner.TrySetResult();
            }
        };
        process.OutputDataReceived += static (_, _) => { };
        process.Start();
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
    }

    public string ConfigFile => Path.Combine(folder, "postern.yaml");

    /// <summary>What it has said so far.</summary>
    public string Said => string.Join('\n', errors);

    public string Url => Banner("listening");

    public string Admin => Banner("admin");

    /// <summary>Done when it serves, or has ended.</summary>
    public static async Task<PosternProcess> StartAsync(string config, string command = "run")
    {
        var postern = new PosternProcess(config, command);
        await postern.banner.Task.WaitAsync(Patience);
        return postern;
    }

    /// <summary>Sends a signal by its name: <c>TERM</c>.</summary>
    public void Signal(string name)
    {
        using var kill = Process.Start("kill", [$"-{name}", process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    public async Task<int> ExitAsync()
    {
        await process.WaitForExitAsync().WaitAsync(Patience);
        return process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            process.Kill();
            await process.WaitForExitAsync();
        }
        process.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private string Banner(string word) => errors.First(l => l.StartsWith(word + " ", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
}
