using System.Text.Json;
using Postern.Pipeline;
using Postern.Tests.Harness;

namespace Postern.Tests.Transforms.Grpc;

/// <summary>Calls of a server that others wrote (@grpc/grpc-js).</summary>
public sealed class GrpcPeerTests
{
    [Fact]
    public async Task A_message_comes_back_as_it_was_sent()
    {
        await using var peer = await StartAsync();
        using var upstream = new OneGrpcUpstream(peer.Url);
        using var answer = JsonDocument.Parse(await upstream.CallAsync("""{"anInt64":"9007199254740993","texts":["a","é😀"],"byName":{"x":1},"at":"2026-11-22T10:00:00.5Z","maybe":0}"""));
        Assert.Equal("9007199254740993", answer.RootElement.GetProperty("anInt64").GetString());
        Assert.Equal("é😀", answer.RootElement.GetProperty("texts")[1].GetString());
        Assert.Equal(1, answer.RootElement.GetProperty("byName").GetProperty("x").GetInt32());
        Assert.Equal("2026-11-22T10:00:00.500Z", answer.RootElement.GetProperty("at").GetString());
        Assert.Equal(0, answer.RootElement.GetProperty("maybe").GetInt32());
        Assert.Contains("""postern_grpc_calls_total{upstream="up",method="kinds.Echo/Say",status="OK"} 1""", upstream.Metrics);
    }

    [Fact]
    public async Task A_message_without_fields_needs_nothing()
    {
        await using var peer = await StartAsync();
        using var upstream = new OneGrpcUpstream(peer.Url);
        Assert.Equal("{}", await upstream.CallAsync("null", "kinds.Echo/Nothing"));
        Assert.Equal("{}", await upstream.CallAsync("{}", "kinds.Echo/Nothing"));
    }

    [Fact]
    public async Task Large_messages_pass_up_to_the_bound()
    {
        await using var peer = await StartAsync();
        using var upstream = new OneGrpcUpstream(peer.Url);
        using var answer = JsonDocument.Parse(await upstream.CallAsync("""{"aString":"large 900000"}"""));
        Assert.Equal(900_000, answer.RootElement.GetProperty("aString").GetString()!.Length);
        Assert.StartsWith("502 INTERNAL TooLarge: the answer has 2000", await upstream.CallAsync("""{"aString":"large 2000000"}"""));
        var sent = new string('x', 500_000);
        using var back = JsonDocument.Parse(await upstream.CallAsync($$"""{"aString":"{{sent}}"}"""));
        Assert.Equal(sent, back.RootElement.GetProperty("aString").GetString());
    }

    [Fact]
    public async Task A_failure_has_its_status_wherever_it_stands()
    {
        string[] statuses =
        [
            "499 CANCELLED", "500 UNKNOWN", "400 INVALID_ARGUMENT", "504 DEADLINE_EXCEEDED", "404 NOT_FOUND", "409 ALREADY_EXISTS", "403 PERMISSION_DENIED", "429 RESOURCE_EXHAUSTED",
            "400 FAILED_PRECONDITION", "409 ABORTED", "400 OUT_OF_RANGE", "501 UNIMPLEMENTED", "500 INTERNAL", "503 UNAVAILABLE", "500 DATA_LOSS", "401 UNAUTHENTICATED",
        ];
        await using var peer = await StartAsync();
        using var upstream = new OneGrpcUpstream(peer.Url);
        for (var i = 0; i < statuses.Length; i++)
        {
            var (meant, name) = (statuses[i], statuses[i][4..]);
            Assert.Equal($"{meant} None: {name}: no such thing, é 100%", await upstream.CallAsync($$"""{"aString":"fail {{i + 1}} no such thing, é 100%"}"""));
            Assert.Equal($"{meant} None: {name}: x", await upstream.CallAsync($$"""{"aString":"head {{i + 1}} x"}"""));
            Assert.Contains($$"""method="kinds.Echo/Say",status="{{name}}"} 2""", upstream.Metrics);
        }
    }

