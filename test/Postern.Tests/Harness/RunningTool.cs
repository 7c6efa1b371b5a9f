using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Postern.Tests.Harness;

/// <summary>The built command, as a process of its own.</summary>
internal sealed class RunningTool : IAsyncDisposable
{
    public const int SigHup = 1, SigInt = 2, SigTerm = 15;

    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    private readonly Process process;
    private readonly ConcurrentQueue<string> output = [], errors = [];
    private readonly ConcurrentDictionary<TaskCompletionSource, string> awaited = [];
    private readonly Task ended;

    private RunningTool(string? folder, string[] arguments, string? program)
    {
        var start = new ProcessStartInfo(program ?? Path.Combine(AppContext.BaseDirectory, "Postern.Server"), arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder ?? Path.GetTempPath(),
        };
        Started = Stopwatch.GetTimestamp();
        process = Process.Start(start)!;
        ended = Task.WhenAll(ReadAsync(process.StandardOutput, output), ReadAsync(process.StandardError, errors), process.WaitForExitAsync());
    }

    /// <summary>When the process was asked for, in ticks of <see cref="Stopwatch"/>.</summary>
    public long Started { get; }

    public int Id => process.Id;

    /// <summary>What it wrote to standard output so far.</summary>
    public string Output => string.Join('\n', output);

    /// <summary>What it wrote to standard error so far.</summary>
    public string Error => string.Join('\n', errors);

    /// <summary>The first address it listens on.</summary>
    public string Url => Banner("listening");

    public string Admin => Banner("admin");

    /// <summary>Runs it to its end.</summary>
    public static async Task<(int Code, string Output, string Error)> RunAsync(string? folder, params string[] arguments)
    {
        await using var tool = new RunningTool(folder, arguments, null);
        return (await tool.ExitAsync(), tool.Output, tool.Error);
    }

    /// <summary>Starts it; done when it serves.</summary>
    public static Task<RunningTool> StartAsync(params string[] arguments) => StartAsync(null, null, arguments);

    public static async Task<RunningTool> StartAsync(string? program, string? folder, string[] arguments)
    {
        var tool = new RunningTool(folder, arguments, program);
        await tool.SaysAsync("admin ");
        return tool;
    }

    /// <summary>Done when a line of standard error holds this text.</summary>
    public async Task SaysAsync(string text)
    {
        var said = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        awaited[said] = text;
        if (!Error.Contains(text, StringComparison.Ordinal))
        {
            await Task.WhenAny(said.Task, ended).WaitAsync(Patience);
        }
        Assert.True(Error.Contains(text, StringComparison.Ordinal), $"It ended without saying '{text}':\n{Error}");
    }

    public void Signal(int number) => _ = kill(process.Id, number);

    /// <summary>The exit code, once it has ended and all it wrote is read.</summary>
    public async Task<int> ExitAsync()
    {
        await ended.WaitAsync(Patience);
        return process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            process.Kill();
        }
        await ended.WaitAsync(Patience);
        process.Dispose();
    }

    [DllImport("libc")]
    private static extern int kill(int process, int signal);

    private string Banner(string word) =>
        errors.First(l => l.StartsWith(word + " ", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1].TrimEnd(',');

    private async Task ReadAsync(StreamReader reader, ConcurrentQueue<string> lines)
    {
        while (await reader.ReadLineAsync() is { } line)
        {
            lines.Enqueue(line);
            foreach (var (said, text) in awaited)
            {
                if (line.Contains(text, StringComparison.Ordinal))
                {
                    said.TrySetResult();
                }
            }
        }
    }
}

/// <summary>Tests that need the machine for themselves: they run after all others, one by one.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
