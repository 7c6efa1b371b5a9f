namespace Postern.Edge.RateLimiting.Counting;

/// <summary>What is kept of one key under one plan. Only the stripe that holds it touches it, under its lock.</summary>
/// <param name="id">The plan's identity, or one of its others; see <see cref="CompiledPlan"/>.</param>
/// <param name="key">The key.</param>
/// <param name="hash">The key's hash.</param>
/// <param name="plan">The plan it was last asked with.</param>
/// <param name="room">How many times each of its rings has room for.</param>
internal sealed class Entry(ulong id, string key, int hash, CompiledPlan plan, int room)
{
    // Header and method table, then six references, a long and two int.
    private const int Itself = 16 + 6 * 8 + 8 + 2 * 4;

    public ulong Id { get; } = id;

    public string Key { get; } = key;

    public int Hash { get; } = hash;

    /// <summary>The numbers of all rules, one after another.</summary>
    public long[] Words { get; private set; } = new long[plan.WordCount];

    /// <summary>The times of the rules that keep a log.</summary>
    public Ring[] Rings { get; private set; } = MakeRings(plan.RingCount, room);

    /// <summary>The plan it was last asked with.</summary>
    public CompiledPlan Plan { get; private set; } = plan;

    /// <summary>
    /// What it counted before, under a plan that has rules that this one hasn't. A gate that keeps its last good configuration
    /// has such a plan for as long as the others have another, and a caller of both goes from one to the other with each request.
    /// </summary>
    public Entry? Former { get; private set; }

    /// <summary>The next in the same bucket.</summary>
    public Entry? Next { get; set; }

    /// <summary>Where it stands in the stripe.</summary>
    public int Index { get; set; }

    /// <summary>Whether it stands for all keys that found no room.</summary>
    public bool IsShared => Id == Plan.SharedId;

    /// <summary>What it takes in memory.</summary>
    public long Bytes
    {
        get
        {
            var bytes = BytesOf(Plan, Key.Length, 0);
            foreach (var ring in Rings)
            {
                bytes += 8L * ring.Room;
            }
            if (Former is { } former)
            {
                bytes += BytesOf(former.Plan, 0, 0);
                foreach (var ring in former.Rings)
                {
                    bytes += Array.IndexOf(Rings, ring) < 0 ? 8L * ring.Room : 0;
                }
            }
            return bytes;
        }
    }

    /// <summary>What a new one would take.</summary>
    public static long BytesOf(CompiledPlan plan, int keyLength, int room)
    {
        var text = (22L + 2 * keyLength + 7) & ~7;
        var rings = plan.RingCount == 0 ? 0 : 24 + plan.RingCount * (8L + 32 + 24 + 8 * room);
        return Itself + text + 24 + 8L * plan.WordCount + rings;
    }

    /// <summary>Goes on under another plan of the same name. Where that has other rules, those that stayed keep what they counted.</summary>
    public void GoOnUnder(CompiledPlan plan)
    {
        if (plan.Shape != Plan.Shape)
        {
            var (words, rings) = (new long[plan.WordCount], MakeRings(plan.RingCount, SlidingLog.FirstRoom));
            if (Former is not null)
            {
                plan.Carry(Former, words, rings);
            }
            plan.Carry(this, words, rings);
            Former = plan.Lacks(Plan) ? new Entry(Id, Key, Hash, Plan, 0) { Words = Words, Rings = Rings }
                : Former is not null && plan.Lacks(Former.Plan) ? Former : null;
            (Words, Rings) = (words, rings);
        }
        Plan = plan;
    }

    private static Ring[] MakeRings(int count, int room)
    {
        if (count == 0)
        {
            return [];
        }
        var rings = new Ring[count];
        for (var i = 0; i < count; i++)
        {
            rings[i] = new Ring(room);
        }
        return rings;
    }
}
