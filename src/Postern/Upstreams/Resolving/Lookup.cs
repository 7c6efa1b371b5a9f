using System.Net;
using System.Net.Sockets;

namespace Postern.Upstreams.Resolving;

/// <summary>One place that a name stands for.</summary>
/// <param name="Address">Its address.</param>
/// <param name="Port">Its port.</param>
/// <param name="Host">What it is asked for, <c>host:port</c>.</param>
/// <param name="Weight">Its share.</param>
/// <param name="IsBackup">Whether others go first.</param>
internal sealed record Place(IPAddress Address, int Port, string Host, int Weight, bool IsBackup);

/// <summary>All that a name stands for.</summary>
/// <param name="All">The places.</param>
/// <param name="Ttl">How long that may be believed.</param>
/// <param name="Missed">What couldn't be asked for, while others could: of which host, and which family of addresses.</param>
internal sealed record Places(IReadOnlyList<Place> All, TimeSpan Ttl, IReadOnlyList<(string Host, AddressFamily Family)> Missed);

/// <summary>From a name to places: <c>/etc/hosts</c>, then the DNS, along the search list.</summary>
internal sealed class Lookup(ResolveOptions options, HostFiles files, TimeProvider time)
{
    /// <summary>Records of one name beyond these aren't looked at. Which those are doesn't change with the order of an answer, which servers turn round each time.</summary>
    private const int Most = 256;

    private static readonly (DnsType Type, AddressFamily Family, AddressFamilies Not)[] Kinds =
    [
        (DnsType.A, AddressFamily.InterNetwork, AddressFamilies.Ipv6),
        (DnsType.Aaaa, AddressFamily.InterNetworkV6, AddressFamilies.Ipv4),
    ];

    /// <summary>What a host stands for at a port; throws <see cref="DnsException"/> where nobody can say, or it stands for nothing.</summary>
    public async Task<Places> FindAsync(string host, int port, CancellationToken cancel)
    {
        if (options.By == ResolveBy.Srv)
        {
            return await ServicesAsync(options.Service is null ? host : $"_{options.Service}._tcp.{host}", cancel).ConfigureAwait(false);
        }
        var (addresses, ttl, missed) = await AddressesAsync(host, [], cancel).ConfigureAwait(false);
        var asked = $"{host.TrimEnd('.')}:{port}";
        return new Places([.. addresses.Select(a => new Place(a, port, asked, 1, false))], ttl, [.. missed.Select(f => (asked, f))]);
    }

    private async Task<Places> ServicesAsync(string name, CancellationToken cancel)
    {
        var (answer, full) = await AskAsync(name, DnsType.Srv, cancel).ConfigureAwait(false);
        var (records, ttl) = answer.Of(full, DnsType.Srv);
        // RFC 2782: a target of "." says that there is no such service.
        var services = records.Where(r => r.Target.Length > 0 && r.Service.Port > 0)
            .OrderBy(r => r.Service.Priority).ThenBy(r => r.Target, StringComparer.OrdinalIgnoreCase).ThenBy(r => r.Service.Port).Take(Most).ToList();
        if (services.Count == 0)
        {
            throw new DnsException($"{name} has no SRV record");
        }
        var (first, weightless) = (services.Min(s => s.Service.Priority), services.All(s => s.Service.Weight == 0));
        var (places, missed) = (new List<Place>(), new List<(string, AddressFamily)>());
        var targets = await Task.WhenAll(services.Select(s => TargetAsync(s, answer, cancel))).ConfigureAwait(false);
        foreach (var (service, (addresses, its, lost)) in services.Zip(targets))
        {
            ttl = its < ttl ? its : ttl;
            var (port, weight) = (service.Service.Port, weightless ? 1 : Math.Max(1, service.Service.Weight));
            var asked = $"{service.Target}:{port}";
            missed.AddRange(lost.Select(f => (asked, f)));
            places.AddRange(addresses.Select(a => new Place(a, port, asked, weight, service.Service.Priority > first)));
        }
        if (places.Count == 0)
        {
            throw new DnsException($"no target of {name} has an address");
        }
        return new Places([.. places.DistinctBy(p => (p.Address, p.Port)).Take(Most)], ttl, missed);
    }

    /// <summary>The addresses of a service's target; none where it has none, for the others may have.</summary>
    private async Task<(IReadOnlyList<IPAddress>, TimeSpan, IReadOnlyList<AddressFamily>)> TargetAsync(DnsRecord service, DnsAnswer answer, CancellationToken cancel)
    {
        try
        {
            return await AddressesAsync(service.Target, answer.Records, cancel).ConfigureAwait(false);
        }
        catch (DnsException)
        {
            return ([], TimeSpan.MaxValue, [AddressFamily.InterNetwork, AddressFamily.InterNetworkV6]);
        }
    }

