using Postern.Config;
using Postern.Pipeline;
using Postern.Upstreams.Forwarding;

namespace Postern.Upstreams.Balancing;

/// <summary>Picks the destination of each try. Stands right before forwarding, so that a call that is tried again picks again.</summary>
internal sealed class BalancingHandler(DestinationSet set, Balance rule, HttpMessageHandler next) : DelegatingHandler(next)
{
    private uint turn = uint.MaxValue;

    /// <summary>The upstream's destinations and its <c>balance</c> compiled into its chain.</summary>
    public sealed class Feature : IUpstreamHandler
    {
        public HttpMessageHandler Compile(UpstreamScope scope, HttpMessageHandler next)
        {
            var forwarding = scope.Options<ForwardingOptions>();
            var rule = scope.Options<BalancingOptions>().Balance ?? Balance.PowerOfTwo;
            Check(scope, forwarding);
            scope.Note("balance", $"{Sections.KeyOf(rule.ToString())} of {string.Join(", ", forwarding.Destinations)}");
            return new BalancingHandler(DestinationSet.Of(scope), rule, next);
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
                var key = forwarding.Urls is null ? "url" : $"urls[{i}]";
                if (Destination.Problem(urls[i]) is { } problem)
                {
                    scope.Check.Error(forwarding, key, problem);
                }
                else if (urls.Take(i).Contains(urls[i]))
                {
                    scope.Check.Error(forwarding, key, $"'{urls[i]}' is listed twice; remove one");
                }
            }
        }
    }

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var call = (UpstreamCall)request;
        if (Pick(call) is not { } member)
        {
            throw new UpstreamException(Failure.UpstreamEmpty, $"{set.Upstream} has no destination that may be called");
        }
        var destination = member.Destination;
        call.Destination = destination;
        call.DestinationName = destination.Name;
        call.Counted = destination.Calls;
        destination.Calls.Enter();
        return member.Judges.Length == 0 ? base.SendAsync(request, cancellationToken) : JudgeAsync(call, member.Judges, cancellationToken);
    }

    private async Task<HttpResponseMessage> JudgeAsync(UpstreamCall call, IJudge[] judges, CancellationToken cancel)
    {
        var outcome = default(Outcome);
        try
        {
            var reply = await base.SendAsync(call, cancel);
            outcome = Outcome.Of(reply);
            return reply;
        }
        catch (Exception e)
        {
            outcome = Outcome.Of(e, call);
            throw;
        }
        finally
        {
            foreach (var judge in judges)
            {
                judge.Saw(outcome);
            }
        }
    }

    /// <summary>A destination that is well, that its judges let in, and that this call hasn't tried if there is another.</summary>
    private Member? Pick(UpstreamCall call)
    {
        var members = set.Now.Members;
        return members.Length switch
        {
            0 => null,
            1 => members[0],
            _ => rule switch
            {
                Balance.RoundRobin => members[Interlocked.Increment(ref turn) % (uint)members.Length],
                Balance.Random => members[Random.Shared.Next(members.Length)],
                Balance.LeastRequests => Least(members),
                _ => LessOfTwo(members),
            },
        };
    }

    private static Member LessOfTwo(Member[] members)
    {
        var first = Random.Shared.Next(members.Length);
        var second = Random.Shared.Next(members.Length - 1);
        if (second >= first)
        {
            second++;
        }
        return members[first].Destination.Calls.Value <= members[second].Destination.Calls.Value ? members[first] : members[second];
    }

    /// <summary>Begins somewhere else each time, so that equals share.</summary>
    private Member Least(Member[] members)
    {
        var start = (int)(Interlocked.Increment(ref turn) % (uint)members.Length);
        var least = members[start];
        for (var i = 1; i < members.Length; i++)
        {
            var other = members[(start + i) % members.Length];
            if (other.Destination.Calls.Value < least.Destination.Calls.Value)
            {
                least = other;
            }
        }
        return least;
    }
}
