using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Postern.Pipeline;

namespace Postern.Backends.Composing.Handlers;

/// <summary>
/// Calls upstreams for code that answers a route, as a composed route does: <c>var user = c.Get&lt;User&gt;($"http://users/users/{id}")</c>, then
/// <c>await user</c>. The calls run in parallel over the upstreams' chains, with the caller's identity and the trace, under one deadline and
/// the route's bounds, and are cancelled when the client leaves. What fails is named in the answer's <c>meta</c>. One for each request: take it
/// as a parameter of the delegate.
/// </summary>
public sealed class Composer
{
    private readonly HandlerRoute route;
    private readonly HttpContext context;
    private readonly Lock gate = new();
    private readonly List<PendingCall> calls = [];
    private CallBounds? bounds;
    private int begun;
    private bool closed;

    internal Composer(HandlerRoute route, HttpContext context, Exchange exchange)
    {
        (this.route, this.context, Exchange) = (route, context, exchange);
        Began = Stopwatch.GetTimestamp();
    }

    internal Exchange Exchange { get; }

    /// <summary>When the code began, in ticks of the <see cref="Stopwatch"/>.</summary>
    internal long Began { get; }

    /// <summary>Whether the delegate was called.</summary>
    internal bool HasRun { get; set; }

    /// <summary>How the sources came out, once the code has ended.</summary>
    internal SourceOutcomes Outcomes { get; } = new();

    /// <summary>The required source that failed first; null where none has.</summary>
    internal PendingCall? Failed { get; private set; }

    /// <summary>The calls in the order in which the code made them.</summary>
    internal IReadOnlyList<PendingCall> Calls => calls;

    /// <summary>Gives the request's composer to a delegate that takes one.</summary>
    public static ValueTask<Composer?> BindAsync(HttpContext context) => context.Features.Get<Composer>() is { } composer ? new(composer)
        : throw new InvalidOperationException("A Composer is for the gateway's own routes: gate.MapGet(…), not app.MapGet(…).");

    /// <summary>A source that is read: <c>c.Get&lt;Order[]&gt;($"http://orders/api/orders?limit={n}")</c>.</summary>
    /// <param name="url">The URL: an upstream's name and a path, each value encoded for its place.</param>
    /// <param name="type">How its JSON is read. Default: as the host's JSON options say.</param>
    public Source<T?> Get<T>(SourceUrl url, JsonTypeInfo<T>? type = null) => Add(HttpMethod.Get, url, null, type);

    /// <summary>The same for a URL without values.</summary>
    /// <param name="url">A constant. What is put together from values belongs into <c>$"…{value}…"</c>, which encodes it.</param>
    /// <param name="type">How its JSON is read. Default: as the host's JSON options say.</param>
    public Source<T?> Get<T>([ConstantExpected] string url, JsonTypeInfo<T>? type = null) => Add(HttpMethod.Get, SourceUrl.Of(url), null, type);

    /// <summary>A source that is sent a body with POST.</summary>
    /// <param name="url">The URL: an upstream's name and a path, each value encoded for its place.</param>
    /// <param name="body">What is sent as JSON, written as the host's JSON options say; null for nothing.</param>
    /// <param name="type">How its JSON is read. Default: as the host's JSON options say.</param>
    public Source<T?> Post<T>(SourceUrl url, object? body = null, JsonTypeInfo<T>? type = null) => Add(HttpMethod.Post, url, body, type);

    /// <summary>The same for a URL without values.</summary>
    public Source<T?> Post<T>([ConstantExpected] string url, object? body = null, JsonTypeInfo<T>? type = null) => Add(HttpMethod.Post, SourceUrl.Of(url), body, type);

    /// <summary>A source that is sent a body with PUT; see <see cref="Post{T}(SourceUrl, object?, JsonTypeInfo{T}?)"/>.</summary>
    public Source<T?> Put<T>(SourceUrl url, object? body = null, JsonTypeInfo<T>? type = null) => Add(HttpMethod.Put, url, body, type);

    /// <summary>The same for a URL without values.</summary>
    public Source<T?> Put<T>([ConstantExpected] string url, object? body = null, JsonTypeInfo<T>? type = null) => Add(HttpMethod.Put, SourceUrl.Of(url), body, type);

    /// <summary>A source that is sent a body with PATCH; see <see cref="Post{T}(SourceUrl, object?, JsonTypeInfo{T}?)"/>.</summary>
    public Source<T?> Patch<T>(SourceUrl url, object? body = null, JsonTypeInfo<T>? type = null) => Add(HttpMethod.Patch, url, body, type);

    /// <summary>The same for a URL without values.</summary>
    public Source<T?> Patch<T>([ConstantExpected] string url, object? body = null, JsonTypeInfo<T>? type = null) => Add(HttpMethod.Patch, SourceUrl.Of(url), body, type);

