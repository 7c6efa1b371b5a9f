using System.Text.RegularExpressions;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.Authenticating.ApiKeys;

/// <summary>API keys through a whole gateway: made by the command, sent by a client, ended by the command or by time.</summary>
public sealed partial class ApiKeyGatewayTests
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    [Fact]
    public async Task A_key_made_by_the_command_is_good_in_a_header()
    {
        await using var gateway = await KeyedGateway.StartAsync();
        var key = gateway.MakeKey("create", "--name", "acme");
        Assert.False(await gateway.TakesAsync(key));
        Assert.Empty(gateway.Reload());
        Assert.Equal((200, "hello"), await StatusAndBody(gateway.GetAsync("/header/x", $"x-api-key: {key}")));
        Assert.False(await gateway.TakesAsync(key[..^1]));
        Assert.False(await gateway.TakesAsync(key + "0"));
        Assert.False(await gateway.TakesAsync(key.ToUpperInvariant()));
    }

    [Fact]
    public async Task A_key_is_good_in_the_query_however_it_is_written_there()
    {
        await using var gateway = await KeyedGateway.StartAsync();
        var key = gateway.MakeKey("create", "--name", "acme");
        gateway.Reload();
        Assert.Equal(200, (await gateway.GetAsync($"/query/x?a=1&api_key={key}&b=2")).Status);
        Assert.Equal(200, (await gateway.GetAsync($"/query/x?%61pi_key=%70{key[1..]}")).Status);
        Assert.Equal(401, (await gateway.GetAsync($"/query/x?a=api_key&b={key}")).Status);
        Assert.Equal(401, (await gateway.GetAsync("/query/x?api_key=")).Status);
        Assert.Equal(401, (await gateway.GetAsync("/query/x", $"X-Api-Key: {key}")).Status);
        Assert.Equal(401, (await gateway.GetAsync($"/header/x?api_key={key}")).Status);
    }

    [Fact]
    public async Task Without_a_key_the_answer_says_where_one_belongs()
    {
        await using var gateway = await KeyedGateway.StartAsync();
        var header = await gateway.GetAsync("/header/x");
        Assert.Equal((401, "ApiKey realm=\"header\", header=\"X-Api-Key\""), (header.Status, header["WWW-Authenticate"]));
        Assert.Contains("\"code\":\"unauthenticated\"", header.Body, StringComparison.Ordinal);
        Assert.Equal("ApiKey realm=\"query\", query=\"api_key\"", (await gateway.GetAsync("/query/x"))["WWW-Authenticate"]);
    }

    [Fact]
    public async Task Two_keys_are_two_callers_and_refused()
    {
        await using var gateway = await KeyedGateway.StartAsync();
        var (one, other) = (gateway.MakeKey("create", "--name", "acme"), gateway.MakeKey("create", "--name", "other"));
        gateway.Reload();
        Assert.Equal(400, (await gateway.GetAsync("/header/x", $"X-Api-Key: {one}", $"X-API-KEY: {other}")).Status);
        Assert.Equal(400, (await gateway.GetAsync($"/query/x?api_key={one}&api_key={other}")).Status);
        Assert.Equal(400, (await gateway.GetAsync($"/query/x?api_key={one}&API_KEY={one}")).Status);
        Assert.Equal(401, (await gateway.GetAsync("/header/x", $"X-Api-Key: {one}, {other}")).Status);
    }

    [Fact]
    public async Task A_revoked_key_is_refused_and_the_others_are_not()
    {
        await using var gateway = await KeyedGateway.StartAsync();
        var (one, other) = (gateway.MakeKey("create", "--name", "acme"), gateway.MakeKey("create", "--name", "acme"));
        gateway.Reload();
        Assert.True(await gateway.TakesAsync(one));
        Assert.Equal(0, gateway.Keys("revoke", "--last4", one[^4..]).Code);
        Assert.Empty(gateway.Reload());
        Assert.False(await gateway.TakesAsync(one));
        Assert.True(await gateway.TakesAsync(other));
    }

    [Fact]
    public async Task A_gate_that_goes_on_with_its_last_good_configuration_does_not_go_on_with_revoked_keys()
    {
        await using var gateway = await KeyedGateway.StartAsync();
        var key = gateway.MakeKey("create", "--name", "acme");
        gateway.Reload();
        gateway.Folder.Write("gates/header.yaml", KeyedGateway.Gate("header") + "\n    respnd: 200\n");
        gateway.Keys("revoke", "acme");
        Assert.NotEmpty(gateway.Reload());
        Assert.False(await gateway.TakesAsync(key));
        var next = gateway.MakeKey("create", "--name", "acme");
        Assert.NotEmpty(gateway.Reload());
        Assert.True(await gateway.TakesAsync(next));
    }

    [Theory]
    [InlineData("version: 1", "version: 1\nretries: 3")]
    [InlineData("header: X-Api-Key", "nonsense: 1, header: X-Other-Key")]
    public async Task A_configuration_that_is_not_taken_does_not_keep_revoked_keys_good(string right, string wrong)
    {
        await using var gateway = await KeyedGateway.StartAsync();
        var key = gateway.MakeKey("create", "--name", "acme");
        gateway.Reload();
        Assert.True(await gateway.TakesAsync(key));
        var text = await File.ReadAllTextAsync(gateway.Folder["postern.yaml"]);
        gateway.Folder.Write("postern.yaml", text.Replace(right, wrong));
        gateway.Keys("revoke", "acme");
        Assert.Single(gateway.Reload());
        Assert.False(await gateway.TakesAsync(key));
    }

    [Fact]
    public async Task Of_a_configuration_that_is_not_taken_a_broken_file_of_keys_changes_nothing()
    {
        await using var gateway = await KeyedGateway.StartAsync();
        var key = gateway.MakeKey("create", "--name", "acme");
        gateway.Reload();
        gateway.Folder.Write("keys.yaml", "keys:\n  - name: acme\n");
        Assert.NotEmpty(gateway.Reload());
        Assert.True(await gateway.TakesAsync(key));
    }

    [Fact]
    public async Task A_file_that_was_there_before_is_taken_again_though_a_gate_kept_its_last_good_configuration()
    {
        await using var gateway = await KeyedGateway.StartAsync();
        var key = gateway.MakeKey("create", "--name", "acme");
        gateway.Reload();
        var first = await File.ReadAllTextAsync(gateway.Folder["keys.yaml"]);
        gateway.Folder.Write("gates/header.yaml", "match: { path: /header }\nroutes: [{ gett: / }]\n");
        gateway.Folder.Write("keys.yaml", "keys: []\n");
        gateway.Reload();
        Assert.False(await gateway.TakesAsync(key));
        gateway.Folder.Write("keys.yaml", first);
        gateway.Reload();
        Assert.True(await gateway.TakesAsync(key));
    }

    [Fact]
    public async Task A_key_ends_when_its_time_comes_without_a_reload()
    {
        await using var gateway = await KeyedGateway.StartAsync();
        var key = gateway.MakeKey("create", "--name", "acme", "--expires", "1h");
        gateway.Reload();
        gateway.Time.Advance(TimeSpan.FromHours(1) - TimeSpan.FromMilliseconds(1));
        Assert.True(await gateway.TakesAsync(key));
        gateway.Time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.False(await gateway.TakesAsync(key));
    }

    [Fact]
    public async Task A_rotated_key_overlaps_with_the_new_one_and_ends_then()
    {
        await using var gateway = await KeyedGateway.StartAsync();
        var old = gateway.MakeKey("create", "--name", "acme", "--tier", "partner");
        var replacing = gateway.MakeKey("rotate", "acme", "--overlap", "2h");
        gateway.Reload();
        Assert.Equal((true, true), (await gateway.TakesAsync(old), await gateway.TakesAsync(replacing)));
        gateway.Time.Advance(TimeSpan.FromHours(2));
        Assert.Equal((false, true), (await gateway.TakesAsync(old), await gateway.TakesAsync(replacing)));
    }

    [Fact]
    public async Task A_client_cannot_tell_a_key_that_never_was_from_one_that_ended()
    {
        await using var gateway = await KeyedGateway.StartAsync();
        var (revoked, expired) = (gateway.MakeKey("create", "--name", "acme"), gateway.MakeKey("create", "--name", "late", "--expires", "1m"));
        gateway.Keys("revoke", "acme");
        gateway.Reload();
        gateway.Time.Advance(Day);
        var answers = new List<string>();
        foreach (var key in new[] { "pk_never", revoked, expired })
        {
            var answer = await gateway.GetAsync("/header/x", $"X-Api-Key: {key}", "X-Request-Id: same", "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
            Assert.Equal(401, answer.Status);
            answers.Add(Date().Replace(answer.Head, "") + answer.Body);
        }
        Assert.Single(answers.Distinct());
        var log = await gateway.LogAsync(3);
        Assert.Contains("\"reason\":\"no such key\"", log, StringComparison.Ordinal);
        Assert.Contains($"that ends in {revoked[^4..]} was revoked at 1970-01-01T00:00:00Z", log, StringComparison.Ordinal);
        Assert.Contains($"that ends in {expired[^4..]} expired at 1970-01-01T00:01:00Z", log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_key_stands_in_the_access_log_or_in_an_answer()
    {
        await using var gateway = await KeyedGateway.StartAsync();
        var key = gateway.MakeKey("create", "--name", "acme");
        gateway.Reload();
        string[] targets = ["/header/x", "/query/x", $"/query/x?api_key={key}", $"/header/x?api_key={key}", $"/nowhere?api_key={key}", $"/query/%zz?api_key={key}"];
        foreach (var target in targets)
        {
            var answer = await gateway.GetAsync(target, $"X-Api-Key: {key}");
            Assert.DoesNotContain(key[3..], answer.Head + answer.Body, StringComparison.Ordinal);
            answer = await gateway.GetAsync(target.Replace(key, key + "x", StringComparison.Ordinal), $"X-Api-Key: {key}x");
            Assert.DoesNotContain(key[3..], answer.Head + answer.Body, StringComparison.Ordinal);
        }
        Assert.DoesNotContain(key[3..], await gateway.LogAsync(targets.Length * 2), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_broken_file_leaves_the_last_good_keys_and_a_mended_one_is_taken()
    {
        await using var gateway = await KeyedGateway.StartAsync();
        var key = gateway.MakeKey("create", "--name", "acme");
        gateway.Reload();
        gateway.Folder.Write("keys.yaml", "keys:\n  - name: acme\n    hash: abc\n");
        Assert.Equal(
            ["keys.yaml:3:11: keys[0].hash: 64 lower-case hexadecimal digits are needed, the SHA-256 of a key, got 3 characters; make keys with: postern keys create"],
            gateway.Reload());
        Assert.True(await gateway.TakesAsync(key));
        File.Delete(gateway.Folder["keys.yaml"]);
        Assert.All(gateway.Reload(), p => Assert.Contains("postern keys create", p, StringComparison.Ordinal));
        Assert.True(await gateway.TakesAsync(key));
        gateway.Folder.Write("keys.yaml", "");
        Assert.Empty(gateway.Reload());
        Assert.False(await gateway.TakesAsync(key));
    }

    [Fact]
    public async Task Upstreams_are_told_of_a_key_by_the_names_of_a_tokens_claims()
    {
        await using var upstream = new ScriptedUpstream();
        await using var gateway = await KeyedGateway.StartAsync(
            upstream: upstream.Url, root: "forwardIdentity: { headers: { X-User-Id: sub, X-Plan: plan, X-Tier: tier, X-Scope: scope, X-Org: org }, authorization: remove }");
        var key = gateway.MakeKey("create", "--name", "acme", "--tier", "partner", "--scopes", "a.read,a.write");
        gateway.Reload();
        var (sent, answer) = (upstream.AcceptAsync(), gateway.GetAsync($"/query/x?a=1&api_key={key}", "X-User-Id: admin", "X-Org: 7"));
        var connection = await sent;
        var request = await connection.ReadRequestAsync();
        await connection.WriteAsync("HTTP/1.1 204 No Content\r\n\r\n");
        Assert.Equal(204, (await answer).Status);
        Assert.Equal(["acme"], RawAnswer.Fields(request, "X-User-Id"));
        Assert.Equal(["partner"], RawAnswer.Fields(request, "X-Plan"));
        Assert.Equal(["partner"], RawAnswer.Fields(request, "X-Tier"));
        Assert.Equal(["a.read a.write"], RawAnswer.Fields(request, "X-Scope"));
        Assert.Empty(RawAnswer.Fields(request, "X-Org"));
        Assert.DoesNotContain(key, request, StringComparison.Ordinal);
    }

    private static async Task<(int, string)> StatusAndBody(Task<RawAnswer> answer) => ((await answer).Status, (await answer).Body);

    [GeneratedRegex("Date: [^\r]*\r\n")]
    private static partial Regex Date();
}
