using System.CommandLine;
using Postern.Edge.Authenticating.ApiKeys;

namespace Postern.Server.Commands;

/// <summary><c>postern keys create</c>.</summary>
internal static class KeysCreateCommand
{
    public static Command Create(TimeProvider time)
    {
        var name = new Option<string>("--name", "-n") { Description = "Whose key it is: the consumer's id.", HelpName = "NAME", Required = true };
        var tier = new Option<string>("--tier") { Description = "The consumer's tier.", HelpName = "TIER" };
        var scopes = new Option<string[]>("--scopes") { Description = "What the consumer may do, parted by commas.", HelpName = "A,B", AllowMultipleArgumentsPerToken = false };
        var expires = new Option<string>("--expires")
        {
            Description = "When it ends: 90d, 12h, 2027-01-01 (its beginning, UTC), 2027-01-01T12:00:00Z.",
            HelpName = "WHEN",
            DefaultValueFactory = _ => KeysExpiry.Never,
        };
        Refuse(name, KeyOptions.NameFault);
        Refuse(name, n => n.Contains("${", StringComparison.Ordinal) ? "a name has no '${'" : null);
        Refuse(tier, KeyOptions.TierFault);
        Refuse(scopes, s => Split(s).Select(KeyOptions.ScopeFault).FirstOrDefault(f => f is not null));
        Refuse(expires, e => KeysExpiry.Of(e, time.GetUtcNow()).Problem);
        var command = new Command("create", """
            Make a key. It is printed once, alone on its line; the file, or Redis, gets its hash. The file is made where there is none.

            Example: postern keys create --name acme --tier partner --scopes orders.read,orders.write --expires 90d
            """) { name, tier, scopes, expires };
        command.Do(new KeysPlaceOption(), async (parsed, place, console) =>
        {
            var now = time.GetUtcNow();
            var key = ApiKey.Make();
            var words = (parsed.GetValue(scopes) ?? []).SelectMany(Split).Distinct().ToList();
            var made = KeyOptions.For(parsed.GetValue(name)!, key) with
            {
                Tier = parsed.GetValue(tier),
                Scopes = words.Count == 0 ? null : words,
                Created = Rfc3339.Format(now),
                Expires = KeysExpiry.Of(parsed.GetValue(expires)!, now).Time is { } end ? Rfc3339.Format(end) : null,
            };
            await place.ChangeAsync(keys => [.. keys, made], make: true);
            await KeysCommand.ShowAsync(console, place, key, made, $"A key for {made.Name}");
        });
        return command;
    }

    private static string[] Split(string scopes) => scopes.Split([',', ' '], StringSplitOptions.RemoveEmptyEntries);

    /// <summary>What was typed for the option is wrong usage where this finds a fault.</summary>
    private static void Refuse<T>(Option<T> option, Func<string, string?> fault) => option.Validators.Add(result =>
    {
        foreach (var problem in result.Tokens.Select(t => fault(t.Value)).OfType<string>())
        {
            result.AddError(problem.StartsWith(char.ToUpperInvariant(problem[0])) ? problem : $"{option.Name}: {problem}.");
        }
    });
}
