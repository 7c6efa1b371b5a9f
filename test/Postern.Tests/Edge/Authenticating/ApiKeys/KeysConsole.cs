using System.CommandLine;
using Postern.Server.Commands;

namespace Postern.Tests.Edge.Authenticating.ApiKeys;

/// <summary><c>postern keys</c> in this process, with a clock of the test's.</summary>
internal static class KeysConsole
{
    /// <summary>The exit code, what went to standard output, and what to standard error; 2 where it makes no sense.</summary>
    public static (int Code, string Output, string Error) Run(TimeProvider time, params string[] arguments)
    {
        var (output, error) = (new StringWriter { NewLine = "\n" }, new StringWriter { NewLine = "\n" });
        var parsed = KeysCommand.Create(time).Parse(arguments);
        if (parsed.Errors.Count > 0)
        {
            return (2, "", string.Join('\n', parsed.Errors.Select(e => e.Message)));
        }
        // Off the few threads on which tests run, of which this one blocks one.
        var code = Task.Run(() => parsed.Invoke(new InvocationConfiguration { Output = output, Error = error, EnableDefaultExceptionHandler = false })).GetAwaiter().GetResult();
        return (code, output.ToString(), error.ToString());
    }
}
