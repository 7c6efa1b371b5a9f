using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Postern.Tests.Edge.Budgeting;

/// <summary>The gateway's own log, kept.</summary>
internal sealed class LogLines : ILogger
{
    private readonly ConcurrentQueue<(LogLevel Level, string Text)> lines = [];

    /// <summary>What was logged as a warning, in order.</summary>
    public string[] Warnings => [.. lines.Where(l => l.Level == LogLevel.Warning).Select(l => l.Text)];

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        lines.Enqueue((logLevel, formatter(state, exception)));
}
