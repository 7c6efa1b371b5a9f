using System.Globalization;

namespace Postern.Config;

/// <summary>Where a Redis is, and who asks: <c>rediss://user:password@host:6380/2</c>, taken apart.</summary>
/// <param name="Host">Its name or address; an IPv6 address without brackets.</param>
/// <param name="Port">Its port.</param>
/// <param name="Tls">Whether it is spoken to by TLS.</param>
/// <param name="User">The user, or null for the default one.</param>
/// <param name="Password">The password, or null for none.</param>
/// <param name="Database">The database's number.</param>
public sealed record RedisUrl(string Host, int Port, bool Tls, string? User, string? Password, int Database)
{
    private const int StandardPort = 6379;
    private const int MostDatabases = 10_000;

    /// <summary>Host and port, for logs; never who asks.</summary>
    public string Place => Host.Contains(':') ? $"[{Host}]:{Port}" : $"{Host}:{Port}";

    /// <summary>Reads a URL.</summary>
    /// <param name="text">The URL.</param>
    /// <param name="problem">What is wrong and the fix, without what may be secret; null where all is well.</param>
    public static RedisUrl? Parse(string text, out string? problem)
    {
        (var url, problem) = Parse(text);
        return url;
    }

    /// <inheritdoc/>
    public override string ToString() => $"{(Tls ? "rediss" : "redis")}://{Place}/{Database}";

    private static (RedisUrl?, string?) Parse(string text)
    {
        var colon = text.IndexOf("://", StringComparison.Ordinal);
        if (colon < 0)
        {
            return (null, "not the URL of a Redis; write redis://127.0.0.1:6379");
        }
        var scheme = text[..colon].ToLowerInvariant();
        if (scheme is not ("redis" or "rediss"))
        {
            return (null, "a Redis is at redis:// or, for TLS, rediss://, and this is neither; write redis://127.0.0.1:6379");
        }
        var rest = text[(colon + 3)..];
        var at = rest.LastIndexOf('@');
        var (who, place) = at < 0 ? ("", rest) : (rest[..at], rest[(at + 1)..]);
        if (who.AsSpan().IndexOfAny("@/?#[] ") >= 0)
        {
            return (null, "a user or password has a character that a URL can't; write @ as %40, / as %2F, ? as %3F, # as %23");
        }
        if (place.AsSpan().IndexOfAny('?', '#') >= 0)
        {
            return (null, "nothing stands behind the database; remove what begins with ? or #, or write it as %3F or %23 where it is of a password");
        }
        var slash = place.IndexOf('/');
        var (address, path) = slash < 0 ? (place, "") : (place[..slash], place[(slash + 1)..]);
        var database = 0;
        if (path.Length > 0 && !(int.TryParse(path, NumberStyles.None, CultureInfo.InvariantCulture, out database) && database < MostDatabases))
        {
            return (null, "behind the host stands a database's number; write redis://127.0.0.1:6379/2");
        }
        if (Address(address) is not var (host, port))
        {
            return (null, "no host and port can be read; write redis://127.0.0.1:6379 or redis://[::1]:6379");
        }
        var (user, password, problem) = Who(who, at >= 0);
        return problem is null ? (new RedisUrl(host, port, scheme == "rediss", user, password, database), null) : (null, problem);
    }

    private static (string Host, int Port)? Address(string text)
    {
        var end = text.StartsWith('[') ? text.IndexOf(']') + 1 : text.IndexOf(':') is >= 0 and var colon ? colon : text.Length;
        var host = text[..end];
        var port = StandardPort;
        if (end < text.Length && !(text[end] == ':' && int.TryParse(text.AsSpan(end + 1), NumberStyles.None, CultureInfo.InvariantCulture, out port) && port is > 0 and <= 65535))
        {
            return null;
        }
        var bare = host.StartsWith('[') && host.EndsWith(']') ? host[1..^1] : host;
        var kind = Uri.CheckHostName(host);
        return kind is UriHostNameType.Dns or UriHostNameType.IPv4 || (kind == UriHostNameType.IPv6 && bare != host) ? (bare, port) : null;
    }

    private static (string? User, string? Password, string? Problem) Who(string text, bool said)
    {
        if (!said)
        {
            return default;
        }
        var colon = text.IndexOf(':');
        if (colon < 0 || colon == text.Length - 1)
        {
            return (null, null, "a user needs a password, and a password stands behind a colon; write redis://user:password@host or redis://:password@host");
        }
        return (Plain(text[..colon]), Plain(text[(colon + 1)..])) switch
        {
            (null, _) or (_, null) => (null, null, "a '%' of the user or password begins no %XX; write it as %25"),
            ({ Length: 0 } or "default", var password) => (null, password, null),
            var (user, password) => (user, password, null),
        };
    }

    /// <summary>The text without escapes; null where a % begins none.</summary>
    private static string? Plain(string text)
    {
        for (var i = text.IndexOf('%'); i >= 0; i = text.IndexOf('%', i + 1))
        {
            if (i + 2 >= text.Length || !char.IsAsciiHexDigit(text[i + 1]) || !char.IsAsciiHexDigit(text[i + 2]))
            {
                return null;
            }
        }
        return Uri.UnescapeDataString(text);
    }
}
