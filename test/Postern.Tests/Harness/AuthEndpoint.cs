using System.Collections.Concurrent;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace Postern.Tests.Harness;

/// <summary>
/// One endpoint of the authorization server in a test: counts who asks, and answers as it should, late, or with a lie.
/// </summary>
internal sealed class AuthEndpoint(RequestDelegate honest)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<TaskCompletionSource, int> awaited = [];
    private TaskCompletionSource? held;
    private int requests;
    private int aborted;

    /// <summary>Requests that came so far, whatever they were answered.</summary>
    public int Requests => Volatile.Read(ref requests);

    /// <summary>Requests that whoever asked gave up.</summary>
    public int Aborted => Volatile.Read(ref aborted);

    /// <summary>What is answered instead of the truth; null for the truth.</summary>
    public RequestDelegate? Instead { get; set; }

    /// <summary>The header fields of the last request.</summary>
    public IHeaderDictionary? LastHeaders { get; private set; }

    /// <summary>Done when so many requests have come since the start.</summary>
    public async Task UntilAsync(int count)
    {
        var come = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        awaited[come] = count;
        if (Requests < count)
        {
            await come.Task.WaitAsync(Patience);
        }
        awaited.TryRemove(come, out _);
    }

    /// <summary>From now on requests wait for <see cref="Release"/> before they are answered.</summary>
    public void Hold() => held ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Answers all that wait, and those to come at once.</summary>
    public void Release() => Interlocked.Exchange(ref held, null)?.TrySetResult();

    /// <summary>From now on the answer is that status, without a body.</summary>
    public void Fail(int status = 500) => Instead = context =>
    {
        context.Response.StatusCode = status;
        return Task.CompletedTask;
    };

    /// <summary>From now on the answer is 200 with this text.</summary>
    public void Say(string text, string mediaType = "application/json") => Instead = context => WriteAsync(context, Encoding.UTF8.GetBytes(text), mediaType);

    /// <summary>From now on the answer is 200 with this JSON.</summary>
    public void Say(JsonNode json) => Say(json.ToJsonString());

    /// <summary>From now on the answer is a page for people, as a captive portal or a maintenance page has it.</summary>
    public void SayHtml() => Say("<!doctype html><title>Down for maintenance</title>", "text/html");

    /// <summary>From now on the answer is that redirect; what it leads to is up to the test.</summary>
    public void Redirect(string location, int status = 302) => Instead = context =>
    {
        context.Response.StatusCode = status;
        context.Response.Headers.Location = location;
        return Task.CompletedTask;
    };

    /// <summary>From now on the answer is white space without end, in chunks.</summary>
    public void Flood() => Instead = async context =>
    {
        var much = Encoding.ASCII.GetBytes(new string(' ', 16 * 1024));
        context.Response.ContentType = "application/json";
        while (!context.RequestAborted.IsCancellationRequested)
        {
            await context.Response.Body.WriteAsync(much, context.RequestAborted);
        }
    };

    /// <summary>From now on the answer begins and never ends.</summary>
    public void Stall() => Instead = async context =>
    {
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync("{", context.RequestAborted);
        await context.Response.Body.FlushAsync(context.RequestAborted);
        await new TaskCompletionSource().Task.WaitAsync(context.RequestAborted);
    };

    /// <summary>From now on it tells the truth.</summary>
    public void Recover() => Instead = null;

    internal async Task AnswerAsync(HttpContext context)
    {
        LastHeaders = new HeaderDictionary(context.Request.Headers.ToDictionary(h => h.Key, h => h.Value, StringComparer.OrdinalIgnoreCase));
        using var left = context.RequestAborted.UnsafeRegister(_ => Interlocked.Increment(ref aborted), null);
        var count = Interlocked.Increment(ref requests);
        foreach (var (come, until) in awaited)
        {
            if (count >= until)
            {
                come.TrySetResult();
            }
        }
        if (held is { } wait)
        {
            await wait.Task.WaitAsync(context.RequestAborted);
        }
        await (Instead ?? honest)(context);
    }

    internal static Task WriteAsync(HttpContext context, byte[] body, string mediaType = "application/json")
    {
        context.Response.ContentType = mediaType;
        context.Response.ContentLength = body.Length;
        return context.Response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }

    internal static Task WriteAsync(HttpContext context, JsonNode json) => WriteAsync(context, Encoding.UTF8.GetBytes(json.ToJsonString()));
}
