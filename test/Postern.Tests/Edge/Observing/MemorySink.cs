using System.Text;
using System.Text.Json;
using Postern.Edge.Observing;

namespace Postern.Tests.Edge.Observing;

/// <summary>Keeps what the access log writes; can make it wait, as a full pipe does.</summary>
internal sealed class MemorySink : LogSink
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly Lock gate = new();
    private readonly StringBuilder text = new();
    private readonly ManualResetEventSlim open = new(true);
    private (int Count, TaskCompletionSource Signal) awaited = (int.MaxValue, new());

    /// <summary>Set when the first write begins.</summary>
    public TaskCompletionSource Entered { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Set when the log gave the sink back.</summary>
    public TaskCompletionSource Closed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public string Text
    {
        get
        {
            lock (gate)
            {
                return text.ToString();
            }
        }
    }

    public IEnumerable<JsonElement> Lines =>
        Text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonDocument.Parse(l).RootElement);

    public void Block() => open.Reset();

    public void Release() => open.Set();

    /// <summary>Done once there are that many lines.</summary>
    public Task Seen(int count)
    {
        lock (gate)
        {
            awaited = (count, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            Tell();
            return awaited.Signal.Task;
        }
    }

    public override void Write(ReadOnlySpan<byte> lines)
    {
        Entered.TrySetResult();
        open.Wait(Patience);
        lock (gate)
        {
            text.Append(Encoding.UTF8.GetString(lines));
            Tell();
        }
    }

    public override void Close() => Closed.TrySetResult();

    private void Tell()
    {
        if (Text.Count(c => c == '\n') >= awaited.Count)
        {
            awaited.Signal.TrySetResult();
        }
    }
}
