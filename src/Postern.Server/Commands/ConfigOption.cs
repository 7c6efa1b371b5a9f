using System.CommandLine;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Config;
using Postern.Config.Yaml;
using Postern.Redis;
using Postern.Runtime;

namespace Postern.Server.Commands;

/// <summary><c>--config</c>, and what every command does with it first.</summary>
internal static class ConfigOption
{
    public static Option<string> Create() => new("--config", "-c")
    {
        Description = "The main configuration file.",
        DefaultValueFactory = _ => "postern.yaml",
        HelpName = "FILE",
    };

    /// <summary>Reads a configuration, with all that the command brings in.</summary>
    public static LoadedConfig Load(string file, Action<GatewayBuilder>? build) => PosternExtensions.Load(file, builder =>
    {
        builder.UseRedis();
        build?.Invoke(builder);
    });

    /// <summary>Reads and compiles as <c>run</c> would, and opens nothing.</summary>
    public static (GatewayRuntime? Runtime, IReadOnlyList<ConfigProblem> Problems) Compile(string file) =>
        GatewayRuntime.Start(() => Load(file, null), NullLogger.Instance, TimeProvider.System);

    public static void Print(IReadOnlyList<ConfigProblem> problems)
    {
        foreach (var problem in problems)
        {
            Console.Error.WriteLine(problem);
        }
    }

    /// <summary><c>1 gate</c>, <c>3 gates</c>.</summary>
    public static string Count(int number, string what) => $"{number} {what}{(number == 1 ? "" : "s")}";
}
