using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Pipeline;

namespace Postern.Edge.Authenticating;

/// <summary>
/// A way to know who is calling, as it runs: it judges credentials of its kind. One object for all routes that list it; it
/// lives on over reloads as long as its options are the same.
/// </summary>
internal abstract class Way(string name) : ILive
{
    /// <summary>Its name under <c>identity</c>.</summary>
    public string Name { get; } = name;

    /// <summary>What <c>postern explain</c> says of it.</summary>
    public abstract string Summary { get; }

    /// <inheritdoc/>
    public virtual string? NotReady => null;

    protected TimeProvider Time { get; private set; } = TimeProvider.System;

    protected ILogger Logger { get; private set; } = NullLogger.Instance;

    /// <summary>Who the credential stands for, where that is known already; else null.</summary>
    public abstract Consumer? Find(in Digest digest);

    /// <summary>
    /// Finds out who the credential stands for. What takes long (a signature, a call) leaves the calling thread first. Never
    /// throws for what a credential or a server holds.
    /// </summary>
    /// <param name="credential">The bearer token or key as it was sent, no longer than <see cref="Digest.MaxLength"/>.</param>
    /// <param name="digest">Its digest.</param>
    /// <param name="client">The client's address, to bound what one client's bad credentials may cost.</param>
    public abstract ValueTask<Verdict> JudgeAsync(string credential, Digest digest, string client);

    /// <inheritdoc/>
    public void Start(TimeProvider time, ILogger logger)
    {
        (Time, Logger) = (time, logger);
        Begin();
    }

    /// <inheritdoc/>
    public virtual void Dispose() { }

    /// <summary>Begins what it does on its own.</summary>
    protected virtual void Begin() { }
}
