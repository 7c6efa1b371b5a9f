using System.CommandLine;
using System.CommandLine.Help;
using Postern.Config;
using Postern.Server.Commands;
using Postern.Server.Serving;

namespace Postern.Server;

/// <summary>The commands of <c>postern</c>, and what all have in common: exit 2 where what was typed makes no sense.</summary>
internal static class CommandLine
{
    public static async Task<int> RunAsync(string[] args, TextWriter output, TextWriter error)
    {
        var root = new Command("postern", "An API gateway. Example: postern run --config postern.yaml")
        {
            new HelpOption(),
            new VersionOption(),
            RunCommand.Create(OpenedGateway.Open, error, TimeProvider.System),
            CheckCommand.Create(),
            ExplainCommand.Create(),
            SchemaCommand.Create(),
            KeysCommand.Create(TimeProvider.System),
            DemoCommand.Create(error, TimeProvider.System),
            TokenCommand.Create(output, error),
        };
        var parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            var command = parsed.CommandResult.Command;
            if (command.Subcommands.Count > 0 && parsed.UnmatchedTokens is [var typed, ..] && !typed.StartsWith('-'))
            {
                var commands = command.Subcommands.Select(c => c.Name).ToList();
                await error.WriteLineAsync($"No command '{typed}'{Nearest.Hint(typed, commands)} (there are {string.Join(", ", commands)})");
            }
            else
            {
                foreach (var message in parsed.Errors.Select(e => e.Message).Distinct())
                {
                    await error.WriteLineAsync(message);
                }
            }
            var path = command == root ? "" : string.Concat(command.Parents.Where(p => p != root).Select(p => " " + p.Name)) + " " + command.Name;
            await error.WriteLineAsync($"'postern{path} --help' says what can be written.");
            return 2;
        }
        return await parsed.InvokeAsync(new InvocationConfiguration
        {
            Output = output,
            Error = error,
            // Signals are the command's own: it drains.
            ProcessTerminationTimeout = null,
        });
    }
}
