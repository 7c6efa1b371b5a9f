using Postern.Config;
using Postern.Wire;

namespace Postern.Backends.Composing;

/// <summary>A route that answers with what several calls gave.</summary>
public sealed record ComposeSection : Options
{
    /// <summary>The sources of the answer by name: <c>user: { get: http://users/api/profile, required: true }</c>. All run at once but those
    /// that mention another's name; the answer has their results under their names, in the order written, or what <c>shape</c> makes of them.</summary>
    [RouteOnly] public IReadOnlyDictionary<string, SourceOptions>? Compose { get; init; }

    /// <summary>The name under which a composed answer says how whole it is: <c>{ "partial", "failedSources", "responseTimeMs" }</c>. Default: it doesn't say it.</summary>
    public string? Meta { get; init; }

    /// <summary>What of the client's request goes on to the sources: <c>authorization</c>, <c>cookies</c>, <c>query</c>, and names of header
    /// fields. A source's own replaces it. Default: nothing.</summary>
    [OneOrMany] public IReadOnlyList<string>? Forward { get; init; }

    /// <summary>Whether a composed answer lists the time of each source in <c>Server-Timing</c>.</summary>
    [Default("false")] public bool? ServerTiming { get; init; }

    /// <summary>How many sources a route may have.</summary>
    [Default("10"), Range("1", "50")] public int? MaxSources { get; init; }

    /// <summary>How long all sources of a route may take, where nothing is written.</summary>
    internal static readonly TimeSpan UsualTimeout = TimeSpan.FromSeconds(30);

    /// <summary>The same where it was turned off, too: there is always a bound.</summary>
    internal int MostSources => MaxSources ?? 10;

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        if (Compose is { Count: 0 })
        {
            check.Error(this, "compose", "a composed answer needs a source; write NAME: { get: http://NAME/path }");
        }
        if (Meta is "" or "true" or "false" or "yes" or "no" or "on")
        {
            check.Error(this, "meta", $"the name of a field is needed, got {(Meta.Length == 0 ? "an empty text" : $"'{Meta}'")}; write meta: {(Meta is "false" or "no" ? "off" : "_meta")}");
        }
        CheckForward(this, Forward, check);
    }

    /// <summary>Whether each of these may go on.</summary>
    internal static void CheckForward(Options at, IReadOnlyList<string>? forward, Check check)
    {
        for (var i = 0; i < (forward?.Count ?? 0); i++)
        {
            var (name, key) = (forward![i], forward.Count == 1 && at.Origin?.Has("forward") is true && !at.Origin.At("forward").Has("[0]") ? "forward" : $"forward[{i}]");
            if (name is "off")
            {
                check.Error(at, key, "'off' is no field; for nothing write forward: [] at a source, forward: off at a route");
            }
            else if (Words.FirstOrDefault(w => w != name && w.Equals(name, StringComparison.OrdinalIgnoreCase)) is { } word)
            {
                check.Error(at, key, $"a word is written in small letters, got '{name}'; write {word}");
            }
            else if (name is "*" or "true" or "false" or "all" || !Token.IsValid(name))
            {
                check.Error(at, key, $"not something to forward, got '{name}'; write authorization, cookies, query or the name of a header field");
            }
            else if (HopByHop.IsRequestField(name) || HopByHop.IsForwarded(name) || name.StartsWith("Content-", StringComparison.OrdinalIgnoreCase)
                || name.StartsWith("If-", StringComparison.OrdinalIgnoreCase) || Own.Contains(name))
            {
                check.Error(at, key, $"'{name}' is about the client's own exchange with the gateway, or the gateway says it itself; remove it");
            }
        }
    }

    private static readonly string[] Words = ["cookies", "query"];
    private static readonly HashSet<string> Own = new(StringComparer.OrdinalIgnoreCase) { "Accept", "Accept-Encoding", "Range", "X-Postern-Attempt" };
}
