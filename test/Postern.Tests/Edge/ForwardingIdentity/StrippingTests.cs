using System.Collections.Concurrent;
using System.Net;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using Postern.Tests.Harness;
using Postern.Tests.Server;

namespace Postern.Tests.Edge.ForwardingIdentity;

/// <summary>
/// Whatever a client says under the names by which upstreams are told who calls, in whichever spelling, over whichever
/// transport, on whichever route: upstreams read the gateway's word or none. Compared are the bytes that the upstream got.
/// </summary>
public sealed class StrippingTests
{
    private const string Evil = "evil";

    private static readonly string[] Names = ["X-User-Id", "X-User-Roles", "X-Token", "X-Postern-Identity", "X-Never-There"];

    /// <summary>Fields that all mean one name to some server.</summary>
    private static readonly Func<string, string>[] Spellings =
    [
        name => $"{name}: {Evil}",
        name => $"{name.ToLowerInvariant()}: {Evil}",
        name => $"{name.ToUpperInvariant()}: {Evil}",
        name => $"{Alternate(name)}: {Evil}",
        name => $"{name.Replace('-', '_')}: {Evil}",
        name => $"{name[..2]}{name[2..].Replace('-', '_')}: {Evil}",
        name => $"{name.ToLowerInvariant().Replace('-', '_')}: {Evil}",
        name => $"{name}: {Evil}\r\n{name}: {Evil}2\r\n{name.ToLowerInvariant()}: {Evil}3",
        name => $"{name}: \r\n{name}: {Evil}",
        name => $"{name}:{Evil}\r\n{name.Replace('-', '_')}:\t{Evil}",
        name => $"Connection: {name}\r\n{name}: {Evil}",
        name => $"Connection: keep-alive, {name.ToUpperInvariant()}",
        name => $"Connection: close\r\nConnection: {name}, {name}\r\n{name}: {Evil}",
        name => $"Trailer: {name}\r\n{name}: {Evil}",
        name => $"Keep-Alive: {name}\r\nX-Keep: {name}: {Evil}",
    ];

    private static readonly string[] Paths = ["/known", "/either", "/anyone", "/other/anyone"];

    public static TheoryData<string, string, bool> Cases()
    {
        var data = new TheoryData<string, string, bool>();
        foreach (var name in Names)
        {
            foreach (var path in Paths)
            {
                data.Add(name, path, false);
                data.Add(name, path, true);
            }
        }
        return data;
    }

    [Theory, MemberData(nameof(Cases))]
    public async Task Over_HTTP_1_every_spelling_is_the_gateways_word_or_none(string name, string path, bool known)
    {
        await using var fixture = await Fixture.StartAsync();
        foreach (var spelling in Spellings)
        {
            var fields = spelling(name);
            var head = await fixture.SendAsync($"GET {path} HTTP/1.1\r\nHost: a\r\n{Credential(known)}{fields}\r\n\r\n");
            fixture.AssertTold(head, path, known && path is not "/anyone" and not "/other/anyone", fields);
        }
    }

    [Theory, MemberData(nameof(Cases))]
    public async Task Over_HTTP_2_every_spelling_is_the_gateways_word_or_none(string name, string path, bool known)
    {
        await using var fixture = await Fixture.StartAsync();
        using var wire = await Http2Wire.ConnectAsync(fixture.Gateway.Url);
        var stream = 1;
        foreach (var spelling in Spellings)
        {
            // HTTP/2 has no Connection, and no capitals.
            var fields = spelling(name).ToLowerInvariant().Split("\r\n").Select(f => f.Split(':', 2)).Where(f => f[0] is not "connection" and not "keep-alive")
                .Select(f => (f[0], f[1].Trim())).ToList();
            if (known)
            {
                fields.Add(("authorization", "Bearer alices"));
            }
            if (fields.Count > 0)
            {
                await wire.RequestAsync(stream, path, fields: [.. fields]);
                await wire.UntilAsync(Http2Wire.Headers, stream);
                stream += 2;
                fixture.AssertTold(fixture.Heads[^1], path, known && path is not "/anyone" and not "/other/anyone", string.Join('\n', fields));
            }
        }
    }

