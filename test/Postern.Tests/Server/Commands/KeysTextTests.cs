using Postern.Edge.Authenticating.ApiKeys;
using Postern.Server.Commands;

namespace Postern.Tests.Server.Commands;

/// <summary>What people write into a file of keys stays where the command changes it.</summary>
public sealed class KeysTextTests
{
    private const string Hash = "0f6f8597e5de33ffb1554aeaea4522be450990d0358778626f3391e478503244";

    private static readonly KeyOptions Added = new() { Name = "new", Hash = new string('a', 64), Last4 = "null", Scopes = ["a", "urn:b"] };

    [Theory]
    [InlineData("", "keys:\n")]
    [InlineData("# ours\n", "# ours\nkeys:\n")]
    [InlineData("keys:\n", "keys:\n")]
    [InlineData("keys: []\n", "keys:\n")]
    [InlineData("# ours\nkeys: [ ] # none\n# yet\n", "# ours\nkeys: # none\n# yet\n")]
    public void The_first_key_goes_into_a_file_without_any(string text, string before) => Assert.Equal(
        before + $"  - name: new\n    hash: {Added.Hash}\n    last4: \"null\"\n    scopes: [a, \"urn:b\"]\n", Change(text, keys => [.. keys, Added]));

    [Theory]
    [InlineData("keys:\n- name: a # theirs\n  hash: HASH\n# end", "\n- name: new\n  hash: ADDED\n  last4: \"null\"\n  scopes: [a, \"urn:b\"]\n")]
    [InlineData("keys:\n    -   hash: HASH # x\n        name: \"a\"\n", "    -   name: new\n        hash: ADDED\n        last4: \"null\"\n        scopes: [a, \"urn:b\"]\n")]
    [InlineData("keys:\r\n  - name: a\r\n    hash: HASH\r\n", "  - name: new\r\n    hash: ADDED\r\n    last4: \"null\"\r\n    scopes: [a, \"urn:b\"]\r\n")]
    public void A_key_more_stands_behind_the_others_as_they_stand(string text, string more) => Assert.Equal(
        Filled(text) + Filled(more), Change(Filled(text), keys => [.. keys, Added]));

    [Fact]
    public void An_end_is_put_into_the_entry_and_all_else_stays()
    {
        var text = Filled("""
            # Ours.
            keys:
              # acme pays
              - name: acme     # since 2020
                hash: HASH
                scopes:
                  - a
                  - b
                created: 2026-01-01T00:00:00Z  # by hand
                tier: partner
              - { name: flow, hash: ADDED, expires: "2027-01-01T00:00:00Z" } # one line
            # the end

            """);
        Assert.Equal(
            text.Replace("# by hand\n", "# by hand\n    expires: 2026-02-01T00:00:00Z\n    revoked: 2026-03-01T00:00:00Z\n", StringComparison.Ordinal)
                .Replace("\"2027-01-01T00:00:00Z\"", "2026-04-01T00:00:00Z", StringComparison.Ordinal),
            Change(text, keys => [keys[0] with { Expires = "2026-02-01T00:00:00Z", Revoked = "2026-03-01T00:00:00Z" }, keys[1] with { Expires = "2026-04-01T00:00:00Z" }]),
            ignoreLineEndingDifferences: false);
    }

    [Fact]
    public void A_file_that_lines_cannot_be_put_into_is_written_anew_and_says_the_same()
    {
        var text = Filled("# Ours.\nkeys: [{ name: \"it's: \\\"x\\\"\", hash: HASH }]\n");
        Assert.Equal(Filled("""
            # Ours.
            keys:
              - name: "it's: \"x\""
                hash: HASH
                revoked: 2026-03-01T00:00:00Z
              - name: new
                hash: ADDED
                last4: "null"
                scopes: [a, "urn:b"]

            """), Change(text, keys => [keys[0] with { Revoked = "2026-03-01T00:00:00Z" }, Added]));
    }

    [Theory]
    [InlineData("null")]
    [InlineData("~")]
    [InlineData("- x")]
    [InlineData("# x")]
    [InlineData("a: b")]
    [InlineData("a, b")]
    [InlineData("{a}")]
    [InlineData("*a")]
    [InlineData("'a'")]
    [InlineData("a\\b\"c")]
    [InlineData("Müller & Söhne")]
    [InlineData("日本")]
    public void Any_name_reads_back_as_it_was_given(string name)
    {
        var text = Change("keys: []\n", keys => [.. keys, Added with { Name = name }]);
        Assert.Equal(name, KeysText.Parse("keys.yaml", text).Keys!.Keys[0].Name);
    }

    private static string Filled(string text) => text.Replace("HASH", Hash, StringComparison.Ordinal).Replace("ADDED", Added.Hash, StringComparison.Ordinal);

    private static string Change(string text, Func<IReadOnlyList<KeyOptions>, IReadOnlyList<KeyOptions>> change)
    {
        var (before, check) = KeysText.Parse("keys.yaml", text);
        Assert.Empty(check.Problems);
        return KeysText.Change("keys.yaml", text, before!, change(before!.Keys));
    }
}
