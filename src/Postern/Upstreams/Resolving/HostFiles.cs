using System.Globalization;
using System.Net;

namespace Postern.Upstreams.Resolving;

/// <summary>What the machine itself says of names: <c>/etc/hosts</c> and <c>/etc/resolv.conf</c>. Read anew for each look-up, since both change under a running process.</summary>
internal sealed record HostFiles(string Hosts = "/etc/hosts", string Resolver = "/etc/resolv.conf")
{
    private const int MaxBytes = 1 << 20;
    private const int MostServers = 3;
    private const int MostDots = 15;

    /// <summary>The addresses that the file gives a name; none where it doesn't name it. <c>localhost</c> is always this machine (RFC 6761 §6.3).</summary>
    public IReadOnlyList<IPAddress> Addresses(string name)
    {
        name = name.TrimEnd('.');
        var found = new List<IPAddress>();
        foreach (var words in Lines(Hosts))
        {
            if (words.Skip(1).Contains(name, StringComparer.OrdinalIgnoreCase) && IPAddress.TryParse(words[0], out var address) && !found.Contains(address))
            {
                found.Add(address);
            }
        }
        return found.Count == 0 && IsLocal(name) ? [IPAddress.Loopback, IPAddress.IPv6Loopback] : found;
    }

    /// <summary>Whether the name is this machine's own.</summary>
    public static bool IsLocal(string name) => name.TrimEnd('.') is var bare
        && (bare.Equals("localhost", StringComparison.OrdinalIgnoreCase) || bare.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase));

    /// <summary>The name servers, the search list, and how many dots a name needs to be asked for as it is first.</summary>
    public (IReadOnlyList<IPEndPoint> Servers, IReadOnlyList<string> Search, int Dots) Resolving()
    {
        var (servers, dots) = (new List<IPEndPoint>(), 1);
        string[] search = [];
        foreach (var words in Lines(Resolver).Where(w => w.Length > 1))
        {
            switch (words[0])
            {
                case "nameserver" when servers.Count < MostServers && IPAddress.TryParse(words[1], out var server):
                    servers.Add(new IPEndPoint(server, 53));
                    break;
                case "search" or "domain":
                    search = [.. words.Skip(1).Select(s => s.TrimEnd('.')).Where(s => s.Length > 0)];
                    break;
                case "options":
                    foreach (var option in words.Where(w => w.StartsWith("ndots:", StringComparison.Ordinal)))
                    {
                        dots = int.TryParse(option.AsSpan(6), NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? Math.Min(n, MostDots) : dots;
                    }
                    break;
                default:
                    break;
            }
        }
        return (servers.Count > 0 ? servers : [new IPEndPoint(IPAddress.Loopback, 53)], search, dots);
    }

    private static IEnumerable<string[]> Lines(string file)
    {
        var info = new FileInfo(file);
        if (!info.Exists || info.Length > MaxBytes)
        {
            return [];
        }
        try
        {
            return File.ReadAllLines(file).Select(l => l.Split('#', ';')[0].Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries)).Where(w => w.Length > 0);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
