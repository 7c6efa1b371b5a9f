using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Postern.Edge.Guarding;
using Postern.Pipeline.Telemetry;

namespace Postern.Tests.Edge.Guarding;

public sealed class GuardStageTests
{
    private readonly OneRoute route = new();
    private int passed;

    [Fact]
    public async Task An_ordinary_request_passes_unchanged()
    {
        var context = await Send(("Host", ["api.example"]), ("Accept", ["*/*"]), ("X-Odd", ["a\tb", "ä"]), ("User-Agent", [""]));
        Assert.Equal(1, passed);
        Assert.Equal(4, context.Request.Headers.Count);
    }

    [Theory]
    [InlineData("a\0b")]
    [InlineData("a\rb")]
    [InlineData("a\nX-Admin: 1")]
    [InlineData("\u0001")]
    [InlineData("\u001f")]
    [InlineData("a\u007f")]
    public async Task A_control_character_in_any_value_is_refused(string value)
    {
        await Refused(400, "bad-request", ("X-A", ["fine"]), ("X-B", ["fine", value]));
        await Refused(400, "bad-request", ("User-Agent", [value]));
    }

    [Theory]
    [InlineData("X A")]
    [InlineData("X:A")]
    [InlineData("X\0")]
    [InlineData("X_(A)")]
    [InlineData("Ä")]
    public Task A_name_that_is_no_token_is_refused(string name) => Refused(400, "bad-request", (name, ["1"]));

    [Fact]
    public async Task Both_ways_to_say_the_length_are_refused()
    {
        await Refused(400, "bad-request", ("Transfer-Encoding", ["chunked"]), ("Content-Length", ["5"]));
        await Refused(400, "bad-request", ("Transfer-Encoding", ["chunked"]), ("x-content-length", ["5"]));
        await Send(("X-Content-Length", ["5"]));
        Assert.Equal(1, passed);
    }

    [Theory]
    [InlineData("gzip, chunked")]
    [InlineData("chunked, chunked")]
    [InlineData("gzip")]
    [InlineData("identity")]
    [InlineData("xchunked")]
    [InlineData("")]
    public Task Only_chunked_is_a_transfer_encoding(string encoding) => Refused(400, "bad-request", ("Transfer-Encoding", [encoding]));

    [Fact]
    public async Task Chunked_passes_in_any_case_but_only_once()
    {
        await Send(("Transfer-Encoding", ["Chunked"]));
        Assert.Equal(1, passed);
        await Refused(400, "bad-request", ("Transfer-Encoding", ["chunked", "chunked"]));
    }

    [Theory]
    [InlineData("HTTP/1.0")]
    [InlineData("HTTP/2")]
    public async Task Chunked_is_refused_outside_HTTP_1_1(string protocol)
    {
        var context = OneRoute.Request(headers: ("Transfer-Encoding", ["chunked"]));
        context.Request.Protocol = protocol;
        await Compile()(context);
        Assert.Equal(400, context.Response.StatusCode);
    }

    [Theory]
    [InlineData("Authorization")]
    [InlineData("Content-Type")]
    public Task Two_of_what_there_is_one_of_are_refused(string name) => Refused(400, "bad-request", (name, ["a", "b"]));

    [Fact]
    public async Task Names_with_an_underscore_are_dropped_and_counted()
    {
        var context = await Send(("X_User", ["root"]), ("X-User", ["me"]), ("_", ["a", "b"]), ("Content_Length", ["9"]));
        Assert.Equal(1, passed);
        Assert.Equal(["X-User"], context.Request.Headers.Keys);
        Assert.Equal(4, MetricRegistry.Of(route.State).Counter("postern_request_underscore_headers_dropped_total", "").Value);
    }

