using System.Diagnostics;

namespace Bench;

/// <summary>Programs: where they are, and what they say.</summary>
internal static class Shell
{
    public static string? Find(string program)
    {
        if (program.Contains('/'))
        {
            return File.Exists(program) ? program : null;
        }
        // Debian keeps servers where only root's PATH looks.
        var path = $"{Environment.GetEnvironmentVariable("PATH")}:/usr/sbin:/usr/local/sbin";
        return path.Split(':').Select(d => Path.Combine(d, program)).FirstOrDefault(File.Exists);
    }

    /// <summary>Runs a program to its end; what it wrote to both outputs. Throws where it fails.</summary>
    public static async Task<string> RunAsync(params string[] command)
    {
        using var process = Process.Start(new ProcessStartInfo(Find(command[0]) ?? command[0], command[1..])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var outputs = await Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? outputs[0] + outputs[1]
            : throw new BenchException($"{string.Join(' ', command)} ended with {process.ExitCode}:\n{outputs[0]}{outputs[1]}");
    }

    /// <summary>The first line that a program says about its version, cut to the point.</summary>
    public static async Task<string> VersionAsync(string[] command)
    {
        try
        {
            var line = (await RunAsync(command)).Split('\n')[0];
            var number = line.Split(' ', '/', '\t', '=').FirstOrDefault(w => w.TrimStart('v') is [>= '0' and <= '9', ..] && w.Contains('.'));
            return number?.TrimStart('v') ?? line.Trim();
        }
        catch (BenchException)
        {
            return "unknown";
        }
    }
}

/// <summary>The run can't go on; the message says why.</summary>
internal sealed class BenchException(string message) : Exception(message);
