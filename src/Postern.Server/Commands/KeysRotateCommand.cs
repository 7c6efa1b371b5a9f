using System.CommandLine;
using Postern.Edge.Authenticating.ApiKeys;

namespace Postern.Server.Commands;

/// <summary><c>postern keys rotate</c>.</summary>
internal static class KeysRotateCommand
{
    public static Command Create(TimeProvider time)
    {
        var name = new Argument<string>("NAME") { Description = "Whose key." };
        var overlap = new Option<string>("--overlap") { Description = "How long the old key goes on: 24h, 7d, 0.", HelpName = "TIME", DefaultValueFactory = _ => "24h" };
        var expires = new Option<string>("--expires") { Description = "When the new key ends, as for 'create'. [default: it lasts as long as the old one did]", HelpName = "WHEN" };
        overlap.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && !KeysExpiry.TrySpan(token.Value, out _))
            {
                result.AddError($"How long the old key goes on is written as 24h, 7d or 0, got '{token.Value}'.");
            }
        });
        expires.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && KeysExpiry.Of(token.Value, time.GetUtcNow()).Problem is { } problem)
            {
                result.AddError(problem);
            }
        });
        var command = new Command("rotate", """
            Make a key that is like the newest one of a name, and let the old ones end after an overlap. It is printed once.

            Example: postern keys rotate acme --overlap 24h
            """) { name, overlap, expires };
        command.Do(new KeysPlaceOption(), async (parsed, place, console) =>
        {
            var (key, now) = (ApiKey.Make(), time.GetUtcNow());
            KeysExpiry.TrySpan(parsed.GetValue(overlap)!, out var span);
            var (made, end, ended) = (new KeyOptions(), now + span, 0);
            await place.ChangeAsync(keys =>
            {
                List<KeyOptions> holding = [.. KeysRevokeCommand.Known(place, keys, parsed.GetValue(name)!).Where(k => KeysListCommand.State(k, now) == "active")];
                if (holding.Count == 0)
                {
                    throw new KeysException($"{place.Place}: no key of '{parsed.GetValue(name)}' holds any more; make one with: postern keys create --name {parsed.GetValue(name)}");
                }
                made = Like(holding[^1], key, now, parsed.GetValue(expires));
                ended = holding.Count;
                return [.. keys.Select(k => holding.Contains(k, ReferenceEqualityComparer.Instance) ? Ending(k, end) : k), made];
            });
            await console.Error.WriteLineAsync($"{(ended == 1 ? "The old key ends" : $"The {ended} old keys end")} at {Rfc3339.Format(end)} at the latest.");
            await KeysCommand.ShowAsync(console, place, key, made, $"A new key for {made.Name}");
        });
        return command;
    }

    private static KeyOptions Like(KeyOptions old, string key, DateTimeOffset now, string? expires) => KeyOptions.For(old.Name!, key) with
    {
        Tier = old.Tier,
        Scopes = old.Scopes,
        Created = Rfc3339.Format(now),
        Expires = (expires is null ? Lasting(old, now) : KeysExpiry.Of(expires, now).Time) is { } end ? Rfc3339.Format(end) : null,
    };

    /// <summary>When a key ends that lasts as long as that one; null for never.</summary>
    private static DateTimeOffset? Lasting(KeyOptions old, DateTimeOffset now)
    {
        if (old.Expires is null || !Rfc3339.TryParse(old.Expires, out var end))
        {
            return null;
        }
        // One that doesn't say when it was made gives its own end on.
        return old.Created is not null && Rfc3339.TryParse(old.Created, out var made) && end > made && end - made < DateTimeOffset.MaxValue - now ? now + (end - made) : end;
    }

    private static KeyOptions Ending(KeyOptions key, DateTimeOffset end) =>
        key.Expires is not null && Rfc3339.TryParse(key.Expires, out var earlier) && earlier <= end ? key : key with { Expires = Rfc3339.Format(end) };
}
