using System.Net;

namespace Postern.Config;

/// <summary>What may be said of an address to listen on and of a host to match: null where it is right, else what is wrong.</summary>
internal static class Address
{
    public static string? Problem(string url)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https") || uri.Host.Length == 0)
        {
            return $"an address to listen on is needed, got '{url}'; write http://127.0.0.1:8080";
        }
        if (uri.Scheme == "https")
        {
            return $"only http can be listened on so far, got '{url}'; write http://{uri.Authority}";
        }
        if (uri.PathAndQuery != "/" || uri.Fragment.Length > 0 || uri.UserInfo.Length > 0)
        {
            return $"scheme, address and port are all there is to it, got '{url}'; write http://{uri.Authority}";
        }
        return uri.HostNameType == UriHostNameType.Dns && uri.Host != "localhost"
            ? $"an IP address or localhost is needed, got '{url}'; write http://0.0.0.0:{uri.Port} for every address of this machine" : null;
    }

    public static bool IsLoopback(string url) => Uri.TryCreate(url, UriKind.Absolute, out var uri) && uri.IsLoopback;

    /// <summary>Whether two addresses can't be listened on at once; port 0 is another one each time.</summary>
    public static bool Same(string one, string other) =>
        Uri.TryCreate(one, UriKind.Absolute, out var a) && Uri.TryCreate(other, UriKind.Absolute, out var b)
        && a.Port == b.Port && a.Port != 0 && Host(a) == Host(b);

    public static string? HostProblem(string host)
    {
        var name = host.StartsWith("*.", StringComparison.Ordinal) ? host[2..] : host;
        if (name.Contains("://", StringComparison.Ordinal))
        {
            return $"a host name alone is needed, got '{host}'; leave the scheme out";
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

    private static string Host(Uri uri) => uri.Host == "localhost" ? "127.0.0.1" : uri.Host;
}
