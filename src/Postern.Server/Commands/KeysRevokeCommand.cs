using System.CommandLine;
using Postern.Config;
using Postern.Edge.Authenticating.ApiKeys;

namespace Postern.Server.Commands;

/// <summary><c>postern keys revoke</c>.</summary>
internal static class KeysRevokeCommand
{
    public static Command Create(TimeProvider time)
    {
        var names = new Argument<string[]>("NAME") { Description = "Whose keys; all of them, unless --last4 picks one.", Arity = ArgumentArity.ZeroOrMore };
        var last4 = new Option<string>("--last4") { Description = "The last four characters of the key, as 'postern keys list' shows them.", HelpName = "XXXX" };
        var command = new Command("revoke", """
            Revoke keys: all of some names, or the one that ends in four characters. Their entries stay, and say when.

            Example: postern keys revoke --last4 x9Qz
            """) { names, last4 };
        command.Validators.Add(result =>
        {
            if (result.GetResult(last4) is null && result.GetValue(names) is not { Length: > 0 })
            {
                result.AddError("Which keys? Write a name, or --last4 with the end of a key.");
            }
            else if (result.GetValue(names) is { Length: > 1 } && result.GetResult(last4) is not null)
            {
                result.AddError("--last4 picks one key; write one name beside it, or none.");
            }
        });
        command.Do(new KeysPlaceOption(), async (parsed, place, console) =>
        {
            var said = new List<string>();
            await place.ChangeAsync(keys =>
            {
                said.Clear();
                var meant = Meant(place, keys, parsed.GetValue(names) ?? [], parsed.GetValue(last4));
                foreach (var key in meant)
                {
                    said.Add(key.Revoked is null ? $"Revoked the key of {key.Name} that ends in {key.Last4 ?? "?"}." : $"The key of {key.Name} that ends in {key.Last4 ?? "?"} was revoked already.");
                }
                var now = Rfc3339.Format(time.GetUtcNow());
                return meant.All(k => k.Revoked is not null) ? keys : [.. keys.Select(k => k.Revoked is null && meant.Contains(k, ReferenceEqualityComparer.Instance) ? k with { Revoked = now } : k)];
            });
            foreach (var line in said)
            {
                await console.Error.WriteLineAsync(line);
            }
        });
        return command;
    }

    private static IReadOnlyList<KeyOptions> Meant(KeysPlace place, IReadOnlyList<KeyOptions> keys, string[] names, string? last4)
    {
        foreach (var name in names)
        {
            Known(place, keys, name);
        }
        List<KeyOptions> meant = [.. keys.Where(k => (names.Length == 0 || names.Contains(k.Name)) && (last4 is null || k.Last4 == last4))];
        if (last4 is null)
        {
            return meant;
        }
        if (meant.Count > 1 && meant.Where(k => k.Revoked is null).ToList() is [_] holding)
        {
            return holding;
        }
        return meant.Count switch
        {
            0 => throw new KeysException($"{place.Place}: no key{(names is [var name] ? $" of {name}" : "")} ends in '{last4}'; 'postern keys list' shows them"),
            1 => meant,
            _ => throw new KeysException($"{place.Place}: {meant.Count} keys end in '{last4}', of {string.Join(", ", meant.Select(k => k.Name).Distinct())}; write the name too, or revoke by name"),
        };
    }

    /// <summary>The keys of a name; one that has none is a mistake.</summary>
    public static IReadOnlyList<KeyOptions> Known(KeysPlace place, IReadOnlyList<KeyOptions> keys, string name)
    {
        List<KeyOptions> of = [.. keys.Where(k => k.Name == name)];
        return of.Count > 0 ? of : throw new KeysException($"{place.Place}: no key of '{name}'{(Nearest.Hint(name, keys.Select(k => k.Name!).Distinct()) is { Length: > 0 } hint ? hint : "; 'postern keys list' shows them")}");
    }
}
