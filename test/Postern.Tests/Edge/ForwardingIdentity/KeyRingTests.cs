using System.Text;
using System.Text.Json;
using Postern.Edge.ForwardingIdentity;

namespace Postern.Tests.Edge.ForwardingIdentity;

/// <summary>Which key signs and which are published, moment by moment.</summary>
public sealed class KeyRingTests
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(60), Second = TimeSpan.FromSeconds(1);
    private static readonly SigningKey A = SigningKey.Make(), B = SigningKey.Make(), C = SigningKey.Make();

    private readonly KeyRing ring = new();
    private TimeSpan now = TimeSpan.FromDays(3);

    [Fact]
    public void A_first_key_signs_at_once()
    {
        Use(A);
        Assert.Equal(A.Id, Signer);
        Assert.Equal([A.Id], Published);
    }

    [Fact]
    public void A_new_key_is_published_at_once_and_signs_when_verifiers_have_had_time_to_see_it()
    {
        Use(A);
        now += TimeSpan.FromHours(1);
        Use(B);
        Assert.Equal([A.Id, B.Id], Published);
        Assert.Equal(A.Id, Signer);
        now += KeyRing.Ahead - Second;
        Assert.Equal(A.Id, Signer);
        now += Second;
        Assert.Equal(B.Id, Signer);
        Assert.Equal([A.Id, B.Id], Published);
    }

    [Fact]
    public void The_old_key_stays_published_until_its_last_token_has_ended()
    {
        Use(A);
        Use(B);
        now += KeyRing.Ahead;
        Assert.Equal(B.Id, Signer);
        now += Lifetime + KeyRing.Skew - Second;
        Assert.Equal([A.Id, B.Id], Published);
        now += Second;
        Assert.Equal([B.Id], Published);
    }

    [Fact]
    public void A_longer_lifetime_of_an_earlier_configuration_still_counts()
    {
        ring.Use(new object(), [A], TimeSpan.FromHours(1), now);
        Use(B);
        now += KeyRing.Ahead;
        Assert.Equal(B.Id, Signer);
        now += TimeSpan.FromHours(1) - Second;
        Assert.Equal([A.Id, B.Id], Published);
    }

    [Fact]
    public void A_key_that_was_published_long_enough_before_it_came_first_signs_at_once()
    {
        Use(A, B);
        Assert.Equal([A.Id, B.Id], Published);
        now += KeyRing.Ahead;
        Use(B, A);
        Assert.Equal(B.Id, Signer);
        now += TimeSpan.FromDays(30);
        Assert.Equal([A.Id, B.Id], Published);
        Use(B);
        Assert.Equal([B.Id], Published);
    }

    [Fact]
    public void A_key_taken_back_before_it_signed_leaves_no_trace()
    {
        Use(A);
        Use(B);
        now += Second;
        Use(A);
        Assert.Equal(A.Id, Signer);
        Assert.Equal([A.Id], Published);
        now += KeyRing.Ahead;
        Assert.Equal(A.Id, Signer);
    }

    [Fact]
    public void Keys_changed_in_quick_succession_leave_the_signer_alone_until_the_last_has_been_seen()
    {
        Use(A);
        Use(B);
        now += KeyRing.Ahead / 2;
        Use(C);
        now += KeyRing.Ahead / 2;
        Assert.Equal(A.Id, Signer);
        Assert.Equal([A.Id, C.Id], Published);
        now += KeyRing.Ahead / 2;
        Assert.Equal(C.Id, Signer);
    }

    [Fact]
    public void A_made_key_is_followed_by_another_each_day_without_a_gap()
    {
        Use();
        var (first, seen) = (Signer, new List<string>());
        Assert.Equal([first], Published);
        now += KeyRing.MadeFor;
        Assert.Equal(first, Signer);
        var second = Assert.Single(Published, id => id != first);
        now += KeyRing.Ahead;
        Assert.Equal(second, Signer);
        Assert.Equal([first, second], Published);
        now += Lifetime + KeyRing.Skew;
        Assert.Equal([second], Published);
        // Whoever asks, and however late, each token's key had been published before it was signed.
        for (var minute = 0; minute < 3 * 24 * 60; minute++)
        {
            now += TimeSpan.FromMinutes(1);
            seen.AddRange(Published);
            Assert.Contains(Signer, seen);
        }
    }

    [Fact]
    public void A_file_may_follow_a_made_key_and_the_other_way_round()
    {
        Use();
        var made = Signer;
        Use(A);
        Assert.Equal(made, Signer);
        now += KeyRing.Ahead;
        Assert.Equal(A.Id, Signer);
        now += TimeSpan.FromHours(1);
        Use();
        Assert.Equal(A.Id, Signer);
        now += KeyRing.Ahead;
        Assert.DoesNotContain(Signer, new[] { A.Id, made });
    }

    [Fact]
    public void When_the_newest_configuration_goes_the_one_that_is_still_used_counts()
    {
        var (old, @new) = (new object(), new object());
        ring.Use(old, [A], Lifetime, now);
        ring.Use(@new, [B], Lifetime, now);
        ring.Drop(@new);
        now += KeyRing.Ahead;
        Assert.Equal(A.Id, Signer);
        ring.Drop(old);
        Assert.Equal(A.Id, Signer);
    }

    [Fact]
    public void A_key_set_says_what_verifiers_need_and_nothing_private()
    {
        Use(A);
        using var set = JsonDocument.Parse(ring.KeySet(now));
        var key = Assert.Single(set.RootElement.GetProperty("keys").EnumerateArray());
        Assert.Equal(["alg", "crv", "kid", "kty", "use", "x", "y"], key.EnumerateObject().Select(p => p.Name).Order());
        Assert.Equal(("EC", "P-256", "ES256", "sig"), (Text(key, "kty"), Text(key, "crv"), Text(key, "alg"), Text(key, "use")));
        // RFC 7638: the name follows from the key.
        var thumbprint = Microsoft.IdentityModel.Tokens.JsonWebKey.Create(key.GetRawText()).ComputeJwkThumbprint();
        Assert.Equal(Microsoft.IdentityModel.Tokens.Base64UrlEncoder.Encode(thumbprint), Text(key, "kid"));
        Assert.Equal(A.Id, Text(key, "kid"));
    }

    private string Signer => ring.Signer(now)!.Id;

    private string[] Published
    {
        get
        {
            using var set = JsonDocument.Parse(Encoding.UTF8.GetString(ring.KeySet(now)));
            return [.. set.RootElement.GetProperty("keys").EnumerateArray().Select(k => Text(k, "kid"))];
        }
    }

    private void Use(params SigningKey[] keys) => ring.Use(this, keys, Lifetime, now);

    private static string Text(JsonElement key, string name) => key.GetProperty(name).GetString()!;
}
