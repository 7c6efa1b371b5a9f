using System.IO.Pipelines;
using System.Text;
using Postern.Pipeline;
using Postern.Tests.Harness;

namespace Postern.Tests.Upstreams.Forwarding;

/// <summary>Everything at once: no call ever gets another's answer, and no connection or place is lost.</summary>
public sealed class ChaosTests
{
    private const int MaxConnections = 6;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Each_call_gets_its_own_answer_or_a_failure(int seed)
    {
        await using var upstream = ScriptedUpstream.Serving(connection => MisbehaveAsync(connection, new Random(Interlocked.Increment(ref seed))));
        using var caller = new Caller(upstream.Url, maxConnections: MaxConnections);
        var answered = 0;
        await Task.WhenAll(Enumerable.Range(0, 12).Select(worker => Task.Run(async () =>
        {
            var random = new Random(seed * 100 + worker);
            for (var i = 0; i < 60; i++)
            {
                using var cancel = new CancellationTokenSource();
                try
                {
                    await CallAsync(caller, $"w{worker}-{i}", random, cancel);
                    Interlocked.Increment(ref answered);
                }
                catch (Exception e) when (e is UpstreamException { Failure: Failure.UpstreamGone or Failure.UpstreamBroken } or OperationCanceledException)
                {
                    // What this upstream and this caller ask for.
                }
            }
        }))).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.InRange(answered, 250, int.MaxValue);

        // Every place must still be there: so many calls at once get through.
        var last = new List<UpstreamReply>();
        for (var i = 0; i < MaxConnections; i++)
        {
            last.Add(await caller.SendAsync(caller.Call(target: "/calm")));
        }
        foreach (var reply in last)
        {
            await reply.FinishAsync();
        }
    }

    private static async Task CallAsync(Caller caller, string id, Random random, CancellationTokenSource cancel)
    {
        var method = random.Next(3) switch { 0 => "POST", 1 => "PUT", _ => "GET" };
        var call = caller.Call(method, "/" + id);
        var pipe = new Pipe();
        var content = new string('c', random.Next(70_000));
        var writing = Task.CompletedTask;
        if (method != "GET")
        {
            (call.Body, call.BodyLength) = (pipe.Reader, random.Next(2) == 0 ? null : content.Length);
            writing = Task.Run(async () =>
            {
                await pipe.Writer.WriteAsync(Encoding.ASCII.GetBytes(content[..(content.Length / 2)]));
                await pipe.Writer.WriteAsync(Encoding.ASCII.GetBytes(content[(content.Length / 2)..]));
                await pipe.Writer.CompleteAsync();
            });
        }
        if (random.Next(8) == 0)
        {
            cancel.CancelAfter(random.Next(3));
        }
        try
        {
            var reply = await caller.SendAsync(call, cancel.Token);
            try
            {
                var text = random.Next(10) == 0 ? "" : await Caller.TextAsync(reply);
                Assert.True(text.Length == 0 || text.StartsWith($"/{id} ", StringComparison.Ordinal), $"{id} got {text[..Math.Min(30, text.Length)]}");
            }
            finally
            {
                await reply.FinishAsync();
            }
        }
        finally
        {
            await pipe.Reader.CompleteAsync();   // throws if the call still read it
            await writing;
        }
    }

    private static async Task MisbehaveAsync(ScriptedConnection connection, Random random)
    {
        while (await connection.ReadHeadAsync() is { Length: > 0 } head)
        {
            var target = head.Split(' ')[1];
            var act = target == "/calm" ? 9 : random.Next(10);
            if (act == 0)
            {
                connection.Close();
                return;
            }
            if (act != 1)   // 1: answers before the body
            {
                await connection.ReadBodyAsync(head);
            }
            var body = target + " " + new string('x', random.Next(30_000));
            var chunked = random.Next(2) == 0;
            await connection.WriteAsync("HTTP/1.1 200 OK\r\n" + (chunked ? $"Transfer-Encoding: chunked\r\n\r\n{body.Length:x}\r\n" : $"Content-Length: {body.Length}\r\n\r\n"));
            switch (act)
            {
                case 1 or 2:
                    await connection.WriteAsync(body[..(body.Length / 2)]);
                    connection.Reset();
                    return;
                case 3:
                    await connection.WriteAsync(body[..(body.Length / 2)]);
                    connection.Close();
                    return;
                default:
                    await connection.WriteAsync(body + (chunked ? "\r\n0\r\n\r\n" : ""));
                    break;
            }
            if (act == 4)
            {
                connection.Close();
                return;
            }
        }
    }
}
