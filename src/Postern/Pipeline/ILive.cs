using Microsoft.Extensions.Logging;

namespace Postern.Pipeline;

/// <summary>
/// State that works on its own while a snapshot uses it: fetches keys, probes destinations. It is made while a configuration
/// is compiled, which may open nothing; its work begins when the snapshot serves and ends when it is disposed.
/// </summary>
internal interface ILive : IDisposable
{
    /// <summary>Begins the work and returns at once. Called once.</summary>
    void Start(TimeProvider time, ILogger logger);

    /// <summary>Why it is of no use yet, for <c>/readyz</c>; null once it is.</summary>
    string? NotReady { get; }
}
