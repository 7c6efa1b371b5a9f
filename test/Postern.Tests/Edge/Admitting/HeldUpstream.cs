using System.Threading.Channels;
using Microsoft.AspNetCore.Http;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.Admitting;

/// <summary>An upstream that answers a request when a test says so.</summary>
internal sealed class HeldUpstream : IAsyncDisposable
{
    private readonly Channel<Arrival> arrivals = Channel.CreateUnbounded<Arrival>();
    private KestrelUpstream server = null!;

    public string Url => server.Url;

    public static async Task<HeldUpstream> StartAsync()
    {
        var upstream = new HeldUpstream();
        upstream.server = await KestrelUpstream.StartAsync(http2: false, async context =>
        {
            var arrival = new Arrival(context.Request.Path);
            upstream.arrivals.Writer.TryWrite(arrival);
            await context.Response.WriteAsync(await arrival.Answered.WaitAsync(context.RequestAborted));
        });
        return upstream;
    }

    /// <summary>The next request that comes.</summary>
    public async Task<Arrival> NextAsync() => await arrivals.Reader.ReadAsync().AsTask().WaitAsync(TestGateway.Patience);

    /// <summary>Whether one has come that nobody has asked for.</summary>
    public bool HasNext => arrivals.Reader.TryPeek(out _);

    public ValueTask DisposeAsync() => server.DisposeAsync();
}

/// <summary>A request that waits for its answer.</summary>
internal sealed class Arrival(string path)
{
    private readonly TaskCompletionSource<string> answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public string Path => path;

    public Task<string> Answered => answer.Task;

    public void Answer(string body = "done") => answer.SetResult(body);
}
