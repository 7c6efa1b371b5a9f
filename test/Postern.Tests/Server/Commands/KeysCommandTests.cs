using System.Text.RegularExpressions;
using Postern.Edge.Authenticating.ApiKeys;
using Postern.Tests.Edge.Authenticating.ApiKeys;
using Postern.Tests.Harness;

namespace Postern.Tests.Server.Commands;

/// <summary><c>postern keys</c>: what it prints, what it says, and what becomes of the file.</summary>
public sealed partial class KeysCommandTests : IDisposable
{
    private readonly TempFolder folder = new();
    private readonly SteppedTime time = new();

    public void Dispose() => folder.Dispose();

    private string File => folder["keys.yaml"];

    private string Text => System.IO.File.ReadAllText(File);

    [Fact]
    public void A_key_is_printed_once_alone_on_its_line_and_stands_nowhere()
    {
        var (code, output, error) = Keys("create", "--name", "acme", "--tier", "partner", "--scopes", "orders.read,orders.write", "--expires", "90d");
        Assert.Equal(0, code);
        Assert.Matches("^pk_[0-9A-Za-z]{43}\n$", output);
        var key = output.TrimEnd();
        Assert.Equal($"A key for acme in {File}, until 1970-04-01T00:00:00Z. This is the only time it is shown:\n", error);
        Assert.Equal($"""
            # API keys, by 'postern keys'. The keys themselves are nowhere: hash is a key's SHA-256.
            keys:
              - name: acme
                hash: {KeyOptions.For("acme", key).Hash}
                last4: "{key[^4..]}"
                tier: partner
                scopes: [orders.read, orders.write]
                created: 1970-01-01T00:00:00Z
                expires: 1970-04-01T00:00:00Z

            """, Text);
        Assert.DoesNotContain(key, Text + error + Keys("list").Output, StringComparison.Ordinal);
    }