    [Fact]
    public async Task The_eighth_return_of_a_request_is_its_last()
    {
        await Send(("Via", ["1.1 postern, 1.1 postern, 1.1 other, 1.1 postern", "2 postern,1.1 postern,1.1 postern,1.1 postern"]));
        Assert.Equal(1, passed);
        await Refused(508, "loop-detected", ("Via", ["1.1 postern, 1.1 postern, 1.1 postern, 1.1 postern", "2 postern,1.1 postern,1.1 postern,1.1 postern"]));
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(1000, true)]
    [InlineData(1001, false)]
    [InlineData(long.MaxValue, false)]
    public async Task A_body_known_to_be_too_large_is_refused_unread(long length, bool passes)
    {
        route.Route.Sections.Set<GuardOptions>(o => o with { MaxBody = 1000 });
        var context = OneRoute.Request("POST", headers: ("Content-Length", [length.ToString()]));
        context.Request.Body = new Unreadable();
        await Compile()(context);
        Assert.Equal(passes ? 1 : 0, passed);
        Assert.Equal(passes ? 200 : 413, context.Response.StatusCode);
    }

    [Fact]
    public async Task A_body_of_unknown_length_is_bounded_while_it_is_read()
    {
        route.Gate.Sections.Set<GuardOptions>(o => o with { MaxBody = 1000 });
        var bound = new Bound { MaxRequestBodySize = 30_000_000 };
        await Send(bound, "HTTP/1.1", ("Transfer-Encoding", ["chunked"]));
        // The server counts what frames the chunks, too.
        Assert.InRange(bound.MaxRequestBodySize!.Value, 6000, 10_000);

        bound = new Bound { MaxRequestBodySize = 30_000_000 };
        await Send(bound, "HTTP/2");
        Assert.Equal(1000, bound.MaxRequestBodySize);
    }

    [Fact]
    public async Task Without_a_bound_even_the_servers_own_is_lifted()
    {
        route.Route.Sections.Off.Add("maxBody");
        var bound = new Bound { MaxRequestBodySize = 30_000_000 };
        await Send(bound, "HTTP/1.1", ("Content-Length", ["99999999999"]));
        Assert.Null(bound.MaxRequestBodySize);
        Assert.Equal(1, passed);
    }

    [Fact]
    public async Task A_bound_that_can_no_longer_be_set_is_left_alone()
    {
        var bound = new Bound { MaxRequestBodySize = 5, IsReadOnly = true };
        await Send(bound, "HTTP/1.1", ("Transfer-Encoding", ["chunked"]));
        Assert.Equal(5, bound.MaxRequestBodySize);
        Assert.Equal(1, passed);
    }

    [Fact]
    public void Explain_names_the_bound()
    {
        var scope = route.Scope();
        new GuardStage().Compile(scope, _ => Task.CompletedTask);
        Assert.Equal("maxBody 10MB", Assert.Single(scope.Notes).What(OneRoute.Request()));
        route.Route.Sections.Off.Add("maxBody");
        scope = route.Scope();
        new GuardStage().Compile(scope, _ => Task.CompletedTask);
        Assert.Equal("maxBody off", Assert.Single(scope.Notes).What(OneRoute.Request()));
    }

    private RequestDelegate Compile() => route.Compile(new GuardStage(), _ =>
    {
        passed++;
        return Task.CompletedTask;
    });

    private async Task<HttpContext> Send(params (string, string[])[] headers)
    {
        var context = OneRoute.Request(headers: headers);
        await Compile()(context);
        return context;
    }

    private async Task Send(Bound bound, string protocol, params (string, string[])[] headers)
    {
        var context = OneRoute.Request("POST", headers: headers);
        context.Request.Protocol = protocol;
        context.Features.Set<IHttpMaxRequestBodySizeFeature>(bound);
        await Compile()(context);
    }

    private async Task Refused(int status, string code, params (string, string[])[] headers)
    {
        var before = passed;
        var context = await Send(headers);
        Assert.Equal(before, passed);
        Assert.Equal(status, context.Response.StatusCode);
        Assert.Equal("application/problem+json", context.Response.ContentType);
        Assert.Equal(code, JsonDocument.Parse(OneRoute.Body(context)).RootElement.GetProperty("code").GetString());
    }

    private sealed class Bound : IHttpMaxRequestBodySizeFeature
    {
        public bool IsReadOnly { get; init; }

        public long? MaxRequestBodySize { get; set; }
    }

    private sealed class Unreadable : MemoryStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => throw new InvalidOperationException();

        public override int Read(byte[] buffer, int offset, int count) => throw new InvalidOperationException();
    }
}
