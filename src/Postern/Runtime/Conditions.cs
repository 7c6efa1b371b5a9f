using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Postern.Config;
using Postern.Wire;

namespace Postern.Runtime;

/// <summary>A route's <c>when</c>, compiled. Knows how specific it is, and whether another can hold at the same time.</summary>
internal sealed class Conditions
{
    private sealed record Condition(string Source, string Name, string? Is, bool Exists, string? Prefix)
    {
        public int Rank => Is is not null ? 3 : Prefix is not null ? 2 : 1;

        public bool Holds(ReadOnlySpan<char> value) =>
            Is is not null ? value.SequenceEqual(Is) : Prefix is null || value.StartsWith(Prefix);

        /// <summary>Whether no one value can satisfy both.</summary>
        public bool Excludes(Condition other)
        {
            if (Source != other.Source || !Name.Equals(other.Name, Source == "header" ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal))
            {
                return false;
            }
            if (!Exists || !other.Exists)
            {
                return Exists != other.Exists;
            }
            return (Is, other.Is) switch
            {
                ({ } a, { } b) => a != b,
                ({ } a, null) => other.Prefix is { } p && !a.StartsWith(p, StringComparison.Ordinal),
                (null, { } b) => Prefix is { } p && !b.StartsWith(p, StringComparison.Ordinal),
                _ => Prefix is { } p && other.Prefix is { } q && !p.StartsWith(q, StringComparison.Ordinal) && !q.StartsWith(p, StringComparison.Ordinal),
            };
        }
    }

    private readonly Condition[] conditions;
    private readonly HostPattern? host;

    public Conditions(WhenOptions? when, HostPattern? host)
    {
        conditions = [.. Read("header", when?.Header), .. Read("query", when?.Query)];
        this.host = host;
    }

    /// <summary>Nothing asked.</summary>
    public bool IsEmpty => conditions.Length == 0 && host is null;

    /// <summary>Compares by number of conditions, then by how exact they are, then by length of prefixes and hosts.</summary>
    public (int Count, int Exactness, int Length) Specificity => (
        conditions.Length + (host is null ? 0 : 1),
        conditions.Sum(c => c.Rank) + (host is null ? 0 : host.Rank == int.MaxValue ? 3 : 2),
        conditions.Sum(c => c.Prefix?.Length ?? 0) + (host is null || host.Rank == int.MaxValue ? 0 : host.Rank));

    /// <summary>Whether both ask for the same.</summary>
    public bool Same(Conditions other) => ToString().Split(", ").ToHashSet(StringComparer.OrdinalIgnoreCase).SetEquals(other.ToString().Split(", "));

    /// <summary>Whether no request can satisfy both.</summary>
    public bool Excludes(Conditions other) =>
        Array.Exists(conditions, c => Array.Exists(other.conditions, c.Excludes))
        || (host is not null && other.host is not null && !Overlaps(host, other.host));

    public bool Hold(HttpContext context)
    {
        if (host is not null && !host.Matches(HostPattern.NameOf(context.Request.Headers.Host)))
        {
            return false;
        }
        foreach (var condition in conditions)
        {
            if (!(condition.Source == "header" ? HeaderHolds(context.Request, condition) : QueryHolds(context.Request, condition)))
            {
                return false;
            }
        }
        return true;
    }

    public override string ToString() => string.Join(", ", [
        .. conditions.Select(c => $"{c.Source} {c.Name}" + (c.Is is not null ? $"={c.Is}" : c.Prefix is not null ? $"={c.Prefix}…" : c.Exists ? "" : " absent")),
        .. host is null ? Array.Empty<string>() : [$"host {host.Text}"]]);

    private static bool HeaderHolds(HttpRequest request, Condition condition)
    {
        var values = request.Headers[condition.Name];
        if (!condition.Exists)
        {
            return values.Count == 0;
        }
        foreach (var value in values)
        {
            if (condition.Holds(value))
            {
                return true;
            }
        }
        return false;
    }

    private static bool QueryHolds(HttpRequest request, Condition condition)
    {
        var found = false;
        foreach (var pair in new QueryStringEnumerable(request.QueryString.Value))
        {
            if (pair.DecodeName().Span.SequenceEqual(condition.Name))
            {
                found = true;
                if (condition.Exists && condition.Holds(pair.DecodeValue().Span))
                {
                    return true;
                }
            }
        }
        return !condition.Exists && !found;
    }

    private static IEnumerable<Condition> Read(string source, IReadOnlyDictionary<string, ConditionOptions>? options) =>
        options?.Select(o => new Condition(source, o.Key, o.Value.Is, o.Value.Exists ?? true, o.Value.Prefix)) ?? [];

    private static bool Overlaps(HostPattern a, HostPattern b) =>
        a.Rank == int.MaxValue ? b.Matches(a.Text) : b.Rank == int.MaxValue ? a.Matches(b.Text)
            : a.Text.EndsWith(b.Text[1..], StringComparison.OrdinalIgnoreCase) || b.Text.EndsWith(a.Text[1..], StringComparison.OrdinalIgnoreCase);
}
