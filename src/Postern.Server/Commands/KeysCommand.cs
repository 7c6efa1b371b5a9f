using System.CommandLine;
using Postern.Edge.Authenticating.ApiKeys;

namespace Postern.Server.Commands;

/// <summary>
/// <c>postern keys</c>: makes, shows, ends and replaces keys, in a file or in a Redis. What goes to standard output is what was asked
/// for (a key, alone on its line; a list); what is said about it goes to standard error.
/// </summary>
internal static class KeysCommand
{
    public static Command Create(TimeProvider time) => new("keys", """
        Make, list, revoke and rotate API keys, in a file or in a Redis. A key is shown once; its hash is what is kept. A gateway
        that runs takes the change within a second.

        Example: postern keys create --name acme --tier partner --scopes orders.read
        """)
    {
        KeysCreateCommand.Create(time),
        KeysListCommand.Create(time),
        KeysRevokeCommand.Create(time),
        KeysRotateCommand.Create(time),
    };

    /// <summary>Lets a command run on the place that was meant; what it can't do is one message and exit 1.</summary>
    public static void Do(this Command command, KeysPlaceOption place, Func<ParseResult, KeysPlace, InvocationConfiguration, Task> run)
    {
        place.AddTo(command);
        command.SetAction(async (parsed, _) =>
        {
            try
            {
                await run(parsed, place.Of(parsed), parsed.InvocationConfiguration);
                return 0;
            }
            catch (KeysException e)
            {
                await parsed.InvocationConfiguration.Error.WriteLineAsync(e.Message);
                return 1;
            }
        });
    }

    /// <summary>Shows a key that is kept now: the key to standard output, the rest to standard error.</summary>
    public static async Task ShowAsync(InvocationConfiguration console, KeysPlace place, string key, KeyOptions made, string what)
    {
        var until = made.Expires is null ? "without an end" : $"until {made.Expires}";
        await console.Error.WriteLineAsync($"{what} in {place.Place}, {until}. This is the only time it is shown:");
        await console.Error.FlushAsync();
        try
        {
            await console.Output.WriteLineAsync(key);
            await console.Output.FlushAsync();
        }
        catch (IOException)
        {
            throw new KeysException($"The key can't be printed, and is lost; take it out again: postern keys revoke {made.Name} --last4 {made.Last4}");
        }
    }
}

/// <summary>Why a command can't do what was asked: what is wrong, and what to do.</summary>
internal sealed class KeysException(string message) : Exception(message);
