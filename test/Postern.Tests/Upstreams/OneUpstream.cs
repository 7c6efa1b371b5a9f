using System.Buffers;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Postern.Config.Yaml;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;
using Postern.Tests.Config.Yaml;
using Postern.Tests.Harness;
using Postern.Upstreams;

namespace Postern.Tests.Upstreams;

/// <summary>One upstream with its whole chain, compiled from YAML as the gateway does it, and called without a client or a server in front.</summary>
internal sealed class OneUpstream : IDisposable
{
    private readonly StatePool state = new();
    private readonly TimeProvider time;
    private readonly Lines log = new();
    private UpstreamHandle handle;

    /// <param name="keys">What stands under its name: <c>{ url: …, breaker: 5 }</c>.</param>
    /// <param name="time">The clock of its checks and breakers.</param>
    public OneUpstream(string keys, TimeProvider? time = null)
    {
        this.time = time ?? new SteppedTime();
        handle = Compile(keys);
    }

    /// <summary>The only upstream of a configuration.</summary>
    public OneUpstream(LoadedConfig loaded)
    {
        time = new SteppedTime();
        handle = Compile(loaded);
    }

    public DestinationSet Set => Assert.Single(Live<DestinationSet>());

    public Destination this[int destination] => Set.Members[destination].Destination;

    /// <summary>Everything logged at Information and above, a level and a message to a line.</summary>
    public string Log => log.Text;

    /// <summary>What <c>explain</c> says of it.</summary>
    public string Notes => string.Join('\n', handle.Notes.Select(n => $"{n.Handler}: {n.What}"));

    public string? NotReady => state.NotReady;

    public string Metrics
    {
        get
        {
            var text = new ArrayBufferWriter<byte>();
            PrometheusText.Write(MetricRegistry.Of(state), text);
            return Encoding.UTF8.GetString(text.WrittenSpan);
        }
    }

    /// <summary>What its live state tells the admin port.</summary>
    public JsonElement Status => Json(json => state.Live<IStatus>().ToList().ForEach(s => s.Write(json)));

    /// <summary>What the judges of a destination tell the admin port.</summary>
    public JsonElement StatusOf(int destination) => Json(json => Set.Members[destination].Judges.ToList().ForEach(j => j.Write(json)));

    public IEnumerable<T> Live<T>() => state.Live<T>();

    /// <summary>A reload with these keys.</summary>
    public void Reload(string keys) => handle = Compile(keys);

    /// <summary>A call and the whole answer: its status, or the failure.</summary>
    public Task<string> CallAsync(string method = "GET", CancellationToken cancel = default) => CallAsync(new UpstreamCall { Method = new HttpMethod(method) }, cancel);

    /// <summary>The same of a call that says more.</summary>
    public async Task<string> CallAsync(UpstreamCall call, CancellationToken cancel = default)
    {
        try
        {
            using var reply = await SendAsync(call, cancel);
            try
            {
                while (await reply.ReadAsync().AsTask().WaitAsync(ScriptedUpstream.Patience, CancellationToken.None) is { Length: > 0 })
                {
                }
                return $"{(int)reply.StatusCode}";
            }
            finally
            {
                await reply.FinishAsync();
            }
        }
        catch (UpstreamException e)
        {
            return e.RetryAfter is { } seconds ? $"{e.Failure} {seconds}" : $"{e.Failure}";
        }
        catch (OperationCanceledException)
        {
            return "cancelled";
        }
    }

    /// <summary>The same several times, one after the other.</summary>
    public async Task<IReadOnlyList<string>> CallAsync(int times)
    {
        var answers = new List<string>();
        for (var i = 0; i < times; i++)
        {
            answers.Add(await CallAsync());
        }
        return answers;
    }

    /// <summary>A call up to the head of its answer.</summary>
    public Task<UpstreamReply> SendAsync(string method = "GET", CancellationToken cancel = default) => SendAsync(new UpstreamCall { Method = new HttpMethod(method) }, cancel);

    private async Task<UpstreamReply> SendAsync(UpstreamCall call, CancellationToken cancel) =>
        (UpstreamReply)await handle.Chain.SendAsync(call, cancel).WaitAsync(ScriptedUpstream.Patience, CancellationToken.None);

    /// <summary>Waits for what other threads bring about.</summary>
    public static async Task UntilAsync(Func<bool> holds)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(2));
        using var patience = new CancellationTokenSource(ScriptedUpstream.Patience);
        while (!holds())
        {
            await timer.WaitForNextTickAsync(patience.Token);
        }
    }

    public void Dispose() => state.Commit();

    private UpstreamHandle Compile(string keys) => Compile(ConfigCase.Load($"version: 1\nupstreams:\n  up: {keys}\n"));

    private UpstreamHandle Compile(LoadedConfig loaded)
    {
        var made = UpstreamCompiler.Compile(new UpstreamScope(loaded.Config, Assert.Single(loaded.Config.Upstreams), state, loaded.Check));
        Assert.Empty(loaded.Check.Problems);
        MetricRegistry.Of(state);
        state.Start(time, log);
        state.Commit();
        return made;
    }

    private static JsonElement Json(Action<Utf8JsonWriter> write)
    {
        var body = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }
        return JsonDocument.Parse(body.WrittenMemory).RootElement;
    }

    private sealed class Lines : ILogger
    {
        private readonly StringBuilder text = new();

        public string Text
        {
            get
            {
                lock (text)
                {
                    return text.ToString();
                }
            }
        }

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (text)
            {
                text.Append($"{logLevel.ToString().ToLowerInvariant()} {formatter(state, exception)}\n");
            }
        }
    }
}
