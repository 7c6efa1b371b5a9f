using Microsoft.AspNetCore.Http;
using Postern.Pipeline;
using Postern.Tests.Harness;
using Postern.Tests.Transforms.Grpc;

namespace Postern.Tests.Upstreams;

/// <summary>gRPC says in a field of an answer with status 200 that a call has failed: in its head where it says nothing else, or behind its messages.</summary>
public sealed class GrpcFailureTests
{
    private readonly SteppedTime time = new();
    private int asked;

    /// <summary>A service that answers every call so, in the head or in trailers.</summary>
    private Task<KestrelUpstream> StartAsync(Func<(int Status, bool AtEnd)> answer, string type = "application/grpc") => KestrelUpstream.StartAsync(http2: true, async context =>
    {
        Interlocked.Increment(ref asked);
        var (status, atEnd) = answer();
        context.Response.ContentType = type;
        if (!atEnd)
        {
            context.Response.Headers["grpc-status"] = $"{status}";
            return;
        }
        await context.Response.Body.WriteAsync(new byte[] { 0, 0, 0, 0, 0 });
        context.Response.AppendTrailer("grpc-status", $"{status}");
    });

    private OneUpstream Of(KestrelUpstream service, string more) => new($"{{ url: \"{service.Url}\", protocol: grpc, {more} }}", time);

    private static UpstreamCall Call(params (string Name, string Value)[] fields)
    {
        var call = new UpstreamCall { Method = HttpMethod.Post };
        call.Fields.Add("Content-Type", "application/grpc");
        foreach (var (name, value) in fields)
        {
            call.Fields.Add(name, value);
        }
        return call;
    }

    private static async Task<bool> OpensAsync(OneUpstream up, params (string Name, string Value)[] fields)
    {
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal("200", await up.CallAsync(Call(fields)));
        }
        return (await up.CallAsync(Call(fields))).StartsWith("UpstreamOpen", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(14, false, true)]
    [InlineData(14, true, true)]
    [InlineData(2, false, true)]
    [InlineData(13, true, true)]
    [InlineData(15, false, true)]
    [InlineData(4, false, true)]
    [InlineData(4, true, true)]
    [InlineData(0, false, false)]
    [InlineData(0, true, false)]
    [InlineData(1, false, false)]
    [InlineData(5, false, false)]
    [InlineData(8, true, false)]
    [InlineData(12, false, false)]
    [InlineData(16, true, false)]
    public async Task A_breaker_opens_where_HTTP_would_have_said_5xx(int status, bool atEnd, bool opens)
    {
        await using var service = await StartAsync(() => (status, atEnd));
        using var up = Of(service, "breaker: 3");
        Assert.Equal(opens, await OpensAsync(up));
    }

    [Theory]
    [InlineData("text/html", false)]
    [InlineData("application/json", true)]
    public async Task The_field_means_nothing_where_the_answer_is_not_gRPC(string type, bool atEnd)
    {
        await using var service = await StartAsync(() => (14, atEnd), type);
        using var up = Of(service, "breaker: 3");
        Assert.False(await OpensAsync(up));
    }

    [Fact]
    public async Task Failures_in_the_head_do_not_hide_those_behind_messages()
    {
        await using var service = await StartAsync(() => (14, asked % 2 == 0));
        using var up = Of(service, "breaker: 3");
        for (var i = 0; i < 6; i++)
        {
            await up.CallAsync(Call());
        }
        Assert.Equal("UpstreamOpen 5", await up.CallAsync(Call()));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_compositions_calls_count_too(bool atEnd)
    {
        await using var service = await StartAsync(() => (14, atEnd));
        using var up = new OneGrpcUpstream(service.Url, ", breaker: 3");
        for (var i = 0; i < 3; i++)
        {
            Assert.StartsWith("503 UNAVAILABLE", await up.CallAsync("{}"), StringComparison.Ordinal);
        }
        Assert.Equal(Failure.UpstreamOpen, (await Assert.ThrowsAsync<UpstreamException>(() => up.CallAsync("{}"))).Failure);
        Assert.Equal(3, asked);
    }

    [Fact]
    public async Task What_counts_is_written_in_the_statuses_of_HTTP()
    {
        await using var service = await StartAsync(() => (8, false));
        using var up = Of(service, "breaker: { failures: 3, on: [429] }");
        Assert.True(await OpensAsync(up));
    }

    [Theory]
    [InlineData("timeout: 3s")]
    [InlineData("timeout: 3s, grpcTimeout: false")]
    public async Task A_time_that_the_client_made_too_short_does_not_count(string own)
    {
        await using var service = await StartAsync(() => (4, false));
        using var up = Of(service, own + ", breaker: 3");
        Assert.False(await OpensAsync(up, ("grpc-timeout", "1m")));
        Assert.True(await OpensAsync(up, ("grpc-timeout", "1H")));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_destination_is_ejected(bool atEnd)
    {
        await using var bad = await StartAsync(() => (14, atEnd));
        await using var good = await KestrelUpstream.StartAsync(http2: true, context =>
        {
            context.Response.Headers["grpc-status"] = "0";
            return Task.CompletedTask;
        });
        using var up = new OneUpstream($"{{ urls: [\"{bad.Url}\", \"{good.Url}\"], protocol: grpc, balance: roundRobin, health: {{ passive: 3 }} }}", time);
        for (var i = 0; i < 20; i++)
        {
            await up.CallAsync(Call());
        }
        Assert.Equal((3, "3 failures in a row"), (asked, up[0].Troubles[0].Why));
    }

    [Fact]
    public async Task A_failure_in_the_head_is_tried_again_where_the_call_may_be()
    {
        await using var service = await StartAsync(() => (asked % 2 == 1 ? 14 : 0, false));
        using var up = Of(service, "retry: { attempts: 2, backoff: 1ms..1ms }");
        Assert.Equal("200", await up.CallAsync(Call(("Idempotency-Key", "1"))));
        Assert.Equal(2, asked);
        Assert.Equal("200", await up.CallAsync(Call()));
        Assert.Equal(3, asked);
    }
}
