namespace Postern.Edge.RateLimiting.Counting;

/// <summary>
/// A part of the keys, with a lock and a share of the memory of its own. A request holds the lock for one look-up and the
/// arithmetic of its rules. Each new key looks at the next two entries and drops those that have recovered; where memory is short, at
/// some more at random, and the one of them that has used the smallest share of its quota leaves, unless that is half or more. Where
/// none may leave, the key counts in an entry that all such keys of its plan in this stripe share.
/// </summary>
internal sealed class Stripe(long budget)
{
    private const int SweptPerKey = 2;
    private const int Sample = 8;
    private const int Fruitless = 2;
    private const int Half = 500;
    // A place in the table and one in the list.
    private const int Slot = 16;

    private readonly Lock gate = new();
    private Entry?[] table = new Entry?[16];
    private Entry?[] list = new Entry?[16];
    private int count;
    private int hand;
    private uint dice = (uint)Random.Shared.Next();
    private long bytes = 16 * Slot;
    private long evicted;
    private long shared;
    // What had recovered by this moment may be forgotten, so nothing is counted before it.
    private long floor;

    /// <summary>What it holds, and what it could not.</summary>
    public Occupancy Occupancy
    {
        get
        {
            lock (gate)
            {
                return new Occupancy(count, bytes, evicted, shared);
            }
        }
    }

    public LimitDecision Take(CompiledPlan plan, ulong id, ReadOnlySpan<char> key, int hash, int cost, long now)
    {
        Span<long> frame = stackalloc long[plan.UseCount * Tally.FrameSize];
        lock (gate)
        {
            var entry = Find(id, key, hash);
            if (entry is null)
            {
                entry = plan.EverPasses(cost) ? Add(plan, id, key, hash, cost, now) : plan.Nobody;
            }
            else if (entry.Plan != plan)
            {
                GoOn(entry, plan);
            }
            var moment = Math.Max(now, floor);
            var refusing = plan.Weigh(entry, frame, moment, cost);
            if (refusing == 0 && plan.RingCount > 0)
            {
                refusing = Enlarge(entry, plan, frame, cost, moment);
            }
            return refusing == 0 ? plan.Pass(entry, frame, now, cost) : plan.Refuse(entry, frame, refusing, now, cost);
        }
    }

    public void Exhaust(CompiledPlan plan, ulong id, ReadOnlySpan<char> key, int hash, in LimitDecision refused, long at, CompiledPlan? former)
    {
        lock (gate)
        {
            var entry = Find(id, key, hash) ?? Add(plan, id, key, hash, 1, at);
            // What stands for many isn't used up because one of them is refused.
            if (!entry.IsShared)
            {
                if (entry.Plan != plan)
                {
                    GoOn(entry, plan);
                }
                // Before the floor, too: what was forgotten as recovered is known now to have been missing.
                plan.Exhaust(entry, refused, at, former);
            }
        }
    }

    public LimitReading[] Read(CompiledPlan plan, ulong id, ReadOnlySpan<char> key, int hash, long now)
    {
        lock (gate)
        {
            var entry = Find(id, key, hash) ?? plan.Nobody;
            if (entry.Plan != plan)
            {
                GoOn(entry, plan);
            }
            return plan.Read(entry, floor, now);
        }
    }

    public bool Reset(ulong id, ReadOnlySpan<char> key, int hash)
    {
        lock (gate)
        {
            if (Find(id, key, hash) is not { } entry)
            {
                return false;
            }
            Remove(entry);
            return true;
        }
    }

    private void GoOn(Entry entry, CompiledPlan plan)
    {
        bytes -= entry.Bytes;
        entry.GoOnUnder(plan);
        bytes += entry.Bytes;
    }

    private Entry? Find(ulong id, ReadOnlySpan<char> key, int hash)
    {
        var entry = table[hash & (table.Length - 1)];
        while (entry is not null && !(entry.Hash == hash && entry.Id == id && key.SequenceEqual(entry.Key)))
        {
            entry = entry.Next;
        }
        return entry;
    }

