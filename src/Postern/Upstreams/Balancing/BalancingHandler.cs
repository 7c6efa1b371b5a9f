using Postern.Config;
using Postern.Pipeline;
using Postern.Upstreams.Forwarding;

namespace Postern.Upstreams.Balancing;

/// <summary>Picks the destination of each call. Stands right before forwarding, so that a call that is tried again picks again.</summary>
internal sealed class BalancingHandler(Destination[] destinations, Balance rule, HttpMessageHandler next) : DelegatingHandler(next)
{
    private uint turn = uint.MaxValue;

    /// <summary>The upstream's destinations and its <c>balance</c> compiled into its chain.</summary>
    public sealed class Feature : IUpstreamHandler
    {
        public HttpMessageHandler Compile(UpstreamScope scope, HttpMessageHandler next)
        {
            var forwarding = scope.Options<ForwardingOptions>();
            var rule = scope.Options<BalancingOptions>().Balance ?? Balance.PowerOfTwo;
            var urls = forwarding.Destinations;
            if (urls.Count == 0 && scope.Upstream.Sections.Origin is var at && !at.Has("url") && !at.Has("urls"))
            {
                scope.Check.Error(forwarding, "", "an upstream needs a destination; write url: http://host:port, or urls: [ … ]");
            }
            var destinations = new List<Destination>();
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
                else
                {
                    destinations.Add(Destination.Of(scope, urls[i], forwarding));
                }
            }
            scope.Note("balance", $"{Sections.KeyOf(rule.ToString())} of {string.Join(", ", urls)}");
            return new BalancingHandler([.. destinations], rule, next);
        }
    }

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var destination = destinations.Length == 1 ? destinations[0] : Pick();
        var call = (UpstreamCall)request;
        call.Destination = destination;
        call.DestinationName = destination.Name;
        call.Counted = destination.Calls;
        destination.Calls.Enter();
        return base.SendAsync(request, cancellationToken);
    }

    private Destination Pick() => rule switch
    {
        Balance.RoundRobin => destinations[Interlocked.Increment(ref turn) % (uint)destinations.Length],
        Balance.Random => destinations[Random.Shared.Next(destinations.Length)],
        Balance.LeastRequests => Least(),
        _ => LessOfTwo(),
    };

    private Destination LessOfTwo()
    {
        var first = Random.Shared.Next(destinations.Length);
        var second = Random.Shared.Next(destinations.Length - 1);
        if (second >= first)
        {
            second++;
        }
        return destinations[first].Calls.Value <= destinations[second].Calls.Value ? destinations[first] : destinations[second];
    }

    /// <summary>Begins somewhere else each time, so that equals share.</summary>
    private Destination Least()
    {
        var start = (int)(Interlocked.Increment(ref turn) % (uint)destinations.Length);
        var least = destinations[start];
        for (var i = 1; i < destinations.Length; i++)
        {
            var other = destinations[(start + i) % destinations.Length];
            if (other.Calls.Value < least.Calls.Value)
            {
                least = other;
            }
        }
        return least;
    }
}