    [Fact]
    [System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
    public void Only_the_owner_may_read_a_new_file_and_a_mode_that_was_chosen_stays()
    {
        Keys("create", "--name", "acme");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, System.IO.File.GetUnixFileMode(File));
        System.IO.File.SetUnixFileMode(File, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
        Keys("create", "--name", "acme");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead, System.IO.File.GetUnixFileMode(File));
        Assert.Equal([File], Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void A_link_goes_on_leading_to_the_file()
    {
        var real = folder.Write("secrets/keys.yaml", "keys: []\n");
        System.IO.File.CreateSymbolicLink(File, real);
        Keys("create", "--name", "acme");
        Assert.Equal(real, System.IO.File.ResolveLinkTarget(File, false)!.FullName);
        Assert.Contains("acme", System.IO.File.ReadAllText(real), StringComparison.Ordinal);
    }

    [Fact]
    public void The_list_says_whose_keys_there_are_and_shows_no_hash()
    {
        var acme = Make("create", "--name", "acme", "--tier", "partner", "--scopes", "a,b");
        var (late, gone) = (Make("create", "--name", "late", "--expires", "1h"), Make("create", "--name", "gone"));
        Keys("revoke", "gone");
        time.Advance(TimeSpan.FromHours(1));
        Assert.Equal($"""
            NAME  LAST4  TIER     SCOPES  CREATED               EXPIRES               STATE
            acme  {acme[^4..]}   partner  a,b     1970-01-01T00:00:00Z  -                     active
            late  {late[^4..]}   -        -       1970-01-01T00:00:00Z  1970-01-01T01:00:00Z  expired
            gone  {gone[^4..]}   -        -       1970-01-01T00:00:00Z  -                     revoked

            """, Keys("list").Output.ReplaceLineEndings("\n"));
    }

    [Fact]
    public void Revoking_by_name_ends_all_keys_of_the_name_and_keeps_their_entries()
    {
        var (one, two, other) = (Make("create", "--name", "acme"), Make("create", "--name", "acme"), Make("create", "--name", "other"));
        var (code, output, error) = Keys("revoke", "acme");
        Assert.Equal((0, "", $"Revoked the key of acme that ends in {one[^4..]}.\nRevoked the key of acme that ends in {two[^4..]}.\n"), (code, output, error));
        Assert.Equal(["revoked", "revoked", "active"], States());
        var before = Text;
        Assert.Equal((0, before), (Keys("revoke", "--last4", one[^4..]).Code, Text));
        Keys("revoke", "other", "--last4", other[^4..]);
        Assert.Equal(["revoked", "revoked", "revoked"], States());
    }

    [Fact]
    public void Rotating_makes_a_key_like_the_newest_and_lets_the_old_ones_end()
    {
        Make("create", "--name", "acme", "--tier", "free");
        Make("create", "--name", "acme", "--tier", "partner", "--scopes", "a", "--expires", "30d");
        Make("create", "--name", "acme", "--expires", "1h");
        Keys("revoke", "--last4", Read()[2].Last4!);
        time.Advance(TimeSpan.FromDays(10));
        var (_, output, error) = Keys("rotate", "acme");
        Assert.StartsWith("The 2 old keys end at 1970-01-12T00:00:00Z at the latest.\nA new key for acme in ", error, StringComparison.Ordinal);
        var keys = Read();
        Assert.Equal(["1970-01-12T00:00:00Z", "1970-01-12T00:00:00Z", "1970-01-01T01:00:00Z", "1970-02-10T00:00:00Z"], keys.Select(k => k.Expires));
        Assert.Equal(("acme", "partner", KeyOptions.For("acme", output.TrimEnd()).Hash), (keys[3].Name, keys[3].Tier, keys[3].Hash));
        Assert.Equal(["a"], keys[3].Scopes!);
        // What ends sooner still does, and no overlap is an end at once.
        Assert.Equal(0, Keys("rotate", "acme", "--overlap", "0", "--expires", "never").Code);
        Assert.Equal(["expired", "expired", "revoked", "expired", "active"], States());
        Assert.Null(Read()[4].Expires);
    }

    [Fact]
    public void What_cannot_be_done_is_one_line_and_exit_1_and_changes_nothing()
    {
        foreach (var missing in new[] { new[] { "list" }, ["revoke", "acme"], ["rotate", "acme"] })
        {
            Refused($"{File}: no such file; make it with: postern keys create --name NAME --file {File}\n", missing);
        }
        Assert.False(System.IO.File.Exists(File));
        var key = Make("create", "--name", "acme");
        Make("create", "--name", "late", "--expires", "1m");
        time.Advance(TimeSpan.FromMinutes(1));
        Refused($"{File}: no key of 'acmee'; did you mean 'acme'?\n", "revoke", "acme", "acmee");
        Refused($"{File}: no key of 'nobody'; 'postern keys list' shows them\n", "rotate", "nobody");
        Refused($"{File}: no key ends in '....'; 'postern keys list' shows them\n", "revoke", "--last4", "....");
        Refused($"{File}: no key of late ends in '{key[^4..]}'; 'postern keys list' shows them\n", "revoke", "late", "--last4", key[^4..]);
        Refused($"{File}: no key of 'late' holds any more; make one with: postern keys create --name late\n", "rotate", "late");
        Assert.Equal(["active", "expired"], States());
    }

    [Fact]
    public void Two_keys_with_one_ending_are_told_apart_by_their_names()
    {
        var entry = (string name, int n) => $"  - {{ name: {name}, hash: {n:x64}, last4: same }}\n";
        folder.Write("keys.yaml", "keys:\n" + entry("one", 1) + entry("two", 2));
        Refused($"{File}: 2 keys end in 'same', of one, two; write the name too, or revoke by name\n", "revoke", "--last4", "same");
        Assert.Equal(0, Keys("revoke", "two", "--last4", "same").Code);
        Assert.Equal(["active", "revoked"], States());
        Assert.Equal(0, Keys("revoke", "--last4", "same").Code);
        Assert.Equal(["revoked", "revoked"], States());
    }

    [Fact]
    public void A_file_with_mistakes_is_left_alone_and_all_of_them_are_told()
    {
        const string broken = "keys:\n  - name: acme\n    hash: 12\n  - nam: other\n";
        folder.Write("keys.yaml", broken);
        foreach (var command in new[] { new[] { "create", "--name", "acme" }, ["list"], ["revoke", "acme"], ["rotate", "acme"] })
        {
            var (code, output, error) = Keys(command);
            Assert.Equal((1, ""), (code, output));
            Assert.Equal(["keys.yaml:3:11: keys[0].hash", "keys.yaml:4:5: keys[1]", "keys.yaml:4:5: keys[1].hash"], Places().Matches(error).Select(m => m.Value));
        }
        Assert.Equal(broken, Text);
    }

    [Theory]
    [InlineData("create")]
    [InlineData("create", "--name", "")]
    [InlineData("create", "--name", " acme")]
    [InlineData("create", "--name", "a\nb")]
    [InlineData("create", "--name", "${env:HOME}")]
    [InlineData("create", "--name", "acme", "--tier", "two words")]
    [InlineData("create", "--name", "acme", "--scopes", "a,b\"c")]
    [InlineData("create", "--name", "acme", "--expires", "soon")]
    [InlineData("create", "--name", "acme", "--expires", "0")]
    [InlineData("create", "--name", "acme", "--expires", "1969-12-31")]
    [InlineData("create", "--name", "acme", "--config", "postern.yaml")]
    [InlineData("revoke")]
    [InlineData("revoke", "a", "b", "--last4", "abcd")]
    [InlineData("rotate")]
    [InlineData("rotate", "acme", "--overlap", "1 day")]
    [InlineData("frob")]
    [InlineData("list", "acme")]
    public void Wrong_usage_is_exit_2_and_touches_nothing(params string[] arguments)
    {
        Assert.Equal(2, Keys(arguments).Code);
        Assert.False(System.IO.File.Exists(File));
    }

    [Theory]
    [InlineData("1970-01-02", "1970-01-02T00:00:00Z")]
    [InlineData("1970-01-02T12:00:00+02:00", "1970-01-02T10:00:00Z")]
    [InlineData("2w", "1970-01-15T00:00:00Z")]
    [InlineData("36h", "1970-01-02T12:00:00Z")]
    [InlineData("never", null)]
    public void When_a_key_ends_is_a_length_of_time_or_a_date(string typed, string? written)
    {
        Make("create", "--name", "acme", "--expires", typed);
        Assert.Equal(written, Read()[0].Expires);
    }

    [Fact]
    public void The_file_is_found_through_a_configuration_that_may_not_work_yet()
    {
        var config = folder.Write("conf/postern.yaml", """
            version: 1
            identity:
              partners: { apiKey: { header: X-Api-Key, keys: secrets/a.yaml } }
              links: { apiKey: { query: key, keys: ../b.yaml } }
              customers: { jwt: { issuer: "https://a.example", audience: a } }
            """);
        Directory.CreateDirectory(folder["conf/secrets"]);
        Assert.Equal(0, KeysConsole.Run(time, "create", "--name", "acme", "--config", config, "--identity", "partners").Code);
        Assert.True(System.IO.File.Exists(folder["conf/secrets/a.yaml"]));
        Assert.Equal(0, KeysConsole.Run(time, "create", "--name", "acme", "--config", config, "-i", "links").Code);
        Assert.True(System.IO.File.Exists(folder["b.yaml"]));
        var (code, _, error) = KeysConsole.Run(time, "list", "--config", config);
        Assert.Equal(1, code);
        Assert.EndsWith("say whose with --identity NAME\n", error, StringComparison.Ordinal);
        (code, _, error) = KeysConsole.Run(time, "list", "--config", config, "--identity", "partner");
        Assert.Equal((1, $"{config}: no apiKey named 'partner' under identity; did you mean 'partners'? (there are partners, links)\n"), (code, error));
        (code, _, error) = KeysConsole.Run(time, "list", "--config", folder["none.yaml"]);
        Assert.Equal(1, code);
        Assert.Contains("no such file", error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_too_large_for_the_gateway_is_not_written()
    {
        folder.Write("keys.yaml", $"# {new string('x', (1 << 20) - 200)}\nkeys: []\n");
        Make("create", "--name", "acme");
        var before = Text;
        Refused($"{File}: would become larger than 1MB, which the gateway doesn't read; take out entries that are revoked or expired\n", "create", "--name", "acme");
        Assert.Equal(before, Text);
    }

    private (int Code, string Output, string Error) Keys(params string[] arguments) => KeysConsole.Run(time, [.. arguments, "--file", File]);

    private string Make(params string[] arguments)
    {
        var (code, output, error) = Keys(arguments);
        Assert.True(code == 0, error);
        return output.TrimEnd();
    }

    private void Refused(string says, params string[] arguments) => Assert.Equal((1, "", says), Keys(arguments));

    private IReadOnlyList<KeyOptions> Read() => new Postern.Server.Commands.KeysFile(File).Read();

    private IEnumerable<string> States() => Keys("list").Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1).Select(l => l.TrimEnd().Split(' ')[^1]);

    [GeneratedRegex(@"keys\.yaml:[^ ]+ [^ ]+(?=:)")]
    private static partial Regex Places();
}
