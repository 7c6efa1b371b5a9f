using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Edge.ForwardingIdentity;

/// <summary>
/// What the upstreams of one gate are told of a consumer, worked out once and kept with the consumer, which is the same for
/// all requests with its credential. So what one consumer's upstreams are told can't reach another's.
/// </summary>
internal sealed class Teller
{
    /// <summary>For how many tellers (gates, and configurations before a reload) a consumer remembers what they tell.</summary>
    private const int MaxTold = 8;

    private readonly (string Name, ClaimPath Claim, Counter Unfit)[] headers;
    private readonly IdentityTokenOptions? options;
    private readonly TokenMint? mint;
    private readonly Counter? unfitToken;
    private readonly string gate;

    public Teller(ForwardIdentityOptions options, TokenMint? mint, string gate, MetricRegistry metrics)
    {
        Counter Unfit(string header) => metrics.Counter(
            "postern_identity_headers_unfit_total", "Claims that can't be sent to upstreams: with control characters, or too long. Counted once for a consumer.", ("header", header));
        headers = [.. options.Headers.Select(h => (h.Key, new ClaimPath(h.Value), Unfit(h.Key)))];
        (this.options, this.mint, this.gate) = (options.Token, mint, gate);
        unfitToken = mint is null ? null : Unfit(options.Token!.Header);
    }

    /// <summary>The fields that tell of this consumer.</summary>
    public (string Name, string Value)[] Of(Consumer consumer)
    {
        var told = Volatile.Read(ref consumer.Told) as Told;
        for (; told is not null; told = told.Before)
        {
            if (told.By == this)
            {
                return mint is null || mint.Now < told.RenewAt ? told.Fields : Tell(consumer, told.Claims);
            }
        }
        return Tell(consumer, Claims(consumer));
    }

    /// <summary>Two requests may do this at once; they write the same, and the mint signs once for both.</summary>
    private (string Name, string Value)[] Tell(Consumer consumer, (string Name, string Value)[] claims)
    {
        var (fields, renewAt) = (claims, long.MaxValue);
        if (mint is not null)
        {
            if (mint.Token(consumer, gate) is { } minted)
            {
                fields = [.. claims, (options!.Header, options.IsBearer ? "Bearer " + minted.Token : minted.Token)];
                renewAt = minted.RenewAt;
            }
            else
            {
                unfitToken!.Add();
            }
        }
        Volatile.Write(ref consumer.Told, new Told(this, claims, fields, renewAt, Others(consumer)));
        return fields;
    }

    private (string Name, string Value)[] Claims(Consumer consumer)
    {
        var told = new List<(string, string)>(headers.Length);
        foreach (var (name, claim, unfit) in headers)
        {
            if (FieldText.Of(claim.In(consumer.Claims), out var isUnfit) is { } value)
            {
                told.Add((name, value));
            }
            else if (isUnfit)
            {
                unfit.Add();
            }
        }
        return [.. told];
    }

    /// <summary>What other tellers tell of the consumer, the newest of it.</summary>
    private Told? Others(Consumer consumer)
    {
        var kept = new List<Told>();
        for (var told = Volatile.Read(ref consumer.Told) as Told; told is not null && kept.Count < MaxTold - 1; told = told.Before)
        {
            if (told.By != this)
            {
                kept.Add(told);
            }
        }
        return kept.AsEnumerable().Reverse().Aggregate((Told?)null, (before, told) => told with { Before = before });
    }

    /// <summary>What one teller tells of one consumer, until it is time for another token; and what was told before by others.</summary>
    private sealed record Told(Teller By, (string Name, string Value)[] Claims, (string Name, string Value)[] Fields, long RenewAt, Told? Before);
}
