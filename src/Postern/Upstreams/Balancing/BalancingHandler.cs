using Postern.Config;
using Postern.Pipeline;
using Postern.Upstreams.Forwarding;
using Postern.Upstreams.Resolving;

namespace Postern.Upstreams.Balancing;

/// <summary>
/// Picks the destination of each try. Stands right before forwarding, so that a call that is tried again picks again, and another
/// where there is one.
/// </summary>
internal sealed class BalancingHandler(DestinationSet set, Rule rule, Affinity? affinity, HttpMessageHandler next) : DelegatingHandler(next)
{
    /// <summary>No call asks more judges than those of so many destinations.</summary>
    private const int MostLooks = 64;

    /// <summary>The upstream's destinations and its <c>balance</c> compiled into its chain.</summary>
    public sealed class Feature : IUpstreamHandler
    {
        public HttpMessageHandler Compile(UpstreamScope scope, HttpMessageHandler next)
        {
            var (forwarding, options) = (scope.Options<ForwardingOptions>(), scope.Options<BalancingOptions>());
            Check(scope, forwarding);
            CheckResolve(scope, forwarding);
            CheckCookie(scope, options);
            Explain(scope, forwarding, options);
            return new BalancingHandler(DestinationSet.Of(scope), Rule.Of(options.Balance ?? new()), options.Affinity is { } a ? new Affinity(a) : null, next);
        }

        private static void Check(UpstreamScope scope, ForwardingOptions forwarding)
        {
            var urls = forwarding.Destinations;
            if (urls.Count == 0 && scope.Upstream.Sections.Origin is var at && !at.Has("url") && !at.Has("urls"))
            {
                scope.Check.Error(forwarding, "", "an upstream needs a destination; write url: http://host:port, or urls: [ … ]");
            }
            for (var i = 0; i < urls.Count; i++)
            {
                var url = urls[i].Url;
                if (url.Length == 0 && forwarding.Urls is not null)
                {
                    continue; // It was told when it was read.
                }
                var (where, key) = forwarding.Urls is null ? ((Options)forwarding, "url") : (urls[i], "url");
                if (Destination.Problem(url) is { } problem)
                {
                    scope.Check.Error(where, key, problem);
                }
                else if (urls.Take(i).Any(u => Destination.Problem(u.Url) is null && Destination.NameOf(u.Url) == Destination.NameOf(url)))
                {
                    scope.Check.Error(where, key, $"'{url}' is listed twice; remove one");
                }
            }
        }

        private static void CheckResolve(UpstreamScope scope, ForwardingOptions forwarding)
        {
            if (forwarding.Resolve is not { } resolve)
            {
                return;
            }
            var names = forwarding.Destinations.Where(d => Destination.Problem(d.Url) is null && !Destination.IsAddress(d.Url)).Select(d => d.Url).ToList();
            if (names.Count == 0 && forwarding.Destinations.Count > 0 && forwarding.Destinations.All(d => Destination.Problem(d.Url) is null))
            {
                scope.Check.Warn(forwarding, "resolve", "has no effect, since each destination is an address; remove it, or write a host's name");
            }
            else if (resolve.By == ResolveBy.Srv && names.Find(n => n.AsSpan(7).Contains(':')) is { } port)
            {
                scope.Check.Error(forwarding, "resolve", $"SRV records say the port, got '{port}'; write http://{new Uri(port).Host}");
            }
        }

        /// <summary>Two upstreams that set one cookie would unbind each other's clients all the time.</summary>
        private static void CheckCookie(UpstreamScope scope, BalancingOptions options)
        {
            if (options.Affinity is not { Cookie.Length: > 0 } affinity)
            {
                return;
            }
            var other = scope.Config.Upstreams.TakeWhile(u => u != scope.Upstream)
                .FirstOrDefault(u => u.Sections.Written<BalancingOptions>().Affinity?.Cookie == affinity.Cookie);
            if (other is not null)
            {
                scope.Check.Error(affinity, "cookie", $"upstream '{other.Name}' sets this cookie already, got '{affinity.Cookie}'; give each its own");
            }
        }

