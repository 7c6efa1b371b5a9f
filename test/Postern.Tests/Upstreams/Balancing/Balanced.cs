using Microsoft.Extensions.Logging.Abstractions;
using Postern.Config;
using Postern.Pipeline;
using Postern.Upstreams;
using Postern.Upstreams.Balancing;
using Postern.Upstreams.Forwarding;
using Postern.Wire;

namespace Postern.Tests.Upstreams.Balancing;

/// <summary>One upstream's destinations and the handler that picks among them; what it forwards to is the test's.</summary>
internal sealed class Balanced : IDisposable
{
    private readonly StatePool state;
    private readonly HttpMessageInvoker chain;

    private Balanced(StatePool state, DestinationSet set, HttpMessageHandler handler) => (this.state, Set, chain) = (state, set, new HttpMessageInvoker(handler));

    public DestinationSet Set { get; }

    /// <summary>What becomes of a call; an answer of 200 where nothing is said.</summary>
    public Func<UpstreamCall, Task<HttpResponseMessage>> Next { get; set; } = _ => Task.FromResult<HttpResponseMessage>(new EmptyReply());

    /// <summary>An upstream of those URLs.</summary>
    public static Balanced Of(params string[] urls) => Of(u => u.Set<ForwardingOptions>(o => o with { Urls = [.. urls.Select(u => new DestinationOptions { Url = u })] }));

    /// <summary>An upstream as its builder makes it; with the state of another, it is that one after a reload.</summary>
    public static Balanced Of(Action<UpstreamBuilder> build, TimeProvider? time = null, Balanced? before = null)
    {
        var upstream = new UpstreamConfig("up");
        build(new UpstreamBuilder(upstream));
        var (state, check) = (before?.state ?? new StatePool(), new Check());
        var scope = new UpstreamScope(new GatewayConfig(), upstream, state, check);
        var end = new End();
        var handler = new BalancingHandler.Feature().Compile(scope, end);
        Assert.Empty(check.Problems);
        state.Start(time ?? TimeProvider.System, NullLogger.Instance);
        state.Commit();
        var made = new Balanced(state, state.Live<DestinationSet>().Single(), handler);
        end.Next = call => made.Next(call);
        return made;
    }

    public async Task<UpstreamReply> SendAsync(UpstreamCall? call = null)
    {
        call ??= new UpstreamCall();
        try
        {
            return (UpstreamReply)await chain.SendAsync(call, TestContext.Current.CancellationToken);
        }
        catch (Exception e)
        {
            call.Settle(null, e);
            throw;
        }
    }

    /// <summary>Which destination a call goes to; it ends at once.</summary>
    public async Task<string> PickAsync(UpstreamCall? call = null)
    {
        call ??= new UpstreamCall();
        var reply = await SendAsync(call);
        call.Settle(reply);
        await reply.FinishAsync();
        return call.DestinationName!;
    }

    /// <summary>How many of so many calls, one after the other, each destination gets.</summary>
    public async Task<Dictionary<string, int>> CountAsync(int calls, Func<int, UpstreamCall>? make = null)
    {
        var counts = new Dictionary<string, int>();
        for (var i = 0; i < calls; i++)
        {
            var name = await PickAsync(make?.Invoke(i));
            counts[name] = counts.GetValueOrDefault(name) + 1;
        }
        return counts;
    }

    /// <summary>A call with one header field, from a client at an address.</summary>
    public static UpstreamCall Call(string name, string value, string address = "10.1.1.1")
    {
        var call = new UpstreamCall { Exchange = new Exchange { ClientAddress = address } };
        call.Fields.Add(name, value);
        return call;
    }

    public void Dispose()
    {
        state.Commit();
        chain.Dispose();
    }

    private sealed class End : HttpMessageHandler
    {
        public Func<UpstreamCall, Task<HttpResponseMessage>> Next { get; set; } = null!;

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) => Next((UpstreamCall)request);
    }
}

/// <summary>An answer without a body.</summary>
internal sealed class EmptyReply : UpstreamReply
{
    public EmptyReply() => Fields = new FieldList();

    public override ValueTask<ReadOnlyMemory<byte>> ReadAsync() => default;
}
