using System.Net;

namespace Postern.Config;

/// <summary>What may be said of an address to listen on and of a host to match: null where it is right, else what is wrong.</summary>
internal static class Address
{
    /// <param name="url">What was written.</param>
    /// <param name="port">What a fix names where no port can be guessed.</param>
    public static string? Problem(string url, int port = 8080)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https") || uri.Host.Length == 0)
        {
            return $"an address to listen on is needed, got '{url}'; {Fix(url, port)}";
        }
        if (uri.Scheme == "https")
        {
            return $"only http can be listened on so far, got '{url}'; write http://{uri.Authority}";
        }
        if (uri.PathAndQuery != "/" || uri.Fragment.Length > 0 || uri.UserInfo.Length > 0)
        {
            return $"scheme, address and port are all there is to it, got '{url}'; write http://{(uri.Host == "unix" ? $"127.0.0.1:{port}" : uri.Authority)}";
        }
        return uri.HostNameType == UriHostNameType.Dns && uri.Host != "localhost"
            ? $"an IP address or localhost is needed, got '{url}'; write http://0.0.0.0:{uri.Port} for every address of this machine" : null;
    }

    /// <summary>The address that was probably meant: a port alone, one without scheme, an IPv6 address without brackets.</summary>
    private static string Fix(string url, int port)
    {
        var scheme = url.IndexOf("://", StringComparison.Ordinal);
        var rest = (scheme < 0 ? url : url[(scheme + 3)..]).TrimEnd('/');
        var colon = rest.LastIndexOf(':');
        var (host, number) = colon < 0 && rest.All(char.IsAsciiDigit) ? ("127.0.0.1", rest) : colon < 0 ? (rest, $"{port}") : (rest[..colon], rest[(colon + 1)..]);
        if (number.Split('-') is [{ Length: > 0 } first, { Length: > 0 }] && ushort.TryParse(first, out _))
        {
            return $"one entry is one port, write http://{host}:{first} and an entry for each other";
        }
        if (!ushort.TryParse(number, out var meant))
        {
            return number.Length > 0 && number.All(char.IsAsciiDigit) ? "a port is at most 65535" : $"write http://127.0.0.1:{port}";
        }
        host = host is "" or "*" or "+" ? "0.0.0.0" : host.Contains(':') && !host.StartsWith('[') ? $"[{host}]" : host;
        var fixedUrl = $"http://{host}:{meant}";
        var listenable = Uri.TryCreate(fixedUrl, UriKind.Absolute, out var uri) && (uri.HostNameType != UriHostNameType.Dns || uri.Host == "localhost");
        return $"write {(listenable ? fixedUrl : $"http://127.0.0.1:{meant}")}";
    }

    public static bool IsLoopback(string url) => Uri.TryCreate(url, UriKind.Absolute, out var uri) && uri.IsLoopback;

    /// <summary>Whether two addresses can't be listened on at once; port 0 is another one each time.</summary>
    public static bool Same(string one, string other) =>
        Uri.TryCreate(one, UriKind.Absolute, out var a) && Uri.TryCreate(other, UriKind.Absolute, out var b)
        && a.Port == b.Port && a.Port != 0 && (Host(a) == Host(b) || IsWildcard(a) || IsWildcard(b));

    public static string Again(string url, string other, string where) => Host(new Uri(url)) == Host(new Uri(other))
        ? $"the address of {where} again, got '{url}'; remove one"
        : $"{(IsWildcard(new Uri(url)) ? $"every address of this machine, that of {where} ('{other}') too" : $"{where} ('{other}') takes every address of this machine")}, got '{url}'; remove one, or give it another port";

    public static string? HostProblem(string host)
    {
        var name = host.StartsWith("*.", StringComparison.Ordinal) ? host[2..] : host;
        if (name.Contains("://", StringComparison.Ordinal))
        {
            return $"a host name alone is needed, got '{host}'; leave the scheme out";
        }
        if (name is [not '.', .., '.'])
        {
            return $"a host name ends without a dot here, got '{host}'; write {host.TrimEnd('.')}";
        }
        if (host == "*")
        {
            return "any host is what holds without this line; remove it";
        }
        if (name.Contains('*'))
        {
            return $"'*.' may stand in front only, got '{host}'; write *.example.com";
        }
        if (IPAddress.TryParse(name.Trim('[', ']'), out _))
        {
            return null;
        }
        if (name.Contains(':'))
        {
            return $"a host name has no port here, got '{host}'; write {host[..host.IndexOf(':')]}";
        }
        return name.Length is > 0 and < 254 && name.Split('.').All(l => l.Length is > 0 and < 64 && l.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'))
            ? null : $"not a host name, got '{host}'; write api.example.com or *.example.com";
    }

    private static bool IsWildcard(Uri uri) => uri.Host is "0.0.0.0" or "[::]";

    private static string Host(Uri uri) => uri.Host == "localhost" ? "127.0.0.1" : uri.Host;
}