    /// <summary>A source that is called with DELETE; see <see cref="Post{T}(SourceUrl, object?, JsonTypeInfo{T}?)"/>.</summary>
    public Source<T?> Delete<T>(SourceUrl url, object? body = null, JsonTypeInfo<T>? type = null) => Add(HttpMethod.Delete, url, body, type);

    /// <summary>The same for a URL without values.</summary>
    public Source<T?> Delete<T>([ConstantExpected] string url, object? body = null, JsonTypeInfo<T>? type = null) => Add(HttpMethod.Delete, SourceUrl.Of(url), body, type);

    private Source<T?> Add<T>(HttpMethod method, SourceUrl url, object? body, JsonTypeInfo<T>? type)
    {
        var (name, target, missing) = url.Finish();
        var call = new PendingCall(this, route.Upstream(name), target, missing);
        call.Call.Method = method;
        if (body is not null)
        {
            call.Call.Body = route.Json.Bytes(body);
        }
        // Raw JSON stays as it came; nothing else is needed for it.
        var source = new Source<T?>(call, typeof(T) == typeof(RawJson) ? null : type ?? route.Json.TypeInfo<T>());
        lock (gate)
        {
            ThrowIfClosed();
            if (calls.Count >= route.MaxSources)
            {
                throw new InvalidOperationException($"{route.Label} has {route.MaxSources} sources, which is all it may have; write .MaxSources(…) on the route or the gate, or ask for several things in one call.");
            }
            calls.Add(call);
        }
        return source;
    }

    /// <summary>Begins all calls that were made and haven't begun.</summary>
    internal void Begin()
    {
        // Whoever asks for one of them finds its task, and none of them runs under the lock.
        TaskCompletionSource go;
        lock (gate)
        {
            if (begun == calls.Count)
            {
                return;
            }
            ThrowIfClosed();
            bounds ??= CallBounds.Start(TimeSpan.FromMilliseconds(Math.Max(1, (route.Timeout - Stopwatch.GetElapsedTime(Began)).TotalMilliseconds)), route.MaxBytes, Exchange.ClientGone(context));
            go = new TaskCompletionSource();
            while (begun < calls.Count)
            {
                calls[begun++].Start(go.Task);
            }
        }
        go.SetResult();
    }

    /// <summary>Fills in what is sent: what is forwarded, what the gateway says, what the code says, then the route's rules.</summary>
    internal void Fill(PendingCall pending, SourceCall call, List<(string Name, string Value)> headers)
    {
        // Calls may begin on several threads, and a request is not for two at once.
        lock (gate)
        {
            route.Fill(context, Exchange, pending.Forward, call, headers);
        }
    }

    internal ValueTask<SourceResult> SendAsync(SourceCall call) => call.SendAsync(Exchange, bounds!);

    /// <summary>A source failed. Returns where something stands in for it, and throws where there will be no answer of the code's.</summary>
    internal void Fail(PendingCall call, SourceFailure failure)
    {
        var ends = false;
        lock (gate)
        {
            call.Failure = failure;
            if (call.Required && !failure.IsGivenUp && Failed is null)
            {
                (Failed, ends) = (call, true);
            }
        }
        if (ends)
        {
            bounds!.Drop();
        }
        if (Failed is { } required)
        {
            throw new SourceException(required.Name, required.Failure!.Reason);
        }
        if (failure.IsGivenUp)
        {
            throw new OperationCanceledException($"The call of the source '{call.Name}' was given up: {(closed ? "the answer was made without it" : "the client has left")}.");
        }
    }

    /// <summary>The code has ended: waits for what the answer needs, and gives up the rest.</summary>
    internal async Task CloseAsync(bool gaveUp)
    {
        Task[] needed, all;
        lock (gate)
        {
            if (closed)
            {
                return;
            }
            closed = true;
            needed = gaveUp ? [] : [.. calls.Where(c => c.Required && c.Task is not null).Select(c => c.Task!)];
            all = [.. calls.Where(c => c.Task is not null).Select(c => c.Task!)];
        }
        await Task.WhenAll(needed).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (bounds is not null)
        {
            if (Array.Exists(all, t => !t.IsCompleted))
            {
                bounds.Drop();
            }
            await Task.WhenAll(all).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            bounds.End();
        }
        route.Tell(this);
    }

    /// <summary>The head of the answer is about to be sent.</summary>
    internal Task SayAsync()
    {
        route.Say(this, context);
        return Task.CompletedTask;
    }

    private void ThrowIfClosed()
    {
        if (closed)
        {
            throw new InvalidOperationException("The request has its answer already; a composer's calls are made and awaited before the delegate returns.");
        }
    }
}