        private static void Explain(UpstreamScope scope, ForwardingOptions forwarding, BalancingOptions options)
        {
            var balance = options.Balance ?? new();
            var rule = Sections.KeyOf(balance.Rule.ToString()) + (balance.Rule == Balance.Hash ? $" by {balance.By ?? "consumer"}, up to {balance.MaxLoad} of a share" : "");
            var even = forwarding.Destinations.All(d => d.Weight == 1);
            scope.Note("balance", $"{rule} of {string.Join(", ", forwarding.Destinations.Select(d => d.Url + (even ? "" : $" (weight {d.Weight})") + (d.Backup ? " (backup)" : "")))}");
            if (forwarding.Resolve is { } resolve)
            {
                var of = resolve.By == ResolveBy.Srv ? "SRV records" : "A and AAAA records";
                scope.Note("balance", $"names are resolved by {of}, again when these are too old, but not within {Scalars.Format(resolve.Floor)}");
            }
            if (options.Affinity is { } affinity)
            {
                scope.Note("balance", $"clients are bound by cookie {affinity.Cookie}");
            }
            if (options.SlowStart is { } slow)
            {
                scope.Note("balance", $"who is new or was in trouble begins slowly, over {Scalars.Format(slow)}");
            }
        }
    }

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var call = (UpstreamCall)request;
        var choice = set.Now;
        return choice.Members.Length > 0 || set.Resolved.IsCompleted ? SendAsync(call, choice, cancellationToken) : ResolveAsync(call, cancellationToken);
    }

    /// <summary>The first calls come before the first answer of the DNS; they wait for it as for a connection.</summary>
    private async Task<HttpResponseMessage> ResolveAsync(UpstreamCall call, CancellationToken cancel)
    {
        try
        {
            await set.Resolved.WaitAsync(set.Patience, cancel);
        }
        catch (TimeoutException)
        {
            throw new UpstreamException(Failure.UpstreamEmpty, $"{set.Upstream} has not been resolved within {Scalars.Format(set.Patience)}");
        }
        return await SendAsync(call, set.Now, cancel);
    }

    private Task<HttpResponseMessage> SendAsync(UpstreamCall call, Choice choice, CancellationToken cancel)
    {
        var bound = affinity?.Find(call, choice);
        var member = bound is not null && call.Tried?.Contains(bound.Destination) is not true && Admits(bound, call) ? bound : Pick(call, choice);
        var destination = member.Destination;
        call.Destination = destination;
        call.Enter(destination.Calls);
        var binds = affinity is not null && !ReferenceEquals(member, bound) && call.Exchange is not null;
        call.TryWitness = member.Judges.Length > 0 ? member : null;
        return binds ? BindAsync(call, member, cancel) : base.SendAsync(call, cancel);
    }

    private async Task<HttpResponseMessage> BindAsync(UpstreamCall call, Member member, CancellationToken cancel)
    {
        var reply = (UpstreamReply)await base.SendAsync(call, cancel);
        affinity!.Bind(call, reply, member);
        return reply;
    }

    /// <summary>A destination that is well, that its judges let in, and that this call hasn't tried if there is another.</summary>
    private Member Pick(UpstreamCall call, Choice choice)
    {
        var (members, looked, tried) = (choice.Members, default(Looked), call.Tried);
        if (members.Length == 0)
        {
            throw new UpstreamException(Failure.UpstreamEmpty, $"{set.Upstream} has no destination that may be called");
        }
        if (members.Length == 1 && Admits(members[0], call))
        {
            return members[0];
        }
        for (var i = 0; i < members.Length && tried is not null; i++)
        {
            if (tried.Contains(members[i].Destination))
            {
                looked.Add(i);
            }
        }
        for (var looks = 0; looks < MostLooks && looked.Count < members.Length && members.Length > 1; looks++)
        {
            var index = rule.Pick(choice, call, looked);
            if (Admits(members[index], call))
            {
                return members[index];
            }
            looked.Add(index);
        }
        // No other is left: one that was tried before is better than none.
        foreach (var member in members)
        {
            if (tried?.Contains(member.Destination) is true && Admits(member, call))
            {
                return member;
            }
        }
        throw new UpstreamException(Failure.UpstreamOpen, $"no destination of {set.Upstream} takes calls at the moment") { RetryAfter = RetryAfter(members) };
    }

    private static bool Admits(Member member, UpstreamCall call)
    {
        var judges = member.Judges;
        for (var i = 0; i < judges.Length; i++)
        {
            if (!judges[i].Admits(call))
            {
                // Those before may have given it a place.
                while (i > 0)
                {
                    judges[--i].Saw(call, new Outcome(OutcomeKind.NotAsked, 0));
                }
                return false;
            }
        }
        return true;
    }

    /// <summary>When the first of them may take calls again.</summary>
    private static int RetryAfter(Member[] members)
    {
        var soonest = int.MaxValue;
        foreach (var member in members)
        {
            var latest = 0;
            foreach (var judge in member.Judges)
            {
                latest = Math.Max(latest, judge.RetryAfter ?? 0);
            }
            soonest = Math.Min(soonest, latest);
        }
        return Math.Max(1, soonest);
    }
}
