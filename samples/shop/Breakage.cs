using Microsoft.AspNetCore.Http;

namespace Shop;

/// <summary>A way in which a service breaks.</summary>
public enum Fault
{
    /// <summary>It works.</summary>
    None,
    /// <summary>It is gone: connections are refused, and those that were open are cut.</summary>
    Killed,
    /// <summary>Each answer takes a second and a half longer.</summary>
    Slow,
    /// <summary>Each answer is a 500; but it says that it is well.</summary>
    Failing,
    /// <summary>It takes requests and never answers.</summary>
    Hanging,
}

/// <summary>What is wrong with one service now, as its requests meet it.</summary>
internal sealed class Breakage
{
    private static readonly TimeSpan Slowness = TimeSpan.FromMilliseconds(1500);

    private readonly Lock gate = new();
    private Fault fault;
    private TaskCompletionSource over = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Another fault begins, or none; those who wait for the end of the one before go on. Returns the one before.</summary>
    public Fault Begin(Fault next)
    {
        lock (gate)
        {
            var before = fault;
            fault = next;
            over.TrySetResult();
            over = new(TaskCreationOptions.RunContinuationsAsynchronously);
            return before;
        }
    }

    /// <summary>Stands before all that a service answers.</summary>
    public async Task AnswerAsync(HttpContext context, RequestDelegate next)
    {
        Fault now;
        Task end;
        lock (gate)
        {
            (now, end) = (fault, over.Task);
        }
        switch (now)
        {
            case Fault.Failing when context.Request.Path != "/healthz":
                await context.Response.SendErrorAsync(500, "internal_error", "Something is wrong here, and nobody knows what.");
                return;
            case Fault.Slow:
                await WaitAsync(end, Slowness, context.RequestAborted);
                break;
            case Fault.Hanging:
                await WaitAsync(end, Timeout.InfiniteTimeSpan, context.RequestAborted);
                break;
        }
        if (!context.RequestAborted.IsCancellationRequested)
        {
            await next(context);
        }
    }

    private static async Task WaitAsync(Task end, TimeSpan most, CancellationToken gone)
    {
        try
        {
            await end.WaitAsync(most, gone);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            // Slow enough, or nobody waits any longer.
        }
    }
}
