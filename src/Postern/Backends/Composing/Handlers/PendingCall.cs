using Postern.Pipeline;
using Postern.Wire;

namespace Postern.Backends.Composing.Handlers;

/// <summary>A call that code has described: settings until it begins, then how it ends.</summary>
internal sealed class PendingCall
{
    private readonly Composer composer;
    private readonly string? needs;
    private readonly List<(string Name, string Value)> headers = [];
    private string? badHeader;
    private Task? task;

    /// <param name="composer">Whose call it is.</param>
    /// <param name="upstream">Who is called.</param>
    /// <param name="target">Path and query.</param>
    /// <param name="needs">Why it can't be made with the values it was given; null where it can.</param>
    public PendingCall(Composer composer, UpstreamHandle upstream, string target, string? needs)
    {
        (this.composer, this.needs, Name) = (composer, needs, upstream.Name);
        Call = new SourceCall { Upstream = upstream, Target = target };
    }

    public SourceCall Call { get; }

    public string Name { get; set; }

    public bool Required { get; set; }

    /// <summary>What of the client's request goes on; null for what the route says.</summary>
    public Forwarding? Forward { get; set; }

    /// <summary>Makes the call once a task is done, and reads its result.</summary>
    public Func<Task, Task> Run { get; set; } = null!;

    /// <summary>Whether the code has asked for its result.</summary>
    public bool IsAwaited { get; private set; }

    /// <summary>Whether the answer depends on it: then its failure is told.</summary>
    public bool Counts => (IsAwaited || Required) && task is not null;

    public Task? Task => task;

    /// <summary>Why it failed; null where it didn't, or hasn't ended.</summary>
    public SourceFailure? Failure { get; set; }

    /// <summary>How long it took, in ticks of the <see cref="System.Diagnostics.Stopwatch"/>; 0 where no call was made.</summary>
    public long Ticks { get; private set; }

    /// <summary>This call, while it can still be changed.</summary>
    public PendingCall Unbegun() => task is null ? this
        : throw new InvalidOperationException($"The source '{Name}' has begun; say everything about it before anything is awaited.");

    public void SetHeader(string name, string? value)
    {
        if (!Token.IsValid(name) || HopByHop.IsRequestField(name) || HopByHop.IsForwarded(name) || composer.Exchange.Reserved.Contains(name))
        {
            throw new ArgumentException($"Not a field that code sets, got '{name}'; the gateway says it itself.", nameof(name));
        }
        Unbegun();
        if (value is null)
        {
            return;
        }
        if (value.AsSpan().ContainsAnyInRange('\0', '\x1f') || value.AsSpan().ContainsAnyExceptInRange('\0', '\xff') || value.Contains('\x7f'))
        {
            badHeader ??= $"the value of the field '{name}' has characters that no field can have";
            return;
        }
        headers.Add((name, value));
    }

    /// <summary>Begins it, with all others of its composer.</summary>
    public Task Begin()
    {
        IsAwaited = true;
        composer.Begin();
        return task!;
    }

    /// <summary>It is begun once <paramref name="go"/> is done.</summary>
    public void Start(Task go) => task = Run(go);

    public async Task<SourceResult> SendAsync()
    {
        if ((needs ?? badHeader) is { } why)
        {
            return new SourceResult { Failure = SourceFailure.Needs(why) };
        }
        composer.Fill(this, Call, headers);
        var result = await composer.SendAsync(Call);
        Ticks = result.Ticks;
        return result;
    }

    /// <summary>It failed. Returns where something stands in for it.</summary>
    public void Fail(SourceFailure failure) => composer.Fail(this, failure);
}
