namespace Postern.Server;

internal static class Program
{
    private static Task<int> Main(string[] args)
    {
        // Read once, when the process touches its first socket: completions then run on the thread that saw them, which is
        // half the price of a hop to the thread pool. Nothing on the path of a request may block, and nothing does.
        const string inline = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";
        if (Environment.GetEnvironmentVariable(inline) is null)
        {
            Environment.SetEnvironmentVariable(inline, "1");
        }
        return CommandLine.RunAsync(args, Console.Out, Console.Error);
    }
}
