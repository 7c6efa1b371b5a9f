using System.Diagnostics;
using System.Text.RegularExpressions;
using Postern.Tests.Harness;

namespace Postern.Tests.Server.Commands;

/// <summary><c>postern demo</c>: every line it prints works as printed, and Ctrl-C leaves nothing behind.</summary>
[Collection("tool")]
public sealed partial class DemoTests
{
    [Fact]
    public async Task Every_line_it_prints_works_and_a_second_demo_runs_beside_it()
    {
        await using var demo = await RunningTool.StartAsync("demo", "--port", "0");
        await using var beside = await RunningTool.StartAsync("demo", "--port", "0");
        Assert.NotEqual(demo.Url, beside.Url);
        foreach (var tool in new[] { demo, beside })
        {
            var commands = Commands().Matches(tool.Output).Select(m => m.Groups[1].Value).ToList();
            Assert.InRange(commands.Count, 10, 18);
            Assert.Contains(commands, c => c.Contains(" token", StringComparison.Ordinal) && c.Contains("/web/", StringComparison.Ordinal));
            Assert.Contains(commands, c => c.Contains("--opaque", StringComparison.Ordinal));
            Assert.Contains(commands, c => c.Contains(" token", StringComparison.Ordinal) && c.Contains("/mobile/", StringComparison.Ordinal));
            Assert.Contains(commands, c => c.Contains("X-Api-Key", StringComparison.Ordinal) && c.Contains("/partner/", StringComparison.Ordinal));
            foreach (var command in commands)
            {
                Assert.Contains(tool.Url, command, StringComparison.Ordinal);
                var (code, answer) = await ShellAsync(command);
                // curl has its own: 28 is the limit set here, met by streams that never end.
                Assert.True(code == 0 || (code == 28 && command.Contains("/stream", StringComparison.Ordinal)), $"{command}\nexit {code}\n{answer}");
                Assert.True(answer.Length > 0, command);
                if (command.Contains("/web/search", StringComparison.Ordinal))
                {
                    Assert.Equal(["200", "200", "429", "429"], Statuses().Matches(answer).Select(m => m.Groups[1].Value));
                    Assert.Matches(@"(?m)^Retry-After: [1-6]\r?$", answer);
                    Assert.Matches(@"(?m)^RateLimit: ""search-burst"";r=0;t=[1-6]\r?$", answer);
                }
                if (answer.StartsWith("HTTP/", StringComparison.Ordinal))
                {
                    Assert.StartsWith($"HTTP/1.1 {Status(command)} ", answer, StringComparison.Ordinal);
                }
                else
                {
                    Assert.DoesNotContain("urn:postern:error", answer, StringComparison.Ordinal);
                    Assert.True(!command.EndsWith("/web/caller", StringComparison.Ordinal) || answer.Contains("\"token\":\"verified\"", StringComparison.Ordinal), answer);
                }
            }
        }
        foreach (var tool in new[] { demo, beside })
        {
            tool.Signal(RunningTool.SigInt);
            Assert.Equal(0, await tool.ExitAsync());
            Assert.False(Directory.Exists($"/proc/{tool.Id}"), "It left a process behind.");
        }
    }

    [Fact]
    public async Task A_script_can_end_what_it_started_in_the_background()
    {
        // A shell without job control starts background commands with SIGINT ignored.
        var tool = Path.Combine(AppContext.BaseDirectory, "Postern.Server");
        var (code, said) = await ShellAsync(
            $"{tool} demo --port 0 >/dev/null 2>\"$T\" & p=$!; until grep -q '^admin' \"$T\"; do kill -0 $p || exit 99; sleep 0.05; done; kill -INT $p; wait $p");
        Assert.True(code == 0, $"exit {code}: {said}");
    }

    /// <summary>What a line is printed to show.</summary>
    private static int Status(string command) => command switch
    {
        _ when command.Contains("invoices", StringComparison.Ordinal) => 404,
        _ when command.Contains("catalog", StringComparison.Ordinal) => 308,
        _ when command.EndsWith("/web/profile", StringComparison.Ordinal) && !command.Contains("Bearer", StringComparison.Ordinal) => 401,
        _ when command.Contains("--scopes orders.read", StringComparison.Ordinal) || command.EndsWith("/partner/v1/documents", StringComparison.Ordinal)
            || command.EndsWith("/documents/import", StringComparison.Ordinal) => 403,
        _ when command.Contains("-d '", StringComparison.Ordinal) => 201,
        _ => 200,
    };

    private static async Task<(int Code, string Answer)> ShellAsync(string command)
    {
        Assert.SkipUnless(File.Exists("/usr/bin/curl") && File.Exists("/bin/bash"), "curl or bash is not installed.");
        using var folder = new TempFolder();
        var start = new ProcessStartInfo("/bin/bash", ["-c", command]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["T"] = folder.Write("said", "");
        // A stream lasts as long as its reader: a second of it will do.
        folder.Write(".curlrc", "max-time = 5\n");
        start.Environment["CURL_HOME"] = folder.Path;
        using var shell = Process.Start(start)!;
        var (output, error) = (shell.StandardOutput.ReadToEndAsync(), shell.StandardError.ReadToEndAsync());
        await shell.WaitForExitAsync().WaitAsync(RunningTool.Patience);
        return (shell.ExitCode, await output + await error);
    }

    [GeneratedRegex("^HTTP/1.1 ([0-9]{3})", RegexOptions.Multiline)]
    private static partial Regex Statuses();

    [GeneratedRegex(@"^\s*(curl .*)$", RegexOptions.Multiline)]
    private static partial Regex Commands();
}
