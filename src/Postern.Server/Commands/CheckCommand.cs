using System.CommandLine;

namespace Postern.Server.Commands;

/// <summary>Compiles the configuration with the server's own compiler and opens nothing.</summary>
internal static class CheckCommand
{
    public static Command Create()
    {
        var config = ConfigOption.Create();
        var strict = new Option<bool>("--strict") { Description = "Count warnings as errors." };
        var command = new Command("check", """
            Check a configuration: every error at once, each with its line. Opens no port.

            Example: postern check --config postern.yaml --strict
            """) { config, strict };
        command.SetAction(result => Run(result.GetValue(config)!, result.GetValue(strict)));
        return command;
    }

    private static int Run(string file, bool strict)
    {
        var (runtime, problems) = ConfigOption.Compile(file);
        ConfigOption.Print(problems);
        if (runtime is null || (strict && problems.Count > 0))
        {
            return 1;
        }
        using (runtime)
        {
            var gates = runtime.Snapshot.Gates;
            Console.WriteLine($"{file}: good; {ConfigOption.Count(gates.Count, "gate")}, {ConfigOption.Count(gates.Sum(g => g.Table.Routes.Count), "route")}, "
                + $"{ConfigOption.Count(runtime.Snapshot.Config.Upstreams.Count, "upstream")}, {ConfigOption.Count(problems.Count, "warning")}");
        }
        return 0;
    }
}
