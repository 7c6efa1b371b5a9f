using System.Net;
using System.Text.Json;

namespace Postern.Tests.Server;

/// <summary><c>postern run</c> as a process: what it says, how it ends.</summary>
public sealed class RunCommandTests
{
    private static string Config(string drain = "{ delay: 0, timeout: 5s }", string listen = "http://127.0.0.1:0", string body = "hello") => $$"""
        version: 1
        listen: {{listen}}
        admin: http://127.0.0.1:0
        drain: {{drain}}
        telemetry: { accessLog: { to: stdout } }
        gates:
          web:
            match: { path: /web }
            identity: off
            routes:
              - get: /hi
                respond: { status: 200, body: {{body}} }
              - get: /ho
                respond: 204
        """;

    [Fact]
    public async Task It_says_what_it_serves_and_serves_it_until_SIGTERM()
    {
        await using var postern = await PosternProcess.StartAsync(Config());
        Assert.Equal($"""
            read       {postern.ConfigFile}
            listening  {postern.Url}
            serving    1 gate, 2 routes
            admin      {postern.Admin}
            """, postern.Said);
        using var client = new HttpClient();
        Assert.Equal("hello", await client.GetStringAsync(postern.Url + "/web/hi"));
        using var ready = await client.GetAsync(postern.Admin + "/readyz");
        Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
        postern.Signal("TERM");
        Assert.Equal(0, await postern.ExitAsync());
    }

    [Theory]
    [InlineData("TERM", 143)]
    [InlineData("INT", 130)]
    public async Task Not_ready_comes_before_the_end_and_a_second_signal_ends_it_at_once(string signal, int exit)
    {
        await using var postern = await PosternProcess.StartAsync(Config("{ delay: 10m, timeout: 5s }"));
        using var client = new HttpClient();
        postern.Signal("INT");
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        while ((await client.GetAsync(postern.Admin + "/readyz")).StatusCode != HttpStatusCode.ServiceUnavailable)
        {
            await timer.WaitForNextTickAsync(patience.Token);
        }
        Assert.Equal("hello", await client.GetStringAsync(postern.Url + "/web/hi"));
        postern.Signal(signal);
        Assert.Equal(exit, await postern.ExitAsync());
    }

    [Fact]
    public async Task SIGHUP_reads_the_configuration_anew()
    {
        await using var postern = await PosternProcess.StartAsync(Config());
        using var client = new HttpClient();
        Assert.Equal("hello", await client.GetStringAsync(postern.Url + "/web/hi"));
        await File.WriteAllTextAsync(postern.ConfigFile, Config(body: "changed"));
        postern.Signal("HUP");
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        while (await client.GetStringAsync(postern.Url + "/web/hi") != "changed")
        {
            await timer.WaitForNextTickAsync(patience.Token);
        }
    }

    [Fact]
    public async Task A_reload_by_the_admin_port_says_what_was_wrong()
    {
        await using var postern = await PosternProcess.StartAsync(Config());
        using var client = new HttpClient();
        await File.WriteAllTextAsync(postern.ConfigFile, Config(body: "hello, boddy: hello"));
        using var answer = await client.PostAsync(postern.Admin + "/reload", null);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.GetProperty("problems")[0].GetString();
        Assert.StartsWith(postern.ConfigFile + ":12:", problem, StringComparison.Ordinal);
        using var config = JsonDocument.Parse(await client.GetStringAsync(postern.Admin + "/config"));
        Assert.Equal(1, config.RootElement.GetProperty("gates")[0].GetProperty("version").GetInt32());
        Assert.Equal("hello", await client.GetStringAsync(postern.Url + "/web/hi"));
    }

    [Fact]
    public async Task What_is_refused_before_it_is_a_request_is_counted_like_one()
    {
        await using var postern = await PosternProcess.StartAsync(Config());
        using (var raw = await RawClient.ConnectAsync(postern.Url))
        {
            await raw.SendAsync("rubbish\r\n\r\n");
            Served.IsProblem(await raw.ReadToEndAsync(), 400, "bad-request");
        }
        using var client = new HttpClient();
        var metrics = await client.GetStringAsync(postern.Admin + "/metrics");
        Assert.Contains("error_type=\"bad-request\"", metrics, StringComparison.Ordinal);
        Assert.Contains($"postern_connections{{listener=\"http://127.0.0.1:0\"}} ", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_error_of_the_configuration_and_exit_1()
    {
        await using var postern = await PosternProcess.StartAsync(Config().Replace("get: /hi", "gett: /hi", StringComparison.Ordinal));
        Assert.Equal(1, await postern.ExitAsync());
        Assert.StartsWith(postern.ConfigFile + ":11:", postern.Said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_taken_port_is_one_line_and_exit_1()
    {
        await using var first = await PosternProcess.StartAsync(Config());
        await using var second = await PosternProcess.StartAsync(Config(listen: first.Url));
        Assert.Equal(1, await second.ExitAsync());
        Assert.Equal($"{first.Url}: the port is taken; stop what listens there, or give Postern another one", second.Said.Trim());
    }

    [Fact]
    public async Task Wrong_usage_is_exit_2()
    {
        await using var postern = await PosternProcess.StartAsync(Config(), "runn");
        Assert.Equal(2, await postern.ExitAsync());
        Assert.Contains("'runn'", postern.Said, StringComparison.Ordinal);
    }
}
