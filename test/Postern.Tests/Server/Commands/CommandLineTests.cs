using System.Net;
using System.Net.Sockets;
using Postern.Tests.Harness;

namespace Postern.Tests.Server.Commands;

/// <summary>What is typed, what is read, and the exit code, of the command as it is built.</summary>
[Collection("tool")]
public sealed class CommandLineTests : IDisposable
{
    private const string Good = """
        version: 1
        listen: http://127.0.0.1:0
        admin: http://127.0.0.1:0
        gates:
          web:
            identity: off
            routes:
              - get: /hi
                respond: { status: 200, body: hello }

        """;

    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("'frob'", "frob")]
    [InlineData("did you mean 'check'?", "chek")]
    [InlineData("--frob", "run", "--frob")]
    [InlineData("--config", "check", "--config")]
    [InlineData("URL", "explain", "GET")]
    [InlineData("'nonsense'", "explain", "GET", "/", "-H", "nonsense")]
    [InlineData("got 'x'", "demo", "--port", "x")]
    [InlineData("got '70000'", "demo", "--port", "70000")]
    [InlineData("got '-1'", "demo", "--port=-1")]
    [InlineData("got '3d'", "token", "--expires", "3d")]
    [InlineData("got '25h'", "token", "--expires", "25h")]
    [InlineData("got '0'", "token", "--expires", "0")]
    [InlineData("got 'localhost'", "token", "--url", "localhost")]
    [InlineData("'usr_1'", "token", "usr_1")]
    [InlineData("--help", "")]
    public async Task Wrong_usage_is_exit_2_and_a_word_about_it(string says, params string[] arguments)
    {
        var (code, output, error) = await RunningTool.RunAsync(folder.Path, arguments is [""] ? [] : arguments);
        Assert.Equal(2, code);
        Assert.Empty(output);
        Assert.Contains(says, error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("run")]
    [InlineData("check")]
    [InlineData("explain")]
    [InlineData("schema")]
    [InlineData("demo")]
    [InlineData("token")]
    public async Task Help_is_everywhere_with_an_example(string command)
    {
        var (code, output, error) = await RunningTool.RunAsync(folder.Path, command.Length == 0 ? ["--help"] : [command, "--help"]);
        Assert.Equal(0, code);
        Assert.Empty(error);
        Assert.Contains($"Example: postern {command}", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_file_is_one_line_and_exit_1()
    {
        foreach (var command in new[] { "run", "check" })
        {
            var (code, _, error) = await RunningTool.RunAsync(folder.Path, command);
            Assert.Equal(1, code);
            Assert.StartsWith("postern.yaml: can't be read: no such file", error, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', error);
        }
    }

    [Fact]
    public async Task A_good_configuration_is_one_line_and_exit_0()
    {
        folder.Write("postern.yaml", Good);
        var (code, output, error) = await RunningTool.RunAsync(folder.Path, "check");
        Assert.Equal((0, "postern.yaml: good; 1 gate, 1 route, 0 upstreams, 0 warnings", ""), (code, output, error));
    }

    [Fact]
    public async Task Every_error_is_told_at_once_in_file_order_whichever_step_found_it()
    {
        folder.Write("gates/web.yaml", """
            match: { path: /web }
            identity: off
            routes:
              - get: /a
                to: http://ordres/a
              - get: a
                respond: 200
                maxBody: lots
            """);
        folder.Write("postern.yaml", """
            version: 1
            drain: { delay: soon }
            upstreams:
              orders: { url: https://10.0.0.5 }
            gates:
              web: { include: gates/web.yaml }
              other: { include: gates/other.yaml }
            """);
        foreach (var command in new[] { "run", "check" })
        {
            var (code, _, error) = await RunningTool.RunAsync(folder.Path, command);
            Assert.Equal(1, code);
            Assert.Equal(
                ["postern.yaml:2:17: drain.delay: ", "postern.yaml:4:18: upstreams.orders.url: ", "postern.yaml:7:21: gates.other.include: ",
                 "gates/web.yaml:5:9: routes[0].to: ", "gates/web.yaml:6:10: routes[1].get: ", "gates/web.yaml:8:14: routes[1].maxBody: "],
                error.Split('\n').Select(l => string.Join(": ", l.Split(": ")[..2]) + ": "));
        }
    }

    [Fact]
    public async Task A_warning_is_an_error_for_the_strict()
    {
        folder.Write("postern.yaml", Good + """
            upstreams:
              a: { url: "http://10.0.0.5" }
            """);
        folder.Write("postern.yaml", """
            version: 1
            upstreams:
              a: { url: "http://10.0.0.5" }
            gates:
              web:
                identity: off
                routes:
                  - get: /a
                    sticky: ip
                    to: http://a/
            """);
        var (code, output, error) = await RunningTool.RunAsync(folder.Path, "check");
        Assert.Equal(0, code);
        Assert.EndsWith("1 warning", output, StringComparison.Ordinal);
        Assert.StartsWith("postern.yaml:9:17: gates.web.routes[0].sticky: warning: ", error, StringComparison.Ordinal);
        (code, output, error) = await RunningTool.RunAsync(folder.Path, "check", "--strict");
        Assert.Equal((1, ""), (code, output));
        Assert.Contains("sticky: warning: ", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_taken_port_is_one_line_that_says_whose_it_was_to_be()
    {
        using var holder = new TcpListener(IPAddress.Loopback, 0);
        holder.Start();
        var taken = $"http://127.0.0.1:{((IPEndPoint)holder.LocalEndpoint).Port}";
        folder.Write("postern.yaml", Good.Replace("listen: http://127.0.0.1:0", $"listen: {taken}", StringComparison.Ordinal));
        var (code, _, error) = await RunningTool.RunAsync(folder.Path, "run");
        Assert.Equal((1, $"{taken}: the port is taken; stop what listens there, or give Postern another one"), (code, error));

        folder.Write("postern.yaml", Good.Replace("admin: http://127.0.0.1:0", $"admin: {taken}", StringComparison.Ordinal));
        (code, _, error) = await RunningTool.RunAsync(folder.Path, "run");
        Assert.Equal((1, $"admin port {taken}: the port is taken; stop what listens there, or give Postern another one"), (code, error));

        (code, _, error) = await RunningTool.RunAsync(folder.Path, "demo", "--port", new Uri(taken).Port.ToString(System.Globalization.CultureInfo.InvariantCulture));
        Assert.Equal((1, $"{taken}: the port is taken; stop what listens there, or give Postern another one"), (code, error));
    }

    [Fact]
    public async Task The_banner_is_four_lines_and_nothing_else()
    {
        folder.Write("postern.yaml", Good);
        await using var postern = await RunningTool.StartAsync(null, folder.Path, ["run"]);
        Assert.Equal($"""
            read       postern.yaml
            listening  {postern.Url}
            serving    1 gate, 1 route
            admin      {postern.Admin}
            """.ReplaceLineEndings("\n"), postern.Error);
        Assert.Empty(postern.Output);
    }
}
