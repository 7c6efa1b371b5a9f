using Postern.Config;
using Postern.Wire;

namespace Postern.Transforms;

/// <summary>What a route does to header fields, whichever backend answers it.</summary>
public sealed record HeadersSection : Options
{
    /// <summary>Header fields to change on the way.</summary>
    public HeaderOptions? Headers { get; init; }
}

/// <summary>Header fields to change, on the way in and on the way out.</summary>
public sealed record HeaderOptions : Options
{
    /// <summary>Changes to what the upstream gets.</summary>
    public HeaderRulesOptions Request { get; init; } = new();

    /// <summary>Changes to what the client gets.</summary>
    public HeaderRulesOptions Response { get; init; } = new();
}

/// <summary>Changes to one side's header fields: first <c>remove</c>, then <c>set</c>, then <c>add</c>.</summary>
public sealed record HeaderRulesOptions : Options
{
    /// <summary>Fields that are there with this value afterwards, whatever was there before.</summary>
    public IReadOnlyDictionary<string, string> Set { get; init; } = new Dictionary<string, string>();

    /// <summary>Fields added beside those that are there.</summary>
    public IReadOnlyDictionary<string, string> Add { get; init; } = new Dictionary<string, string>();

    /// <summary>Fields taken away.</summary>
    [OneOrMany] public IReadOnlyList<string> Remove { get; init; } = [];

    private static readonly HashSet<string> Framing = new(StringComparer.OrdinalIgnoreCase)
    {
        "Connection", "Content-Length", "Transfer-Encoding", "Host", "Upgrade", "Keep-Alive", "TE", "Trailer", "Proxy-Connection",
    };

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        CheckFields(this, "set", Set, check);
        CheckFields(this, "add", Add, check);
        for (var i = 0; i < Remove.Count; i++)
        {
            CheckField(this, $"remove[{i}]", Remove[i], "", check);
        }
    }

    /// <summary>Whether each of these can be written as a header field, and is not the connection's own.</summary>
    internal static void CheckFields(Options at, string key, IReadOnlyDictionary<string, string> fields, Check check)
    {
        var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, value) in fields)
        {
            CheckField(at, $"{key}.{name}", name, value, check);
            if (!names.Add(name))
            {
                check.Error(at, $"{key}.{name}", $"'{name}' is here already, in other letters; remove one");
            }
        }
    }

    private static void CheckField(Options at, string key, string name, string value, Check check)
    {
        if (!Token.IsValid(name))
        {
            check.Error(at, key, $"not a header name, got '{name}'; letters, digits and '-'");
        }
        else if (Framing.Contains(name))
        {
            check.Error(at, key, $"'{name}' belongs to the connection, the gateway writes it itself; remove this line");
        }
        else if (value.AsSpan().ContainsAnyInRange('\0', '\x1f') || value.AsSpan().ContainsAnyExceptInRange('\0', '\xff') || value.Contains('\x7f'))
        {
            check.Error(at, key, "a header value has no control characters and nothing beyond Latin-1; encode it");
        }
    }
}