    private Entry Add(CompiledPlan plan, ulong id, ReadOnlySpan<char> key, int hash, int cost, long now)
    {
        var moment = Math.Max(now, floor);
        var room = plan.RoomFor(cost);
        Sweep(moment);
        if (MakeRoom(Entry.BytesOf(plan, key.Length, room), slot: true, moment, keep: null))
        {
            return Insert(new Entry(id, key.ToString(), hash, plan, room));
        }
        shared++;
        hash = (int)plan.SharedId;
        var entry = Find(plan.SharedId, "", hash) ?? Insert(new Entry(plan.SharedId, "", hash, plan, plan.SharedRoom));
        GoOn(entry, plan);
        return entry;
    }

    /// <summary>Gives logs the room they need; returns a bit for each for which there is none.</summary>
    private int Enlarge(Entry entry, CompiledPlan plan, Span<long> frame, int cost, long moment)
    {
        var refusing = 0;
        for (var i = 0; i < plan.UseCount; i++)
        {
            if (plan.LogOf(i) is not { } log || log.Wanted(entry, CompiledPlan.Own(frame, i), cost) is var wanted && wanted == 0)
            {
                continue;
            }
            var times = log.Times(entry);
            var more = 8L * (wanted - times.Room);
            if (MakeRoom(more, slot: false, moment, keep: entry))
            {
                times.Enlarge(wanted);
                bytes += more;
            }
            else
            {
                refusing |= 1 << i;
            }
        }
        return refusing;
    }

    private void Sweep(long moment)
    {
        for (var i = 0; i < SweptPerKey && count > 0; i++)
        {
            var entry = NextByHand();
            if (entry.Plan.Used(entry, moment) == 0)
            {
                Forget(entry, moment);
            }
        }
    }

    private bool MakeRoom(long wanted, bool slot, long moment, Entry? keep)
    {
        var fruitless = 0;
        while (IsShort(wanted, slot))
        {
            // No single key drives most others out.
            if (wanted > budget / 2)
            {
                return false;
            }
            var before = bytes;
            var (least, leastUsed) = ((Entry?)null, Half);
            for (var i = 0; i < Sample && count > 0 && IsShort(wanted, slot); i++)
            {
                var entry = AnyOne();
                var used = entry == keep ? Half : entry.Plan.Used(entry, moment);
                if (used == 0)
                {
                    Forget(entry, moment);
                }
                else if (used < leastUsed && !entry.IsShared)
                {
                    (least, leastUsed) = (entry, used);
                }
            }
            if (least is not null && IsShort(wanted, slot))
            {
                Remove(least);
                evicted++;
            }
            if (bytes == before && ++fruitless == Fruitless)
            {
                return false;
            }
        }
        return true;
    }

    private bool IsShort(long wanted, bool slot) =>
        bytes + wanted + (slot && count == list.Length ? (long)Slot * list.Length : 0) > budget;

    private Entry NextByHand()
    {
        hand = hand + 1 < count ? hand + 1 : 0;
        return list[hand]!;
    }

    // Not the next ones: those that came one after another are often of one kind.
    private Entry AnyOne()
    {
        dice = dice * 1664525 + 1013904223;
        return list[(int)((ulong)dice * (uint)count >> 32)]!;
    }

    private Entry Insert(Entry entry)
    {
        if (count == list.Length)
        {
            Widen();
        }
        ref var bucket = ref table[entry.Hash & (table.Length - 1)];
        (entry.Next, bucket) = (bucket, entry);
        (entry.Index, list[count]) = (count, entry);
        count++;
        bytes += entry.Bytes;
        return entry;
    }

    private void Forget(Entry entry, long moment)
    {
        floor = Math.Max(floor, moment);
        Remove(entry);
    }

    private void Remove(Entry entry)
    {
        bytes -= entry.Bytes;
        ref var bucket = ref table[entry.Hash & (table.Length - 1)];
        if (bucket == entry)
        {
            bucket = entry.Next;
        }
        else
        {
            var before = bucket!;
            while (before.Next != entry)
            {
                before = before.Next!;
            }
            before.Next = entry.Next;
        }
        var last = list[--count]!;
        (list[entry.Index], last.Index) = (last, entry.Index);
        list[count] = null;
    }

    private void Widen()
    {
        bytes += (long)Slot * list.Length;
        Array.Resize(ref list, list.Length * 2);
        table = new Entry?[list.Length];
        for (var i = 0; i < count; i++)
        {
            var entry = list[i]!;
            ref var bucket = ref table[entry.Hash & (table.Length - 1)];
            (entry.Next, bucket) = (bucket, entry);
        }
    }
}