    /// <param name="host">The host.</param>
    /// <param name="known">Records that came with another answer.</param>
    /// <param name="cancel">Ends the looking up.</param>
    private async Task<(IReadOnlyList<IPAddress> Addresses, TimeSpan Ttl, IReadOnlyList<AddressFamily> Missed)> AddressesAsync(
        string host, IReadOnlyList<DnsRecord> known, CancellationToken cancel)
    {
        if (IPAddress.TryParse(host, out var literal))
        {
            return ([literal], TimeSpan.MaxValue, []);
        }
        if (files.Addresses(host) is { Count: > 0 } local)
        {
            IPAddress[] own = [.. local.Where(IsWanted)];
            // This machine by two addresses is one service, and few listen to both.
            own = HostFiles.IsLocal(host) && own.Any(IsOld) ? [.. own.Where(IsOld)] : own;
            return own.Length > 0 ? (own, options.Floor, []) : throw new DnsException($"{host} has no address of the family {options.Family}");
        }
        var came = known.Where(r => r.Address is not null && r.Name.Equals(host, StringComparison.OrdinalIgnoreCase)).ToList();
        if (came.Any(r => IsWanted(r.Address!)))
        {
            return ([.. came.Select(r => r.Address!).Where(IsWanted).Distinct()], TimeSpan.FromSeconds(came.Min(r => r.Ttl)), []);
        }
        var kinds = Kinds.Where(k => k.Not != options.Family && (k.Family != AddressFamily.InterNetworkV6 || Socket.OSSupportsIPv6)).ToList();
        var asked = await Task.WhenAll(kinds.Select(k => TryAskAsync(host, k.Type, cancel))).ConfigureAwait(false);
        var (found, ttl, missed) = (new List<IPAddress>(), TimeSpan.MaxValue, new List<AddressFamily>());
        foreach (var (kind, (records, its, failure)) in kinds.Zip(asked))
        {
            if (failure is not null)
            {
                missed.Add(kind.Family);
            }
            else if (records.Count > 0)
            {
                ttl = its < ttl ? its : ttl;
                found.AddRange(records.Select(r => r.Address!).Where(IsWanted).OrderBy(a => a.ToString(), StringComparer.Ordinal).Take(Most));
            }
        }
        return found.Count > 0 ? ([.. found.Distinct()], ttl, missed)
            : throw asked.Select(a => a.Failure).FirstOrDefault(f => f is not null) ?? new DnsException($"{host} has no address");
    }

    private async Task<(IReadOnlyList<DnsRecord> Found, TimeSpan Ttl, DnsException? Failure)> TryAskAsync(string host, DnsType type, CancellationToken cancel)
    {
        try
        {
            var (answer, asked) = await AskAsync(host, type, cancel).ConfigureAwait(false);
            var (found, ttl) = answer.Of(asked, type);
            return (found, ttl, null);
        }
        catch (DnsException e)
        {
            return ([], TimeSpan.Zero, e);
        }
    }

    /// <summary>The first answer with records of that type along the search list, and for which name it is; else the last.</summary>
    private async Task<(DnsAnswer Answer, string Name)> AskAsync(string host, DnsType type, CancellationToken cancel)
    {
        var (servers, names) = Candidates(host);
        var client = new DnsClient(servers, options.Timeout, time);
        (DnsAnswer, string)? last = null;
        DnsException? failure = null;
        foreach (var name in names)
        {
            if (DnsMessage.Problem(name) is { } problem)
            {
                failure ??= new DnsException($"{name}: {problem}");
                continue;
            }
            try
            {
                var answer = await client.AskAsync(name, type, cancel).ConfigureAwait(false);
                if (answer.Of(name, type).Found.Count > 0)
                {
                    return (answer, name);
                }
                last = (answer, name);
            }
            catch (DnsException e)
            {
                failure = e;
            }
        }
        // Where a server failed, that the others know no such name says nothing.
        return failure is null && last is { } none ? none : throw failure!;
    }

    private (IReadOnlyList<IPEndPoint> Servers, IEnumerable<string> Names) Candidates(string host)
    {
        if (options.Servers is not null)
        {
            return ([.. options.Servers.Select(s => ResolveOptions.Server(s)!)], [host.TrimEnd('.')]);
        }
        var (servers, search, dots) = files.Resolving();
        return (servers, Names(host, search, dots));
    }

    /// <summary>The names that a host may mean, in the order in which they are asked for.</summary>
    internal static IEnumerable<string> Names(string host, IReadOnlyList<string> search, int dots)
    {
        if (host.EndsWith('.'))
        {
            return [host.TrimEnd('.')];
        }
        var longer = search.Select(s => $"{host}.{s}");
        return host.Count(c => c == '.') >= dots ? [host, .. longer] : [.. longer, host];
    }

    private static bool IsOld(IPAddress address) => address.AddressFamily == AddressFamily.InterNetwork;

    private bool IsWanted(IPAddress address) => IsOld(address)
        ? options.Family != AddressFamilies.Ipv6
        : options.Family != AddressFamilies.Ipv4 && HasRoute(address);

    /// <summary>Whether this machine knows a way there; asks the kernel, and sends nothing.</summary>
    private static bool HasRoute(IPAddress address)
    {
        try
        {
            using var socket = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            socket.Connect(new IPEndPoint(address, 53));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
