using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Postern.Tests.Harness;

namespace Postern.Tests.EndToEnd;

/// <summary>The running command before an authorization server that isn't up, rotates its keys, moves, or lies.</summary>
[Collection("tool")]
public sealed class IssuerTests : IDisposable
{
    private readonly TempFolder folder = new();
    private readonly HttpClient client = new();

    public void Dispose()
    {
        client.Dispose();
        folder.Dispose();
    }

    [Fact]
    public async Task Without_keys_the_gateway_starts_and_says_what_it_waits_for()
    {
        await using var server = AuthServer.Down();
        var config = folder.Write("postern.yaml", Config(server, server.JwksUrl));
        await using var postern = await RunningTool.StartAsync("run", "--config", config);
        using (var refused = await AskAsync(postern, "/closed", server.Token()))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
            Assert.Equal("application/problem+json", refused.Content.Headers.ContentType!.MediaType);
            Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60);
            Assert.Equal("identity-unavailable", JsonNode.Parse(await refused.Content.ReadAsStringAsync())!["code"]!.GetValue<string>());
        }
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(postern, "/closed", null));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(postern, "/open", null));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(postern, "/open", server.Token()));
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync(postern.Admin + "/healthz")).StatusCode);
        await UntilAsync(async () => (await ReadyAsync(postern)).Why.Contains($"identity 'customers': no keys yet from {server.JwksUrl}: connection refused", StringComparison.Ordinal));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await ReadyAsync(postern)).Status);

        await server.UpAsync();
        await UntilAsync(async () => (await ReadyAsync(postern)).Status == HttpStatusCode.OK);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(postern, "/closed", server.Token()));
        Assert.Contains("postern_key_fetches_total{identity=\"customers\",outcome=\"ok\"} 1", await client.GetStringAsync(postern.Admin + "/metrics"));
        Assert.Contains("its keys can't be fetched from", postern.Error);
        Assert.DoesNotContain(server.Token().Split('.')[2], postern.Error);
    }

    [Fact]
    public async Task Keys_rotate_under_load_without_a_refused_request()
    {
        await using var server = await AuthServer.StartAsync();
        await using var postern = await RunningTool.StartAsync("run", "--config", folder.Write("postern.yaml", Config(server, server.JwksUrl)));
        await UntilAsync(async () => (await ReadyAsync(postern)).Status == HttpStatusCode.OK);
        var old = server.Key;
        var (failures, served, rotated) = (new ConcurrentQueue<HttpStatusCode>(), 0, 0);
        using var stop = new CancellationTokenSource();
        var clients = Enumerable.Range(0, 8).Select(i => Task.Run(async () =>
        {
            for (var n = 0; !stop.IsCancellationRequested; n++)
            {
                // Each its own token, so that none is known already; of the old key and of the newest in turn.
                var key = n % 2 == 0 ? server.Key : old;
                var status = await StatusAsync(postern, "/closed", server.Token(new() { ["jti"] = $"{i}-{n}" }, key));
                if (status != HttpStatusCode.OK)
                {
                    failures.Enqueue(status);
                }
                Interlocked.Increment(ref served);
                if (key != old)
                {
                    Interlocked.Increment(ref rotated);
                }
            }
        })).ToArray();
        await UntilAsync(() => Task.FromResult(Volatile.Read(ref served) > 50));
        server.Publish("k2", "ES256");
        await UntilAsync(() => Task.FromResult(Volatile.Read(ref rotated) > 50));
        await stop.CancelAsync();
        await Task.WhenAll(clients);
        Assert.Empty(failures);
        Assert.Equal(2, server.Jwks.Requests);
    }

    [Fact]
    public async Task A_flood_of_unknown_kids_asks_the_issuer_once()
    {
        await using var server = await AuthServer.StartAsync();
        await using var postern = await RunningTool.StartAsync("run", "--config", folder.Write("postern.yaml", Config(server, server.JwksUrl)));
        await UntilAsync(async () => (await ReadyAsync(postern)).Status == HttpStatusCode.OK);
        var stranger = SigningKey.Make("");
        await Parallel.ForAsync(0, 100, async (i, _) =>
            Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(postern, "/closed", server.Token(key: stranger.As($"unknown-{i}")))));
        Assert.Equal(2, server.Jwks.Requests);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(postern, "/closed", server.Token()));
    }

    [Fact]
    public async Task Who_leaves_while_a_key_is_fetched_ends_the_fetch_for_nobody()
    {
        await using var server = await AuthServer.StartAsync();
        await using var postern = await RunningTool.StartAsync("run", "--config", folder.Write("postern.yaml", Config(server, server.JwksUrl)));
        await UntilAsync(async () => (await ReadyAsync(postern)).Status == HttpStatusCode.OK);
        server.Publish("k2");
        server.Jwks.Hold();
        using (var impatient = new HttpClient())
        {
            using var leave = new CancellationTokenSource();
            impatient.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", server.Token());
            var left = impatient.GetAsync(postern.Url + "/closed", leave.Token);
            await server.Jwks.UntilAsync(2);
            var stays = StatusAsync(postern, "/closed", server.Token());
            await leave.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);
            Assert.Equal(HttpStatusCode.OK, await StatusAsync(postern, "/closed", server.Token(key: server.Published[0]))); // Known keys wait for nothing.
            server.Jwks.Release();
            Assert.Equal(HttpStatusCode.OK, await stays);
        }
        Assert.Equal((2, 0), (server.Jwks.Requests, server.Jwks.Aborted));
    }

    [Fact]
    public async Task A_reload_that_names_another_key_set_believes_that_one_alone()
    {
        await using var server = await AuthServer.StartAsync();
        await using var moved = await AuthServer.StartAsync();
        moved.Issuer = server.Issuer;
        var config = folder.Write("postern.yaml", Config(server, server.JwksUrl));
        await using var postern = await RunningTool.StartAsync("run", "--config", config);
        await UntilAsync(async () => (await ReadyAsync(postern)).Status == HttpStatusCode.OK);
        var (before, after) = (server.Token(), moved.Token());
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(postern, "/closed", before));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(postern, "/closed", after));

        File.WriteAllText(config, Config(server, moved.JwksUrl));
        Assert.Equal(HttpStatusCode.OK, (await client.PostAsync(postern.Admin + "/reload", null)).StatusCode);
        await UntilAsync(async () => (await ReadyAsync(postern)).Status == HttpStatusCode.OK);
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(postern, "/closed", before));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(postern, "/closed", after));
    }

    [Fact]
    public async Task A_reload_that_asks_something_else_of_tokens_keeps_the_keys_with_the_issuer_down()
    {
        await using var server = await AuthServer.StartAsync();
        var config = folder.Write("postern.yaml", Config(server, server.JwksUrl));
        await using var postern = await RunningTool.StartAsync("run", "--config", config);
        await UntilAsync(async () => (await ReadyAsync(postern)).Status == HttpStatusCode.OK);
        var token = server.Token();
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(postern, "/closed", token));

        await server.DownAsync();
        File.WriteAllText(config, Config(server, server.JwksUrl).Replace("audience: api.example.com", "audience: other.example.com"));
        Assert.Equal(HttpStatusCode.OK, (await client.PostAsync(postern.Admin + "/reload", null)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await ReadyAsync(postern)).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(postern, "/closed", token));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(postern, "/closed", server.Token(new() { ["aud"] = "other.example.com" })));
    }

    [Fact]
    public async Task Discovery_finds_the_keys_and_believes_no_other_issuers()
    {
        await using var server = await AuthServer.StartAsync();
        var config = folder.Write("postern.yaml", Config(server, server.JwksUrl).Replace($"jwks: {server.JwksUrl}", "discovery: true"));
        await using (var postern = await RunningTool.StartAsync("run", "--config", config))
        {
            await UntilAsync(async () => (await ReadyAsync(postern)).Status == HttpStatusCode.OK);
            Assert.Equal(HttpStatusCode.OK, await StatusAsync(postern, "/closed", server.Token()));
        }
        server.Discovery.Say(new JsonObject { ["issuer"] = "https://evil.example", ["jwks_uri"] = server.JwksUrl });
        await using (var postern = await RunningTool.StartAsync("run", "--config", config))
        {
            await UntilAsync(async () => (await ReadyAsync(postern)).Why.Contains($"its issuer is 'https://evil.example', not '{server.Issuer}'", StringComparison.Ordinal));
            Assert.Equal(HttpStatusCode.ServiceUnavailable, await StatusAsync(postern, "/closed", server.Token()));
        }
        Assert.Equal(1, server.Jwks.Requests);
    }

    private static string Config(AuthServer server, string jwks) => $$"""
        version: 1
        listen: http://127.0.0.1:0
        admin: { url: http://127.0.0.1:0 }
        telemetry: { accessLog: off }
        identity:
          customers:
            jwt: { issuer: {{server.Issuer}}, audience: api.example.com, jwks: {{jwks}} }
        gates:
          web:
            routes:
              - { get: /open, identity: off, respond: 200 }
              - { get: /closed, identity: [customers], respond: 200 }
        """;

    private async Task<HttpResponseMessage> AskAsync(RunningTool postern, string path, string? token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, postern.Url + path);
        request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        return await client.SendAsync(request);
    }

    private async Task<HttpStatusCode> StatusAsync(RunningTool postern, string path, string? token)
    {
        using var answer = await AskAsync(postern, path, token);
        return answer.StatusCode;
    }

    private async Task<(HttpStatusCode Status, string Why)> ReadyAsync(RunningTool postern)
    {
        using var answer = await client.GetAsync(postern.Admin + "/readyz");
        return (answer.StatusCode, JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["reason"]?.GetValue<string>() ?? "");
    }

    private static async Task UntilAsync(Func<Task<bool>> holds)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        using var patience = new CancellationTokenSource(RunningTool.Patience);
        while (!await holds())
        {
            await timer.WaitForNextTickAsync(patience.Token);
        }
    }
}
