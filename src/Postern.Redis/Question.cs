using System.Diagnostics;
using System.Threading.Tasks.Sources;
using StackExchange.Redis;

namespace Postern.Redis;

/// <summary>What can run out of time.</summary>
internal interface IAwaited
{
    /// <summary>Whether nobody waits for it any more.</summary>
    bool IsDone { get; }

    /// <summary>Ends the wait, if it still goes on.</summary>
    void Expire();
}

/// <summary>
/// One script call and who waits for it: until the answer, or until time runs out, whichever is first. The client hands out
/// all answers of a connection on one thread, one after another, so nothing but reading the answer may happen there: who
/// waits goes on elsewhere.
/// </summary>
internal sealed class Question<T> : IValueTaskSource<T>, IAwaited
{
    private readonly RedisConnection connection;
    private readonly Script script;
    private readonly RedisKey[] keys;
    private readonly RedisValue[] values;
    private readonly Func<byte[], object?, T> read;
    private readonly object? state;
    private readonly long asked;
    private ManualResetValueTaskSourceCore<T> source = new() { RunContinuationsAsynchronously = true };
    private Task<RedisResult>? answer;
    private Action? onAnswer;
    private bool inFull;
    private int done;

    public Question(RedisConnection connection, Script script, RedisKey[] keys, RedisValue[] values, Func<byte[], object?, T> read, object? state)
    {
        (this.connection, this.script, this.keys, this.values, this.read, this.state) = (connection, script, keys, values, read, state);
        asked = Stopwatch.GetTimestamp();
    }

    /// <inheritdoc/>
    public bool IsDone => Volatile.Read(ref done) != 0;

    /// <summary>The answer, when it is there.</summary>
    public ValueTask<T> Answer => new(this, source.Version);

    /// <summary>Sends it.</summary>
    public void Ask(IDatabase database)
    {
        try
        {
            answer = inFull ? database.ExecuteAsync("EVAL", Words()) : database.ScriptEvaluateAsync(script.Digest, keys, values);
            var awaiter = answer.GetAwaiter();
            if (awaiter.IsCompleted)
            {
                Finish();
            }
            else
            {
                awaiter.UnsafeOnCompleted(onAnswer ??= Finish);
            }
        }
        catch (Exception e) when (e is RedisException or ObjectDisposedException or InvalidOperationException)
        {
            Fail(connection.Explain(e));
        }
    }

    /// <inheritdoc/>
    public void Expire()
    {
        if (Interlocked.Exchange(ref done, 1) == 0)
        {
            connection.Unanswered(asked);
            source.SetException(new TimeoutException($"Redis at {connection.Place} has not answered in time."));
        }
    }

    /// <summary>Ends the wait for what could not be asked.</summary>
    public void Fail(Exception why)
    {
        if (Interlocked.Exchange(ref done, 1) == 0)
        {
            source.SetException(why);
        }
    }

    /// <inheritdoc/>
    public T GetResult(short token) => source.GetResult(token);

    /// <inheritdoc/>
    public ValueTaskSourceStatus GetStatus(short token) => source.GetStatus(token);

    /// <inheritdoc/>
    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        source.OnCompleted(continuation, state, token, flags);

    private void Finish()
    {
        try
        {
            var result = answer!.GetAwaiter().GetResult();
            connection.Answered();
            var value = read((byte[])result ?? [], state);
            if (Interlocked.Exchange(ref done, 1) == 0)
            {
                source.SetResult(value);
            }
        }
        catch (RedisServerException e) when (!inFull && e.Message.StartsWith("NOSCRIPT", StringComparison.Ordinal))
        {
            // It was restarted, or its scripts were flushed. Nothing was counted.
            inFull = true;
            if (!IsDone)
            {
                connection.Ask(this);
            }
        }
        catch (Exception e) when (e is RedisException or FormatException or InvalidCastException or OverflowException or OperationCanceledException or TimeoutException)
        {
            Fail(connection.Explain(e));
        }
    }

    private object[] Words()
    {
        var words = new object[2 + keys.Length + values.Length];
        (words[0], words[1]) = (script.Text, keys.Length);
        for (var i = 0; i < keys.Length; i++)
        {
            words[2 + i] = keys[i];
        }
        for (var i = 0; i < values.Length; i++)
        {
            words[2 + keys.Length + i] = values[i];
        }
        return words;
    }
}
