using System.Diagnostics.CodeAnalysis;
using Postern.Pipeline;
using Postern.Wire;

namespace Postern.Upstreams;

/// <summary>One destination of an upstream, as balancing sees it.</summary>
/// <param name="Destination">The destination.</param>
/// <param name="Weight">Its share, in proportion to the others'; 0 for none but those that are bound to it.</param>
/// <param name="IsBackup">Whether it is called only where too few others can be.</param>
/// <param name="Judges">Who judges it by its calls; empty for nobody.</param>
internal sealed record Member(Destination Destination, int Weight, bool IsBackup, IJudge[] Judges) : IWitness
{
    /// <summary>What a client's cookie calls it; null without affinity.</summary>
    public string? Tag { get; init; }

    /// <summary>As the configuration names it, <c>host:port</c>: for one found by DNS, the name that led to it.</summary>
    public string Listed { get; init; } = Destination.Name;

    /// <summary>A try has come out: its judges are told.</summary>
    void IWitness.Saw(UpstreamCall call, UpstreamReply? reply, Exception? failed)
    {
        var outcome = Outcome.Of(reply, failed, call);
        foreach (var judge in Judges)
        {
            judge.Saw(call, outcome);
        }
    }

    /// <summary>An answer whose head the judges saw has ended, and is in hand no more: was it whole?</summary>
    void IEnding.Ended(UpstreamReply reply)
    {
        Destination.Calls.Leave();
        var end = Outcome.OfEnd(reply);
        foreach (var judge in Judges)
        {
            judge.Ended(end);
        }
    }
}

/// <summary>
/// Those that may be called at this moment, with their weights as they are now; immutable, so that a call reads one and no lock.
/// What the rules derive from the weights is made once and kept here.
/// </summary>
internal sealed class Choice
{
    /// <summary>Schedules that would cost more to make are replaced by points.</summary>
    private const long MostSteps = 1 << 18;

    private const int MostTurns = 4096;

    private readonly int[]? weights;
    private readonly WeightLine? line;
    private readonly Dictionary<string, Member>? byTag;
    private ushort[]? schedule;

    /// <param name="members">Who may be called.</param>
    /// <param name="weights">Their weights, all above 0.</param>
    /// <param name="panics">Whether so few are without trouble that all are called.</param>
    /// <param name="bound">Who serves those that are bound to it by a cookie.</param>
    public Choice(Member[] members, int[] weights, bool panics, IEnumerable<Member> bound)
    {
        (Members, Panics) = (members, panics);
        var divisor = weights.Aggregate(0, Divisor);
        if (weights.Any(w => w != weights[0]))
        {
            this.weights = [.. weights.Select(w => w / divisor)];
            line = new WeightLine(this.weights);
        }
        foreach (var member in bound)
        {
            if (member.Tag is not null)
            {
                (byTag ??= []).TryAdd(member.Tag, member);
            }
        }
    }

    /// <summary>Who may be called: those without trouble, else the backups, else (panic) everybody.</summary>
    public Member[] Members { get; }

    /// <summary>Whether so few are without trouble that all are called.</summary>
    public bool Panics { get; }

    /// <summary>Whether all have the same weight.</summary>
    [MemberNotNullWhen(false, nameof(weights), nameof(line))]
    public bool IsEven => weights is null;

    /// <summary>The sum of all weights.</summary>
    public long Total => IsEven ? Members.Length : line.Total;

    /// <summary>A member's weight at this moment; what it is in proportion to the others' is all that it says.</summary>
    public int Weight(int index) => weights is null ? 1 : weights[index];

    /// <summary>Whose turn it is; each has its share of all turns, as evenly spread over them as may be (what nginx calls smooth).</summary>
    public int InTurn(uint turn)
    {
        if (IsEven)
        {
            return (int)(turn % (uint)Members.Length);
        }
        if (line.Total > MostTurns || line.Total * Members.Length > MostSteps)
        {
            return At(Points.Of(turn));
        }
        var turns = schedule ??= Schedule(weights, (int)line.Total);
        return turns[turn % (uint)turns.Length];
    }

    /// <summary>The member at a point between 0 and 1, on a line of which each has its share.</summary>
    public int At(double point) => IsEven ? Math.Min((int)(point * Members.Length), Members.Length - 1) : line.At(point);

    /// <summary>Who is called so in a cookie, and can be called.</summary>
    public Member? Bound(ReadOnlySpan<char> tag) =>
        byTag is not null && byTag.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(tag, out var member) ? member : null;

    private static ushort[] Schedule(int[] weights, int total)
    {
        var (turns, due) = (new ushort[total], new int[weights.Length]);
        for (var turn = 0; turn < total; turn++)
        {
            var most = 0;
            for (var i = 0; i < weights.Length; i++)
            {
                due[i] += weights[i];
                most = due[i] > due[most] ? i : most;
            }
            due[most] -= total;
            turns[turn] = (ushort)most;
        }
        return turns;
    }

    private static int Divisor(int a, int b)
    {
        while (b != 0)
        {
            (a, b) = (b, a % b);
        }
        return a;
    }
}
