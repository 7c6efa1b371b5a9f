using System.Text;
using System.Text.RegularExpressions;
using Postern.Config;
using Postern.Config.Yaml;
using Postern.Edge.Authenticating.ApiKeys;

namespace Postern.Server.Commands;

/// <summary>
/// The text of a file of keys, changed where something changes and nowhere else, so that comments and the order of things
/// stay their author's. Each change is read back: where it doesn't say what was meant, because the file is written in a way
/// that lines can't be put into, the file is written anew and keeps the comments at its top.
/// </summary>
internal static partial class KeysText
{
    private const string Head = "# API keys, by 'postern keys'. The keys themselves are nowhere: hash is a key's SHA-256.\n";

    /// <summary>The keys that a text says, if any can be read, and everything wrong with it.</summary>
    public static (KeyFileOptions? Keys, Check Check) Parse(string path, string text)
    {
        var loaded = new LoadedConfig(new GatewayConfig(), new Check(), new Sources(_ => text));
        var keys = ConfigFile.Record<KeyFileOptions>(loaded, path, new Origin(null, 0, 0, ""), Features.Grammar);
        if (keys is not null)
        {
            Validation.Run(keys, loaded.Check);
        }
        return (keys, loaded.Check);
    }

    /// <summary>The text that says <paramref name="after"/>.</summary>
    /// <param name="path">Of the file, for messages.</param>
    /// <param name="text">The file's text; null where it is new.</param>
    /// <param name="before">What the text says.</param>
    /// <param name="after">The same keys, some with another end, and new ones behind them.</param>
    public static string Change(string path, string? text, KeyFileOptions before, IReadOnlyList<KeyOptions> after)
    {
        var changed = Bounded(path, text is null ? Whole(Head, after) : Edited(text, before, after));
        if (!Says(path, changed, after))
        {
            changed = Bounded(path, Whole(string.Concat((text ?? Head).Split('\n').TakeWhile(l => l.Trim() is "" or ['#', ..]).Select(l => l.TrimEnd() + "\n")), after));
            if (!Says(path, changed, after))
            {
                throw new KeysException($"{path}: would read differently after the change, so nothing was changed; write the entry by hand");
            }
        }
        return changed;
    }

    private static string Bounded(string path, string text) => Encoding.UTF8.GetByteCount(text) <= Sources.MaxFile ? text
        : throw new KeysException($"{path}: would become larger than {new ByteSize(Sources.MaxFile)}, which the gateway doesn't read; take out entries that are revoked or expired");

    private static bool Says(string path, string text, IReadOnlyList<KeyOptions> keys)
    {
        var (read, check) = Parse(path, text);
        return check.Problems.Count == 0 && read!.Keys.Count == keys.Count && read.Keys.Zip(keys).All(k => KeyOptions.Same(k.First, k.Second));
    }

    private static string Whole(string head, IReadOnlyList<KeyOptions> keys) =>
        head + (keys.Count == 0 ? "keys: []\n" : "keys:\n" + string.Concat(keys.SelectMany(k => Entry(k, "  ", "- ")).Select(l => l + "\n")));

    private static string Edited(string text, KeyFileOptions before, IReadOnlyList<KeyOptions> after)
    {
        var newline = text.Contains("\r\n", StringComparison.Ordinal) ? "\r\n" : "\n";
        List<string> lines = [.. text.Replace("\r\n", "\n", StringComparison.Ordinal).TrimEnd('\n').Split('\n')];
        // What takes the place of a value moves no line; what needs a line of its own comes from the end on.
        for (var i = 0; i < before.Keys.Count; i++)
        {
            Replace(lines, before.Keys[i], "expires", before.Keys[i].Expires, after[i].Expires);
        }
        for (var i = before.Keys.Count - 1; i >= 0; i--)
        {
            Insert(lines, before.Keys[i], "revoked", before.Keys[i].Revoked, after[i].Revoked);
            Insert(lines, before.Keys[i], "expires", before.Keys[i].Expires, after[i].Expires);
        }
        if (after.Count > before.Keys.Count)
        {
            Append(lines, before.Keys, after.Skip(before.Keys.Count));
        }
        return string.Join(newline, lines) + newline;
    }

