using System.Runtime.CompilerServices;

namespace Postern.Backends.Composing;

/// <summary>One source in one request: whether it may begin, its call, and how it came out.</summary>
internal sealed class SourceSlot
{
    private readonly Action<int, SourceResult> settle;
    private readonly Action received;
    private ValueTaskAwaiter<SourceResult> call;

    public SourceSlot(Source source, Action<int, SourceResult> settle)
    {
        (Source, this.settle) = (source, settle);
        received = Receive;
    }

    public Source Source { get; }

    public SourceCall Call { get; } = new();

    public SourceFailure? Failure { get; private set; }

    public long Ticks { get; private set; }

    /// <summary>Left out, because its condition doesn't hold.</summary>
    public bool Omitted { get; set; }

    /// <summary>It has come out, one way or the other.</summary>
    public bool Settled { get; private set; }

    /// <summary>How many sources it still waits for.</summary>
    public int Waits { get; set; }

    public void Begin() => (Failure, Omitted, Settled, Ticks, Waits) = (null, false, false, 0, Source.Needs.Length);

    public void Settle(SourceFailure? failure, long ticks) => (Failure, Ticks, Settled) = (failure, ticks, true);

    /// <summary>Waits for a call without a thread and without an object for it.</summary>
    public void Await(ValueTask<SourceResult> sent)
    {
        call = sent.GetAwaiter();
        if (call.IsCompleted)
        {
            Receive();
        }
        else
        {
            call.UnsafeOnCompleted(received);
        }
    }

    private void Receive()
    {
        SourceResult result;
        try
        {
            result = call.GetResult();
        }
        catch (Exception e) // A fault of the gateway's own; the request must not wait for ever.
        {
            result = new SourceResult { Failure = SourceFailure.Fault(e) };
        }
        call = default;
        settle(Source.Index, result);
    }
}
