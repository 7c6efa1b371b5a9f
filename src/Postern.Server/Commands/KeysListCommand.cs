using System.CommandLine;
using System.Text;
using Postern.Edge.Authenticating.ApiKeys;

namespace Postern.Server.Commands;

/// <summary><c>postern keys list</c>.</summary>
internal static class KeysListCommand
{
    private static readonly string[] Titles = ["NAME", "LAST4", "TIER", "SCOPES", "CREATED", "EXPIRES", "STATE"];

    public static Command Create(TimeProvider time)
    {
        var command = new Command("list", """
            List the keys of a file or a Redis, in the order made: whose they are, and whether they still hold. No hash is shown.

            Example: postern keys list
            """);
        command.Do(new KeysPlaceOption(), async (_, place, console) =>
        {
            var (keys, warning) = await place.ReadAsync();
            if (warning is not null)
            {
                await console.Error.WriteLineAsync(warning);
            }
            if (keys.Count == 0)
            {
                await console.Error.WriteLineAsync($"{place.Place}: no keys; make one with: postern keys create --name NAME {place.Option}");
                return;
            }
            await console.Output.WriteAsync(Table([Titles, .. keys.Select(k => Row(k, time.GetUtcNow()))]));
        });
        return command;
    }

    /// <summary>What may be done with the key now.</summary>
    public static string State(KeyOptions key, DateTimeOffset now) =>
        key.Revoked is not null ? "revoked" : key.Expires is not null && (!Rfc3339.TryParse(key.Expires, out var end) || end <= now) ? "expired" : "active";

    private static string[] Row(KeyOptions key, DateTimeOffset now) =>
        [key.Name!, key.Last4 ?? "-", key.Tier ?? "-", key.Scopes is { Count: > 0 } scopes ? string.Join(',', scopes) : "-", key.Created ?? "-", key.Expires ?? "-", State(key, now)];

    private static string Table(IReadOnlyList<string[]> rows)
    {
        var widths = Enumerable.Range(0, Titles.Length).Select(i => rows.Max(r => r[i].Length)).ToArray();
        var text = new StringBuilder();
        foreach (var row in rows)
        {
            text.AppendLine(string.Join("  ", row.Select((cell, i) => cell.PadRight(widths[i]))).TrimEnd());
        }
        return text.ToString();
    }
}