    /// <summary>Adds a key to an entry, behind one that takes a line of its own.</summary>
    private static void Insert(List<string> lines, KeyOptions entry, string key, string? was, string? now)
    {
        if (was is null && now is not null && entry.Origin is { } origin && origin.At(origin.Has("created") ? "created" : "hash").Line is var behind && behind <= lines.Count)
        {
            lines.Insert(behind, $"{new string(' ', origin.Column - 1)}{key}: {now}");
        }
    }

    /// <summary>Gives a key of an entry another value.</summary>
    private static void Replace(List<string> lines, KeyOptions entry, string key, string? was, string? now)
    {
        if (was is null || now is null || was == now || entry.Origin?.At(key) is not { } at || at.Line > lines.Count)
        {
            return;
        }
        var (line, start) = (lines[at.Line - 1], at.Column - 1);
        if (start <= line.Length)
        {
            lines[at.Line - 1] = line[..start] + now + line[(start + Value().Match(line, start).Length)..];
        }
    }

    private static void Append(List<string> lines, IReadOnlyList<KeyOptions> before, IEnumerable<KeyOptions> added)
    {
        var (indent, dash) = ("  ", "- ");
        if (before.Count == 0)
        {
            if (lines is [""])
            {
                lines.Clear();
            }
            var empty = lines.FindIndex(l => NoKeys().IsMatch(l));
            if (empty >= 0)
            {
                lines[empty] = NoKeys().Replace(lines[empty], "keys:$1");
            }
            else if (!lines.Exists(l => l.StartsWith("keys:", StringComparison.Ordinal)))
            {
                lines.Add("keys:");
            }
        }
        else if (before[^1].Origin is { } last && last.Line <= lines.Count && lines[last.Line - 1][..Math.Min(last.Column - 1, lines[last.Line - 1].Length)] is var lead && lead.Trim() == "-")
        {
            (indent, dash) = (lead[..lead.IndexOf('-', StringComparison.Ordinal)], lead[lead.IndexOf('-', StringComparison.Ordinal)..]);
        }
        lines.AddRange(added.SelectMany(k => Entry(k, indent, dash)));
    }

    private static IEnumerable<string> Entry(KeyOptions key, string indent, string dash)
    {
        (string Key, string? Value)[] said =
        [
            ("name", Quoted(key.Name)), ("hash", Quoted(key.Hash)), ("last4", key.Last4 is null ? null : $"\"{Escaped(key.Last4)}\""), ("tier", Quoted(key.Tier)),
            ("scopes", key.Scopes is { Count: > 0 } scopes ? $"[{string.Join(", ", scopes.Select(Quoted))}]" : null),
            ("created", key.Created), ("expires", key.Expires), ("revoked", key.Revoked),
        ];
        return said.Where(s => s.Value is not null).Select((s, i) => $"{indent}{(i == 0 ? dash : new string(' ', dash.Length))}{s.Key}: {s.Value}");
    }

    private static string? Quoted(string? text) => text is null || Bare().IsMatch(text) ? text : $"\"{Escaped(text)}\"";

    private static string Escaped(string text) => text.Replace("\\", @"\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);

    /// <summary>What reads as itself without quotes, inside brackets too. YAML's word for nothing doesn't.</summary>
    [GeneratedRegex(@"^(?!null$)[A-Za-z0-9][A-Za-z0-9._-]*$")]
    private static partial Regex Bare();

    /// <summary>A plain value on a line, in quotes or up to what ends it.</summary>
    [GeneratedRegex("""\G("[^"]*"|'[^']*'|[^\s,}\]#]+)""")]
    private static partial Regex Value();

    [GeneratedRegex(@"^keys:\s*(?:\[\s*\]|null|~)?[ ]*(\s#.*)?$")]
    private static partial Regex NoKeys();
}
