using System.Net;
using Postern.Config;

namespace Postern.Upstreams.Resolving;

/// <summary>How the host names of an upstream's URLs become destinations. A plain text is <c>by</c>.</summary>
[Shorthand(nameof(By))]
public sealed record ResolveOptions : Options
{
    /// <summary>Which records are asked for.</summary>
    public ResolveBy By { get; init; } = ResolveBy.Dns;

    /// <summary>Records are asked for again when their time to live is over, but not sooner than this.</summary>
    [Range("100ms", "1h")] public TimeSpan Floor { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Which addresses are destinations; IPv6 ones that this machine has no route to never are.</summary>
    public AddressFamilies Family { get; init; } = AddressFamilies.Both;

    /// <summary>With <c>srv</c>: asks for <c>_service._tcp.HOST</c> instead of the host as it is written.</summary>
    public string? Service { get; init; }

    /// <summary>The name servers, <c>10.0.0.2</c> or <c>10.0.0.2:53</c>; they are asked for names as they are written. Default: those of <c>/etc/resolv.conf</c>, with its search list.</summary>
    [OneOrMany] public IReadOnlyList<string>? Servers { get; init; }

    /// <summary>How long a name server may take; then the next is asked, and each twice.</summary>
    [Range("100ms", "30s")] public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        for (var i = 0; i < Servers?.Count; i++)
        {
            if (Server(Servers[i]) is null)
            {
                check.Error(this, Servers.Count == 1 && Origin?.At("servers").Has("[0]") is not true ? "servers" : $"servers[{i}]",
                    $"not a name server, got '{Servers[i]}'; write its address, as in 10.0.0.2 or 10.0.0.2:53");
            }
        }
        if (Service is not null && By != ResolveBy.Srv)
        {
            check.Error(this, "service", "only SRV records are of a service; write by: srv, or remove it");
        }
        else if (Service is not null && (Service.StartsWith('_') || Service.Contains('.') || DnsMessage.Problem($"_{Service}._tcp") is not null))
        {
            check.Error(this, "service", $"not a service's name, got '{Service}'; write http for _http._tcp");
        }
    }

    /// <summary>The server's address and port; null where it is none.</summary>
    internal static IPEndPoint? Server(string text) =>
        IPEndPoint.TryParse(text, out var server) ? server.Port == 0 ? new IPEndPoint(server.Address, 53) : server : null;
}

/// <summary>Which records of the DNS are asked for.</summary>
public enum ResolveBy
{
    /// <summary>A and AAAA: each address is a destination, at the URL's port.</summary>
    Dns,
    /// <summary>SRV (RFC 2782): they say port and weight, too; those of the lowest priority are called, the others are backups.</summary>
    Srv,
}

/// <summary>Kinds of addresses.</summary>
public enum AddressFamilies
{
    /// <summary>IPv4 and IPv6.</summary>
    Both,
    /// <summary>IPv4 alone.</summary>
    Ipv4,
    /// <summary>IPv6 alone.</summary>
    Ipv6,
}
