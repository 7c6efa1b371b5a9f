using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Postern.Config;
using Postern.Transforms.Json;
using Postern.Wire;

namespace Postern.Backends.Composing.Handlers;

/// <summary>
/// One call of a <see cref="Composer"/>, not begun yet: <c>await</c> it for its result. All calls made so far begin together when the first
/// of them is awaited; one that is made and never begun isn't sent. Where a source fails, and isn't required, the result is its fallback,
/// or the default of its type.
/// </summary>
/// <typeparam name="T">What its JSON is read as.</typeparam>
[JsonConverter(typeof(NotAwaited))]
public sealed class Source<T>
{
    private readonly PendingCall call;
    private readonly JsonTypeInfo<T>? type;
    private T fallback = default!;
    private T missing = default!;

    internal Source(PendingCall call, JsonTypeInfo? type)
    {
        (this.call, this.type) = (call, (JsonTypeInfo<T>?)type);
        call.Run = RunAsync;
    }

    /// <summary>What <c>failedSources</c>, logs and metrics call it. Default: the upstream's name. Sources of one name are told as one.</summary>
    public Source<T> Named(string name)
    {
        if (!Token.IsValid(name) || name.Length > 100)
        {
            throw new ArgumentException($"Not a name for a source, got '{name}'; letters, digits, '_' and '-'.", nameof(name));
        }
        call.Unbegun().Name = name;
        return this;
    }

    /// <summary>How long it may take, from the call to the last byte. Default: as long as the route has, and to begin its answer the upstream's <c>timeout</c>.</summary>
    public Source<T> Within(TimeSpan timeout)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(timeout, TimeSpan.FromMilliseconds(1));
        call.Unbegun().Call.Timeout = timeout;
        return this;
    }

    /// <summary>Statuses that are success: <c>.Accept("2xx", "404")</c>. Default: <c>2xx</c>.</summary>
    public Source<T> Accept(params IReadOnlyList<string> statuses)
    {
        var ranges = statuses.Select(s => StatusRange.TryParse(s, out var range) && range.From >= 200 && (range.From >= 400 || range.To < 300)
            ? range : throw new ArgumentException($"Not statuses of success, got '{s}'; write 2xx, or statuses from 400 on.", nameof(statuses)));
        call.Unbegun().Call.Accept = new StatusSet(ranges);
        return this;
    }

    /// <summary>The result that a 404 stands for. Default: a 404 is a failure.</summary>
    public Source<T> MissingIs(T value)
    {
        call.Unbegun().Call.MayBeMissing = true;
        missing = value;
        return this;
    }

    /// <summary>The largest answer that is read; past it the source fails. Default: 4 MB.</summary>
    public Source<T> MaxBytes(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bytes, 1);
        call.Unbegun().Call.MaxBytes = bytes;
        return this;
    }

    /// <summary>What of the client's request goes on: <c>authorization</c>, <c>cookies</c>, <c>query</c>, and names of header fields. Default: the route's <c>forward</c>.</summary>
    public Source<T> Forward(params IReadOnlyList<string> what)
    {
        var check = new Check();
        ComposeSection.CheckForward(new ComposeSection(), what, check);
        call.Unbegun().Forward = check.Problems is [var problem, ..] ? throw new ArgumentException(problem.Message, nameof(what)) : Forwarding.Of(what);
        return this;
    }

    /// <summary>Sends a header field. A null isn't sent; a value that no field can have is a failure of the source.</summary>
    public Source<T> Header(string name, string? value)
    {
        call.Unbegun().SetHeader(name, value);
        return this;
    }

    /// <summary>Begins it, and all others made so far, and waits for its result.</summary>
    public TaskAwaiter<T> GetAwaiter() => AsTask().GetAwaiter();

    /// <summary>The same as a task, for <c>Task.WhenAll</c>. Asked again, it is the same task: a call is made once.</summary>
    public Task<T> AsTask() => (Task<T>)call.Begin();

    internal Source<T> Require()
    {
        call.Unbegun().Required = true;
        return this;
    }

    internal Source<T> FallBack(T value)
    {
        call.Unbegun();
        fallback = value;
        return this;
    }

    private async Task<T> RunAsync(Task go)
    {
        await go.ConfigureAwait(false);
        var result = await call.SendAsync().ConfigureAwait(false);
        var failure = result.Failure;
        if (failure is null)
        {
            using var text = result.Text;
            if (text is null)
            {
                return result.IsMissing ? missing : default!;
            }
            try
            {
                return Read(text);
            }
            catch (JsonException e)
            {
                failure = SourceFailure.Invalid($"its answer is no {typeof(T).Name}: {(e.Path is null ? "" : e.Path + ", ")}byte {e.BytePositionInLine}");
            }
        }
        call.Fail(failure);
        return fallback;
    }

    private T Read(JsonText text)
    {
        if (typeof(T) == typeof(RawJson))
        {
            _ = text.Root.TryRaw(out var raw);
            return (T)(object)RawJson.Checked(raw.ToArray());
        }
        return JsonSerializer.Deserialize(text.Bytes.Span, type!)!;
    }
}

/// <summary>What tells whether a result can be missing.</summary>
public static class SourceExtensions
{
    /// <summary>The answer is nothing without it: its failure is the answer's, at once, whatever the code does.</summary>
    public static Source<T> Required<T>(this Source<T?> source) => source.Require()!;

    /// <summary>The result where the source fails. Default: null, or the default of its type.</summary>
    public static Source<T> Or<T>(this Source<T?> source, T fallback) => source.FallBack(fallback)!;
}

/// <summary>The answer can't be made, because a source that it requires failed; whatever the code does now, the client is told so.</summary>
public sealed class SourceException : Exception
{
    internal SourceException(string source, string reason) : base($"The source '{source}' is required, and failed ({reason}).") => SourceName = source;

    /// <summary>The source's name.</summary>
    public string SourceName { get; }
}

/// <summary>A source is no result: where one is to be written as JSON, an <c>await</c> was forgotten, and the page would have <c>{}</c> there.</summary>
internal sealed class NotAwaited : JsonConverter<object>
{
    public override bool CanConvert(Type typeToConvert) => typeToConvert.IsGenericType && typeToConvert.GetGenericTypeDefinition() == typeof(Source<>);

    public override object Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => throw new NotSupportedException("A source is not read.");

    public override void Write(Utf8JsonWriter writer, object value, JsonSerializerOptions options) =>
        throw new InvalidOperationException("A source stands in what the code returns; await it, and return its result: new { user = await user }.");
}
