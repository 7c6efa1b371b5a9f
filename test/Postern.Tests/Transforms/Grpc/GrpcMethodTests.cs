using System.Buffers.Binary;
using Microsoft.AspNetCore.Http;
using Postern.Pipeline;
using Postern.Tests.Harness;

namespace Postern.Tests.Transforms.Grpc;

/// <summary>Finding methods, and answers as no gRPC library gives them.</summary>
public sealed class GrpcMethodTests
{
    [Theory]
    [InlineData("kinds.Echo/Say", "")]
    [InlineData("kinds.Ecko/Say", "no service 'kinds.Ecko' in %set%; did you mean 'kinds.Echo'? (it has kinds.Echo)")]
    [InlineData("Inventory/Say", "no service 'Inventory' in %set% (it has kinds.Echo)")]
    [InlineData("kinds.Echo/Sag", "no method 'Sag' in kinds.Echo; did you mean 'Say'? (it has Say, Stored, SayOld, SayEdition, Nothing, Watch, Collect, Talk)")]
    [InlineData("kinds.Echo", "a method is written grpc://up/package.Service/Method, got 'kinds.Echo'; %set% has kinds.Echo")]
    [InlineData("kinds.Echo/", "a method is written grpc://up/package.Service/Method, got 'kinds.Echo/'; %set% has kinds.Echo")]
    [InlineData("a/kinds.Echo/Say", "a method is written grpc://up/package.Service/Method, got 'a/kinds.Echo/Say'; %set% has kinds.Echo")]
    [InlineData("", "a method is written grpc://up/package.Service/Method, got ''; %set% has kinds.Echo")]
    [InlineData("kinds.Echo/Watch", "kinds.Echo/Watch streams its answers; only a method with one message each way can be called with JSON")]
    [InlineData("kinds.Echo/Collect", "kinds.Echo/Collect streams its requests; only a method with one message each way can be called with JSON")]
    [InlineData("kinds.Echo/Talk", "kinds.Echo/Talk streams its requests and answers; only a method with one message each way can be called with JSON")]
    public void A_method_is_found_by_its_name(string name, string mistake)
    {
        using var upstream = new OneGrpcUpstream("http://127.0.0.1:1");
        Assert.Equal(mistake.Replace("%set%", Protobuf.Mapping.File), upstream.Mistake(name));
    }

    [Fact]
    public void Without_descriptors_no_method_is_known()
    {
        Assert.False(Postern.Transforms.Grpc.GrpcMethod.TryFind(new UpstreamHandle("stock", null!), new StatePool(), "a.B/C", out _, out var error));
        Assert.Equal("nothing is known of the gRPC services of 'stock'; write protocol: grpc and descriptors: FILE there", error);
    }

    [Fact]
    public void A_field_that_a_message_does_not_have_is_known_beforehand()
    {
        using var upstream = new OneGrpcUpstream("http://127.0.0.1:1", descriptors: Repository.File("samples", "shop", "protos", "shop.binpb"));
        var method = upstream.Find("shop.Inventory/GetStock");
        Assert.Null(method.Mistake("sku"));
        Assert.Equal("shop.GetStockRequest has no field 'skus'; did you mean 'sku'? (it has sku)", method.Mistake("skus"));
    }

    [Fact]
    public async Task What_does_not_fit_is_not_sent()
    {
        using var upstream = new OneGrpcUpstream("http://127.0.0.1:1");
        Assert.Equal("0 OK Input: kinds.All.an_int32: a whole number that fits int32 is needed, got a text", await upstream.CallAsync("""{"anInt32":"many"}"""));
    }

    [Fact]
    public async Task A_call_is_what_gRPC_says_it_is()
    {
        var seen = new TaskCompletionSource<string>();
        await using var server = await KestrelUpstream.StartAsync(http2: true, async context =>
        {
            var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            var fields = string.Join(' ', context.Request.Headers.Where(h => h.Key is "Content-Type" or "TE" or "Accept" or "Accept-Encoding" or "X-Mine").Select(h => $"{h.Key}={h.Value}"));
            seen.TrySetResult($"{context.Request.Method} {context.Request.Path} {fields} {Convert.ToHexStringLower(body.ToArray())}");
            await AnswerAsync(context, Frame(0, [0x4a, 0x01, 0x78]), "0");
        });
        using var upstream = new OneGrpcUpstream(server.Url);
        Assert.Contains("\"aString\":\"x\"", await upstream.CallAsync("""{"anInt32":150}""", field: ("Accept", "application/json")));
        Assert.Equal("POST /kinds.Echo/Say Content-Type=application/grpc TE=trailers 0000000003289601", await seen.Task);
    }