    [Theory]
    [InlineData("/known", true), InlineData("/either", false), InlineData("/anyone", true), InlineData("/anyone", false)]
    public async Task No_trailer_says_it(string path, bool known)
    {
        await using var fixture = await Fixture.StartAsync();
        var trailers = string.Concat(Names.SelectMany(n => new[] { n, n.ToLowerInvariant(), n.ToUpperInvariant(), n.Replace('-', '_') }).Select(n => $"{n}: {Evil}\r\n"));
        var head = await fixture.SendAsync(
            $"POST {path} HTTP/1.1\r\nHost: a\r\n{Credential(known)}TE: trailers\r\nTrailer: X-User-Id, X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n{trailers}X-Sum: 7\r\n\r\n");
        fixture.AssertTold(head, path, known && path != "/anyone", trailers);
        Assert.EndsWith("2\r\nhi\r\n0\r\nX-Sum: 7\r\n\r\n", head, StringComparison.Ordinal);
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task No_trailer_of_HTTP_2_says_it(bool known)
    {
        await using var fixture = await Fixture.StartAsync();
        using var wire = await Http2Wire.ConnectAsync(fixture.Gateway.Url);
        await wire.RequestAsync(1, "/either", open: true, known ? [("authorization", "Bearer alices"), ("te", "trailers")] : [("te", "trailers")]);
        await wire.SendAsync(Http2Wire.Data, 0, 1, "hi"u8.ToArray());
        var block = new List<byte>();
        foreach (var (name, value) in Names.Select(n => (n.ToLowerInvariant(), Evil)).Append(("x_user_id", Evil)).Append(("x-sum", "7")))
        {
            block.AddRange([0, (byte)name.Length, .. Encoding.ASCII.GetBytes(name), (byte)value.Length, .. Encoding.ASCII.GetBytes(value)]);
        }
        await wire.SendAsync(Http2Wire.Headers, 5, 1, [.. block]);
        await wire.UntilAsync(Http2Wire.Headers, 1);
        var head = fixture.Heads[^1];
        fixture.AssertTold(head, "/either", known, "trailers");
        Assert.EndsWith("2\r\nhi\r\n0\r\nx-sum: 7\r\n\r\n", head, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData(1, true), InlineData(1, false), InlineData(2, true), InlineData(2, false)]
    public async Task A_WebSocket_is_no_way_round(int version, bool known)
    {
        await using var fixture = await Fixture.StartAsync();
        using var socket = new ClientWebSocket();
        foreach (var name in Names)
        {
            socket.Options.SetRequestHeader(name, Evil);
        }
        if (known)
        {
            socket.Options.SetRequestHeader("Authorization", "Bearer alices");
        }
        socket.Options.HttpVersion = version == 2 ? HttpVersion.Version20 : HttpVersion.Version11;
        socket.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        // The upstream takes no sockets; what it was told is what counts.
        await Assert.ThrowsAsync<WebSocketException>(() => socket.ConnectAsync(
            new Uri($"ws://127.0.0.1:{fixture.Gateway.Port}/either"), new HttpMessageInvoker(new SocketsHttpHandler()), default).WaitAsync(TestGateway.Patience));
        Assert.Equal(["websocket"], RawAnswer.Fields(fixture.Heads[^1], "Upgrade"));
        fixture.AssertTold(fixture.Heads[^1], "/either", known, $"WebSocket over {version}");
    }

    [Fact]
    public async Task Names_that_only_resemble_them_pass()
    {
        await using var fixture = await Fixture.StartAsync();
        var head = await fixture.SendAsync("GET /anyone HTTP/1.1\r\nHost: a\r\nX-User-Ids: y\r\nXX-User-Id: z\r\nX-User: x\r\n\r\n");
        Assert.Equal(["y"], RawAnswer.Fields(head, "X-User-Ids"));
        Assert.Equal(["z"], RawAnswer.Fields(head, "XX-User-Id"));
        Assert.Equal(["x"], RawAnswer.Fields(head, "X-User"));
    }

    [Fact]
    public async Task Values_that_would_be_more_than_one_field_never_pass()
    {
        await using var fixture = await Fixture.StartAsync();
        fixture.Auth.Opaque("mallorys", new() { ["sub"] = "mallory", ["roles"] = new JsonArray("user", "x\r\nX-User-Id: root"), ["org"] = "a\0b" });
        var head = await fixture.SendAsync("GET /known HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer mallorys\r\n\r\n");
        Assert.Equal(["mallory"], RawAnswer.Fields(head, "X-User-Id"));
        Assert.Empty(RawAnswer.Fields(head, "X-User-Roles"));
        Assert.Empty(RawAnswer.Fields(head, "X-Never-There"));
        Assert.DoesNotContain("root", head, StringComparison.Ordinal);
        Assert.Contains("postern_identity_headers_unfit_total{header=\"X-User-Roles\"} 1\n", fixture.Gateway.Metrics(), StringComparison.Ordinal);
    }

    private static string Credential(bool known) => known ? "Authorization: Bearer alices\r\n" : "X-Nobody: 1\r\n";

    private static string Alternate(string name) => string.Concat(name.Select((c, i) => i % 2 == 0 ? char.ToLowerInvariant(c) : char.ToUpperInvariant(c)));

    /// <summary>An authorization server that knows alice, an upstream that keeps what it gets, and the gateway between them.</summary>
    private sealed class Fixture : IAsyncDisposable
    {
        private readonly ConcurrentQueue<string> heads = new();
        private ScriptedUpstream upstream = null!;

        public required AuthServer Auth { get; init; }

        public TestGateway Gateway { get; private set; } = null!;

        public IReadOnlyList<string> Heads => [.. heads];

        public static async Task<Fixture> StartAsync()
        {
            var fixture = new Fixture { Auth = await AuthServer.StartAsync() };
            fixture.Auth.Opaque("alices", new() { ["roles"] = new JsonArray("staff", "a,b") });
            fixture.upstream = ScriptedUpstream.Serving(async connection =>
            {
                while (await connection.ReadRequestAsync() is { Length: > 0 } request)
                {
                    // To the last trailer.
                    while (!request.EndsWith("\r\n\r\n", StringComparison.Ordinal))
                    {
                        request += await connection.ReadUntilAsync("\r\n");
                    }
                    fixture.heads.Enqueue(request);
                    await connection.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
                }
            });
            fixture.Gateway = await TestGateway.StartAsync($$"""
                identity:
                  opaque:
                    introspection: { endpoint: "{{fixture.Auth.IntrospectionUrl}}", clientId: "{{AuthServer.ClientId}}", clientSecret: "{{AuthServer.ClientSecret}}" }
                forwardIdentity:
                  headers: { X-User-Id: sub, X-User-Roles: roles, X-Never-There: org }
                  token: { header: X-Token, issuer: "https://api.example.com" }
                upstreams: { up: { url: "{{fixture.upstream.Url}}" } }
                gates:
                  web:
                    identity: opaque
                    routes:
                      - { any: /known, to: http://up/known, identity: { use: opaque, optional: true } }
                      - { any: /either, to: http://up/either, identity: { use: opaque, optional: true } }
                      - { any: /anyone, to: http://up/anyone, identity: off }
                  other:
                    match: { path: /other }
                    identity: off
                    routes:
                      - { any: /anyone, to: http://up/other/anyone }
                """);
            return fixture;
        }

        /// <summary>What the upstream got of this request.</summary>
        public async Task<string> SendAsync(string request)
        {
            Assert.Equal(200, (await Gateway.SendRawAsync(request)).Status);
            return Heads[^1];
        }

        public void AssertTold(string head, string path, bool known, string sent)
        {
            Assert.Contains($" {path} HTTP/1.1\r\n", head, StringComparison.Ordinal);
            Assert.True(!head.Contains($": {Evil}", StringComparison.Ordinal) || sent.Contains("X-Keep", StringComparison.OrdinalIgnoreCase), $"{sent}\n\n{head}");
            Assert.Equal(known ? ["alice"] : [], RawAnswer.Fields(head, "X-User-Id"));
            Assert.Equal(known ? ["staff,a%2Cb"] : [], RawAnswer.Fields(head, "X-User-Roles"));
            Assert.Equal(known ? 1 : 0, RawAnswer.Fields(head, "X-Token").Count);
            Assert.Empty(RawAnswer.Fields(head, "X-Postern-Identity"));
            Assert.Empty(RawAnswer.Fields(head, "X-Never-There"));
            // Nor in a spelling that some server takes for one of them.
            Assert.DoesNotContain(head.Split("\r\n"), l => l.Contains('_', StringComparison.Ordinal) && l.IndexOf('_') < l.IndexOf(':'));
        }

        public async ValueTask DisposeAsync()
        {
            await Gateway.DisposeAsync();
            await upstream.DisposeAsync();
            await Auth.DisposeAsync();
        }
    }
}
