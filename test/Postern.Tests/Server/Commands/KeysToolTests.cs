using Postern.Tests.Harness;

namespace Postern.Tests.Server.Commands;

/// <summary><c>postern keys</c> as processes of their own, beside one another and beside a gateway that runs.</summary>
[Collection("tool")]
public sealed class KeysToolTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Commands_at_the_same_time_lose_no_key()
    {
        const int processes = 6;
        var made = await Task.WhenAll(Enumerable.Range(0, processes).Select(i => RunningTool.RunAsync(folder.Path, "keys", "create", "--name", $"c{i}")));
        Assert.All(made, m => Assert.True(m.Code == 0, m.Error));
        var (_, list, _) = await RunningTool.RunAsync(folder.Path, "keys", "list");
        Assert.Equal(made.Select(m => m.Output[^4..]).Order(), list.Split('\n').Skip(1).Select(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]).Order());
        Assert.Equal([folder["keys.yaml"]], Directory.GetFiles(folder.Path));
    }

    [Fact]
    public async Task A_gateway_that_runs_takes_new_keys_and_drops_revoked_ones_by_itself()
    {
        folder.Write("postern.yaml", """
            version: 1
            listen: http://127.0.0.1:0
            admin: http://127.0.0.1:0
            identity:
              partners: { apiKey: { header: X-Api-Key, keys: keys.yaml } }
            gates:
              partner:
                identity: partners
                routes:
                  - get: /hi
                    respond: { status: 200, body: hello }
            """);
        var (code, _, error) = await RunningTool.RunAsync(folder.Path, "check");
        Assert.Equal((1, "postern.yaml:5:50: identity.partners.apiKey.keys: can't read 'keys.yaml': no such file; make it with: postern keys create --name NAME --file keys.yaml"), (code, error));
        var (_, key, said) = await RunningTool.RunAsync(folder.Path, "keys", "create", "--name", "acme", "--config", "postern.yaml");
        Assert.DoesNotContain(key, said, StringComparison.Ordinal);
        await using var postern = await RunningTool.StartAsync(null, folder.Path, ["run"]);
        using var client = new HttpClient { BaseAddress = new Uri(postern.Url) };
        Assert.Equal(200, await StatusAsync(client, key));
        Assert.Equal(0, (await RunningTool.RunAsync(folder.Path, "keys", "revoke", "acme")).Code);
        await postern.SaysAsync("Configuration reloaded");
        Assert.Equal(401, await StatusAsync(client, key));
        Assert.DoesNotContain(key[3..], postern.Output + postern.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("keys")]
    [InlineData("keys create")]
    [InlineData("keys list")]
    [InlineData("keys revoke")]
    [InlineData("keys rotate")]
    public async Task Help_is_everywhere_with_an_example(string command)
    {
        var (code, output, error) = await RunningTool.RunAsync(folder.Path, [.. command.Split(' '), "--help"]);
        Assert.Equal((0, ""), (code, error));
        Assert.Contains($"Example: postern {command}", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("did you mean 'create'? (there are create, list, revoke, rotate)\n'postern keys --help' says what can be written.", "keys", "creat")]
    [InlineData("Option '--name' is required.\n'postern keys create --help' says what can be written.", "keys", "create")]
    public async Task Wrong_usage_is_exit_2_and_names_the_page_of_help(string says, params string[] arguments)
    {
        var (code, output, error) = await RunningTool.RunAsync(folder.Path, arguments);
        Assert.Equal((2, ""), (code, output));
        Assert.EndsWith(says, error, StringComparison.Ordinal);
    }

    private static async Task<int> StatusAsync(HttpClient client, string key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/hi") { Headers = { { "X-Api-Key", key } } };
        using var answer = await client.SendAsync(request);
        return (int)answer.StatusCode;
    }
}