    public static TheoryData<string, string, string, string> Wrong => new()
    {
        // What comes, the status in its trailers, the field of its head, what is made of it.
        { "0000000000", "0", "", "{" },
        { "000000000328960100", "0", "", "502 INTERNAL Invalid: the answer has more than one message" },
        { "00000000000000000000", "0", "", "502 INTERNAL Invalid: the answer has more than one message" },
        { "0100000000", "0", "", "502 INTERNAL Invalid: the answer is compressed, although that wasn't asked for" },
        { "000000", "0", "", "502 INTERNAL Invalid: the answer's message breaks off" },
        { "00000000032896", "0", "", "502 INTERNAL Invalid: the answer's message breaks off" },
        { "00ffffffff00", "0", "", "502 INTERNAL TooLarge: the answer has 4294967295 bytes, more than may be" },
        { "", "0", "", "502 INTERNAL Invalid: the answer has no message" },
        { "0000000000", "", "", "502 INTERNAL Invalid: the answer has no grpc-status" },
        { "", "", "", "502 INTERNAL Invalid: the answer has no grpc-status" },
        { "00000000022896", "0", "", "502 INTERNAL Invalid: kinds.All: malformed" },
        { "", "99", "", "500 UNKNOWN None: UNKNOWN" },
        { "", "-1", "", "500 UNKNOWN None: UNKNOWN" },
        { "", "x", "", "500 UNKNOWN None: UNKNOWN" },
        { "0000000000", "5", "", "404 NOT_FOUND None: NOT_FOUND" },
        { "", "", "5", "404 NOT_FOUND None: NOT_FOUND" },
        { "", "", "0", "502 INTERNAL Invalid: the answer has no message" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public async Task An_answer_is_what_it_should_be_or_a_fault(string hex, string trailer, string head, string made)
    {
        await using var server = await KestrelUpstream.StartAsync(http2: true, context =>
        {
            if (head.Length > 0)
            {
                context.Response.Headers["grpc-status"] = head;
            }
            return AnswerAsync(context, Convert.FromHexString(hex), trailer);
        });
        using var upstream = new OneGrpcUpstream(server.Url);
        Assert.StartsWith(made, await upstream.CallAsync("{}"));
    }

    [Theory]
    [InlineData(503, "503 UNAVAILABLE None: the upstream answered 503 instead of gRPC")]
    [InlineData(404, "404 UNIMPLEMENTED None: the upstream answered 404 instead of gRPC")]
    [InlineData(401, "401 UNAUTHENTICATED None: the upstream answered 401 instead of gRPC")]
    [InlineData(200, "502 INTERNAL Invalid: the answer is compressed, although that wasn't asked for")]
    public async Task An_answer_that_is_not_gRPC_keeps_its_status(int status, string made)
    {
        await using var server = await KestrelUpstream.StartAsync(http2: true, context =>
        {
            context.Response.StatusCode = status;
            return context.Response.WriteAsync("<h1>Sorry</h1>");
        });
        using var upstream = new OneGrpcUpstream(server.Url);
        Assert.Equal(made, await upstream.CallAsync("{}"));
    }

    [Fact]
    public async Task What_the_server_says_of_a_failure_is_bounded_and_read_as_it_is_written()
    {
        await using var server = await KestrelUpstream.StartAsync(http2: true, context =>
        {
            context.Response.Headers["grpc-status"] = "3";
            context.Response.Headers["grpc-message"] = "%C3%A9 %zz %4" + new string('y', 5000);
            return Task.CompletedTask;
        });
        using var upstream = new OneGrpcUpstream(server.Url);
        var said = await upstream.CallAsync("{}");
        Assert.StartsWith("400 INVALID_ARGUMENT None: INVALID_ARGUMENT: é %zz %4yyy", said);
        Assert.InRange(said.Length, 1000, 1100);
    }

    [Fact]
    public async Task Much_JSON_of_few_bytes_is_too_large()
    {
        await using var server = await KestrelUpstream.StartAsync(http2: true, context =>
            AnswerAsync(context, Frame(0, [.. Enumerable.Repeat(new byte[] { 0x0a, 0x00 }, 30_000).SelectMany(b => b)]), "0"));
        using var upstream = new OneGrpcUpstream(server.Url);
        Assert.Equal("502 INTERNAL TooLarge: the answer has more bytes as JSON than may be", await upstream.CallAsync("{}", "kinds.Echo/Stored"));
    }

    [Fact]
    public async Task An_answer_that_breaks_off_is_the_upstreams_failure()
    {
        await using var server = await KestrelUpstream.StartAsync(http2: true, async context =>
        {
            await context.Response.Body.WriteAsync(new byte[] { 0, 0, 0, 0, 9, 1 });
            await context.Response.Body.FlushAsync();
            context.Abort();
        });
        using var upstream = new OneGrpcUpstream(server.Url);
        Assert.Equal(Failure.UpstreamBroken, (await Assert.ThrowsAsync<UpstreamException>(() => upstream.CallAsync("{}"))).Failure);
    }

    private static byte[] Frame(byte flag, byte[] message)
    {
        var frame = new byte[message.Length + 5];
        frame[0] = flag;
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(1), (uint)message.Length);
        message.CopyTo(frame, 5);
        return frame;
    }

    private static async Task AnswerAsync(HttpContext context, byte[] body, string status)
    {
        context.Response.ContentType = "application/grpc";
        if (body.Length > 0)
        {
            await context.Response.Body.WriteAsync(body);
        }
        if (status.Length > 0)
        {
            context.Response.AppendTrailer("grpc-status", status);
        }
    }
}