    [Fact]
    public async Task Fields_are_metadata()
    {
        await using var peer = await StartAsync();
        using var upstream = new OneGrpcUpstream(peer.Url);
        using var answer = JsonDocument.Parse(await upstream.CallAsync("""{"aString":"meta x-user-id"}""", field: ("X-User-Id", "usr_1")));
        Assert.Equal("usr_1", answer.RootElement.GetProperty("aString").GetString());
    }

    [Fact]
    public async Task The_server_is_told_how_much_time_there_is()
    {
        await using var peer = await StartAsync();
        using var upstream = new OneGrpcUpstream(peer.Url);
        using var answer = JsonDocument.Parse(await upstream.CallAsync("""{"aString":"deadline"}""", timeout: TimeSpan.FromSeconds(7)));
        Assert.InRange(int.Parse(answer.RootElement.GetProperty("aString").GetString()!), 1, 7000);
    }

    [Fact]
    public async Task A_call_that_is_given_up_is_cancelled_there()
    {
        await using var peer = await StartAsync();
        using var upstream = new OneGrpcUpstream(peer.Url);
        using var client = new CancellationTokenSource();
        var call = upstream.CallAsync("""{"aString":"wait"}""", cancel: client.Token);
        Assert.True((await peer.NextAsync()).GetProperty("waits").GetBoolean());
        await client.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        Assert.True((await peer.NextAsync()).GetProperty("cancelled").GetBoolean());
    }

    [Fact]
    public async Task One_that_takes_too_long_is_a_timeout_and_one_that_nobody_takes_is_unreachable()
    {
        await using var peer = await StartAsync();
        using var upstream = new OneGrpcUpstream(peer.Url, ", breaker: { failures: 2 }");
        // The server may see the end of its time before this side does.
        var late = await Record.ExceptionAsync(() => upstream.CallAsync("""{"aString":"wait"}""", timeout: TimeSpan.FromMilliseconds(300)));
        Assert.True(late is null or UpstreamException { Failure: Failure.UpstreamTimeout }, late?.ToString());
        await peer.KillAsync();
        for (var i = 0; i < 2; i++)
        {
            Assert.Contains((await Assert.ThrowsAsync<UpstreamException>(() => upstream.CallAsync("{}"))).Failure, new[] { Failure.UpstreamUnreachable, Failure.UpstreamGone, Failure.UpstreamOpen });
        }
        Assert.Equal(Failure.UpstreamOpen, (await Assert.ThrowsAsync<UpstreamException>(() => upstream.CallAsync("{}"))).Failure);
    }

    [Fact]
    public async Task A_method_that_the_server_does_not_have_is_501()
    {
        await using var peer = await StartAsync();
        using var upstream = new OneGrpcUpstream(peer.Url, descriptors: Repository.File("samples", "shop", "protos", "shop.binpb"));
        Assert.StartsWith("501 UNIMPLEMENTED", await upstream.CallAsync("""{"sku":"x"}""", "shop.Inventory/GetStock"));
    }

    [Fact]
    public async Task Methods_of_older_files_and_of_editions_pass_too()
    {
        await using var peer = await StartAsync();
        using var upstream = new OneGrpcUpstream(peer.Url);
        Assert.Equal("""{"id":"a","numbers":[1],"packed":[2],"detail":{"note":"n"},"part":[{"weight":3}],"sparse":[]}""",
            await upstream.CallAsync("""{"id":"a","numbers":[1],"packed":[2],"detail":{"note":"n"},"part":[{"weight":3}]}""", "kinds.Echo/SayOld"));
        Assert.Equal("""{"implicit":"","needed":"","packed":[1,2],"expanded":[3],"part":{"name":"p"},"parts":{"a":{"name":"q"}}}""",
            await upstream.CallAsync("""{"needed":"","packed":[1,2],"expanded":[3],"part":{"name":"p"},"parts":{"a":{"name":"q"}}}""", "kinds.Echo/SayEdition"));
    }

    private static Task<GrpcService> StartAsync()
    {
        Assert.SkipWhen(GrpcService.Missing is not null, GrpcService.Missing ?? "");
        return GrpcService.StartAsync();
    }
}
