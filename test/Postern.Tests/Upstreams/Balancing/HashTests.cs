using Postern.Pipeline;
using Postern.Upstreams.Balancing;
using Postern.Upstreams.Forwarding;

namespace Postern.Tests.Upstreams.Balancing;

public sealed class HashTests
{
    private const int Keys = 10_000;

    [Theory]
    [InlineData("header:X-Cart", "X-Cart", "k")]
    [InlineData("cookie:cart", "Cookie", "a=1; cart=k; cart2=z")]
    public async Task The_same_key_goes_to_the_same_destination(string by, string field, string value)
    {
        using var up = Up(10, by);
        var first = await up.PickAsync(Balanced.Call(field, value + "1"));
        var picks = new HashSet<string>();
        for (var i = 0; i < 50; i++)
        {
            Assert.Equal(first, await up.PickAsync(Balanced.Call(field, value + "1", $"10.0.0.{i}")));
            picks.Add(await up.PickAsync(Balanced.Call(field, value.Replace("k", $"k{i}"))));
        }
        Assert.True(picks.Count > 5);
    }

    [Fact]
    public async Task Another_gateway_finds_the_same_destination()
    {
        using var one = Up(10);
        using var other = Up(10);
        for (var i = 0; i < 100; i++)
        {
            Assert.Equal(await one.PickAsync(Key(i)), await other.PickAsync(Key(i)));
        }
        // The very ones, whatever version runs: a fleet is never updated at once.
        Assert.Equal(["d9:1", "d3:1", "d4:1", "d0:1"], new[] { await one.PickAsync(Key(0)), await one.PickAsync(Key(1)), await one.PickAsync(Key(2)), await one.PickAsync(Key(3)) });
    }

    [Fact]
    public async Task A_consumer_is_known_wherever_it_calls_from_and_others_by_their_address()
    {
        using var up = Up(10, "consumer");
        var picks = new HashSet<string>();
        for (var i = 0; i < 50; i++)
        {
            var consumer = new Consumer { Id = "ada", Way = "keys", Claims = default };
            picks.Add(await up.PickAsync(new UpstreamCall { Exchange = new Exchange { ClientAddress = $"10.0.0.{i}", Consumer = consumer } }));
        }
        Assert.Single(picks);
        var addresses = await up.CountAsync(50, i => new UpstreamCall { Exchange = new Exchange { ClientAddress = $"10.0.0.{i}" } });
        Assert.True(addresses.Count > 5);
        var one = await up.CountAsync(50, _ => new UpstreamCall { Exchange = new Exchange { ClientAddress = "10.0.0.1" } });
        Assert.Single(one);
    }

    [Fact]
    public async Task A_call_without_the_header_goes_by_its_address_and_code_by_turn()
    {
        using var up = Up(10);
        Assert.Single(await up.CountAsync(20, _ => new UpstreamCall { Exchange = new Exchange { ClientAddress = "10.0.0.1" } }));
        Assert.Equal(10, (await up.CountAsync(1000)).Count);
    }

    [Fact]
    public async Task Keys_spread_by_weight()
    {
        using var up = Balanced.Of(u => u.BalanceByHash("header:X-Key").Destination("http://a:1", 3).Destination("http://b:1"));
        var counts = await up.CountAsync(4 * Keys, Key);
        Assert.InRange(counts["a:1"], 3 * Keys * 0.98, 3 * Keys * 1.02);
    }

    [Fact]
    public async Task One_weight_that_changes_moves_the_keys_that_it_gains_and_no_others()
    {
        using var up = Up(10);
        var before = new string[Keys];
        for (var i = 0; i < Keys; i++)
        {
            before[i] = await up.PickAsync(Key(i));
        }
        Assert.Null(up.Set.SetWeights(new Dictionary<string, int> { ["d4:1"] = 2 }));
        var moved = 0;
        for (var i = 0; i < Keys; i++)
        {
            var after = await up.PickAsync(Key(i));
            Assert.True(after == before[i] || after == "d4:1");
            moved += after == before[i] ? 0 : 1;
        }
        // From 1/10 of them to 2/11.
        Assert.InRange(moved, Keys * 0.07, Keys * 0.095);
    }

    [Fact]
    public async Task Of_ten_destinations_one_that_leaves_moves_a_tenth_of_the_keys_and_no_other()
    {
        using var ten = Up(10);
        using var nine = Balanced.Of(u => Destinations(u.BalanceByHash("header:X-Key"), Enumerable.Range(0, 10).Where(i => i != 4)));
        var moved = 0;
        for (var i = 0; i < Keys; i++)
        {
            var (before, after) = (await ten.PickAsync(Key(i)), await nine.PickAsync(Key(i)));
            if (before != after)
            {
                Assert.Equal("d4:1", before);
                moved++;
            }
        }
        Assert.InRange(moved, Keys * 0.09, Keys * 0.11);
    }

    [Fact]
    public async Task The_keys_of_one_that_is_in_trouble_spread_over_all_others_and_come_back()
    {
        using var up = Up(5);
        var mine = (await KeysOf(up, "d2:1")).ToList();
        up.Set.Members[2].Destination.Accuse("health", "no answer");
        Assert.Equal(4, (await up.CountAsync(mine.Count, i => Key(mine[i]))).Count);
        up.Set.Members[2].Destination.Acquit("health");
        Assert.Equal(mine.Count, (await up.CountAsync(mine.Count, i => Key(mine[i])))["d2:1"]);
    }

    [Fact]
    public async Task One_hot_key_is_shared_once_its_destination_has_more_than_its_part()
    {
        using var up = Up(4);
        for (var i = 0; i < 400; i++)
        {
            await up.SendAsync(Key(7)); // and it doesn't end
        }
        Assert.All(up.Set.Members, m => Assert.InRange(m.Destination.Calls.Value, 1, 125 + 1));
        Assert.Contains(up.Set.Members, m => m.Destination.Calls.Value >= 124);
    }

    [Fact]
    public async Task A_looser_bound_lets_one_destination_have_more()
    {
        using var up = Balanced.Of(u => Destinations(u.BalanceByHash("header:X-Key", maxLoad: 300), Enumerable.Range(0, 4)));
        for (var i = 0; i < 400; i++)
        {
            await up.SendAsync(Key(7));
        }
        Assert.InRange(up.Set.Members.Max(m => m.Destination.Calls.Value), 290, 301);
    }

    private static async Task<IEnumerable<int>> KeysOf(Balanced up, string destination)
    {
        var found = new List<int>();
        for (var i = 0; i < 1000; i++)
        {
            if (await up.PickAsync(Key(i)) == destination)
            {
                found.Add(i);
            }
        }
        return found;
    }

    private static UpstreamCall Key(int i) => Balanced.Call("X-Key", $"key {i}");

    private static Balanced Up(int count, string by = "header:X-Key") => Balanced.Of(u => Destinations(u.BalanceByHash(by), Enumerable.Range(0, count)));

    private static void Destinations(UpstreamBuilder u, IEnumerable<int> which) =>
        u.Set<ForwardingOptions>(o => o with { Urls = [.. which.Select(i => new DestinationOptions { Url = $"http://d{i}:1" })] });
}
