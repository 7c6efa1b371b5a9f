using System.Diagnostics;
using System.Text.Json;

namespace Postern.Tests.Harness;

/// <summary>A script of <c>test/node</c>: what another implementation makes of the same thing. Its packages are installed by test.sh.</summary>
internal static class NodeScript
{
    private static readonly string Folder = Repository.File("test", "node");

    /// <summary>Why scripts can't run here; null where they can.</summary>
    /// <param name="package">The package that the script needs.</param>
    public static string? Missing(string package) =>
        Node is null ? "node is not installed (Debian: nodejs)."
        : Directory.Exists(Path.Combine(Folder, "node_modules", package)) ? null
        : $"The package '{package}' is not installed (npm ci --prefix test/node).";

    /// <summary>Runs a script to its end and reads the JSON that it printed.</summary>
    public static async Task<JsonElement> RunAsync(string script, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(Node!, [Path.Combine(Folder, script), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync().WaitAsync(RunningTool.Patience);
        Assert.True(process.ExitCode == 0, $"{script} failed:\n{await error}");
        return JsonDocument.Parse(await output).RootElement;
    }

    /// <summary>The program; null where it isn't installed.</summary>
    public static string? Node => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Select(p => Path.Combine(p, "node")).FirstOrDefault(File.Exists);
}
