using Postern.Pipeline;
using Postern.Wire;

namespace Postern.Upstreams.Balancing;

/// <summary>A way to pick one of those that may be called. It keeps its turn in a field, and needs no lock.</summary>
internal abstract class Rule
{
    /// <summary>Turns that are taken before whoever comes next is taken: where many have been looked at, luck would take long.</summary>
    private const int Tries = 4;

    private uint turn = (uint)Random.Shared.Next();

    /// <summary>The index of the member for this call that has not been looked at; -1 where all have.</summary>
    public abstract int Pick(Choice choice, UpstreamCall call, in Looked looked);

    /// <summary>The rule that the options ask for.</summary>
    public static Rule Of(BalanceOptions options) => options.Rule switch
    {
        Balance.RoundRobin => new RoundRobin(),
        Balance.Random => new AnyOne(),
        Balance.LeastRequests => new LeastRequests(),
        Balance.Hash => new Hash(new CallKey(KeyedBy.Of(options.By) ?? new(KeyKind.Consumer, "")), options.MaxLoad.Share),
        _ => new PowerOfTwo(),
    };

    /// <summary>
    /// The number of this call; each differs from the one before by one. A call that goes elsewhere takes none: with one of two dead
    /// every call's second try would take the well one's turn, and every first one would meet the dead.
    /// </summary>
    private uint Turn(in Looked looked) => looked.Count == 0 ? Interlocked.Increment(ref turn) : (uint)Random.Shared.Next();

    /// <summary>
    /// Whether one is so much freer for its weight than the one whose turn it is that it takes the turn. Of equals the one with fewer
    /// calls is; of others, one that even with the call would have less: else the light would take turns whenever they are idle, and
    /// while little is in flight have far more than their share.
    /// </summary>
    protected static bool IsFreer(Choice choice, int one, long calls, int turn, long its)
    {
        var (own, other) = (choice.Weight(one), choice.Weight(turn));
        return own == other ? calls < its : (calls + 1) * other < its * own;
    }

    /// <summary>Whose turn it is, of those not looked at.</summary>
    protected int InTurn(Choice choice, in Looked looked)
    {
        for (var i = 0; i < Tries; i++)
        {
            var index = choice.InTurn(Turn(looked));
            if (!looked.Has(index))
            {
                return index;
            }
        }
        return Next(choice, looked);
    }

    /// <summary>One by its weight, of those not looked at: of many calls each has its share, and yet none follows from the one before.</summary>
    protected int ByPoint(Choice choice, in Looked looked)
    {
        for (var i = 0; i < Tries; i++)
        {
            var index = choice.At(Points.Of(Turn(looked)));
            if (!looked.Has(index))
            {
                return index;
            }
        }
        return Next(choice, looked);
    }

    private static int Next(Choice choice, in Looked looked)
    {
        var count = choice.Members.Length;
        var start = Random.Shared.Next(count);
        for (var i = 0; i < count; i++)
        {
            var index = (start + i) % count;
            if (!looked.Has(index))
            {
                return index;
            }
        }
        return -1;
    }
}

/// <summary>Which members a call has looked at in vain.</summary>
internal struct Looked
{
    private ulong first;
    private ulong[]? more;

    /// <summary>How many.</summary>
    public int Count { get; private set; }

    public readonly bool Has(int index) =>
        index < 64 ? (first >> index & 1) != 0 : more is not null && (index >> 6) <= more.Length && (more[(index >> 6) - 1] >> (index & 63) & 1) != 0;

    public void Add(int index)
    {
        if (Has(index))
        {
            return;
        }
        Count++;
        if (index < 64)
        {
            first |= 1UL << index;
            return;
        }
        var part = (index >> 6) - 1;
        if (more is null || part >= more.Length)
        {
            Array.Resize(ref more, part + 1);
        }
        more[part] |= 1UL << (index & 63);
    }
}
