using Postern.Tests.Harness;
using Postern.Tests.Upstreams.Balancing;
using Postern.Upstreams.Balancing;

namespace Postern.Tests.Upstreams;

/// <summary>Who may be called: troubles, backups, panic, weights, slow start, and what outlives a reload.</summary>
public sealed class DestinationSetTests
{
    [Fact]
    public void Who_is_in_trouble_is_not_called_until_it_is_taken_back()
    {
        using var up = Balanced.Of("http://a:1", "http://b:1");
        var a = up.Set.Members[0].Destination;
        a.Accuse("health", "no answer");
        a.Accuse("ejected", "five failures");
        Assert.Equal(["b:1"], Called(up));
        a.Acquit("health");
        Assert.Equal(["b:1"], Called(up));
        a.Acquit("ejected");
        Assert.Equal(["a:1", "b:1"], Called(up));
    }

    [Fact]
    public async Task Troubles_that_come_and_go_at_once_never_leave_one_called_that_is_in_trouble()
    {
        using var up = Balanced.Of("http://a:1", "http://b:1", "http://c:1");
        var a = up.Set.Members[0].Destination;
        using var round = new Barrier(2);
        var wrong = 0;
        var one = Task.Factory.StartNew(() => Repeat("health"), TaskCreationOptions.LongRunning);
        var other = Task.Factory.StartNew(() => Repeat("ejected"), TaskCreationOptions.LongRunning);
        await Task.WhenAll(one, other);
        Assert.Equal(0, wrong);

        void Repeat(string by)
        {
            for (var i = 0; i < 20_000; i++)
            {
                // One begins while the other ends.
                if (by == "health" == (i % 2 == 0))
                {
                    a.Accuse(by, "no answer");
                }
                else
                {
                    a.Acquit(by);
                }
                round.SignalAndWait();
                if (by == "health" && up.Set.Now.Members.Length != (a.Troubles.IsEmpty ? 3 : 2))
                {
                    wrong++;
                }
                round.SignalAndWait();
            }
        }
    }

    [Fact]
    public void A_backup_is_called_when_no_other_is_well()
    {
        using var up = Balanced.Of(u => u.Destination("http://a:1").Destination("http://b:1").Destination("http://c:1", backup: true));
        Assert.Equal(["a:1", "b:1"], Called(up));
        Accuse(up, 0);
        Assert.Equal(["b:1"], Called(up));
        Accuse(up, 1);
        Assert.Equal(["c:1"], Called(up));
        Assert.False(up.Set.Now.Panics);
        Acquit(up, 0);
        Assert.Equal(["a:1"], Called(up));
    }

    [Fact]
    public void When_so_few_are_well_that_it_is_panic_backups_help()
    {
        using var up = Balanced.Of(u => u.Destination("http://a:1").Destination("http://b:1").Destination("http://c:1").Destination("http://d:1", backup: true));
        Accuse(up, 0, 1);
        Assert.Equal(["c:1", "d:1"], Called(up));
        Assert.False(up.Set.Now.Panics);
        Accuse(up, 3);
        Assert.Equal(["a:1", "b:1", "c:1", "d:1"], Called(up));
        Assert.True(up.Set.Now.Panics);
    }

    [Fact]
    public void With_fewer_than_half_well_all_are_called()
    {
        using var up = Balanced.Of("http://a:1", "http://b:1", "http://c:1", "http://d:1");
        Accuse(up, 0, 1);
        Assert.Equal(["c:1", "d:1"], Called(up));
        Accuse(up, 2);
        Assert.Equal(["a:1", "b:1", "c:1", "d:1"], Called(up));
        Assert.True(up.Set.Now.Panics);
        Acquit(up, 1);
        Assert.Equal(["b:1", "d:1"], Called(up));
        Assert.False(up.Set.Now.Panics);
    }

    [Fact]
    public async Task Weights_change_while_it_runs()
    {
        using var up = Balanced.Of(u => u.Balance(Balance.RoundRobin).Destination("http://a:1").Destination("http://b:1"));
        Assert.Null(up.Set.SetWeights(new Dictionary<string, int> { ["a:1"] = 3 }));
        Assert.Equal(75, (await up.CountAsync(100))["a:1"]);
        Assert.Null(up.Set.SetWeights(new Dictionary<string, int> { ["b:1"] = 0 }));
        Assert.Equal(100, (await up.CountAsync(100))["a:1"]);
        Assert.Equal([3, 0], up.Set.Members.Select(m => m.Weight));
    }

    [Theory]
    [InlineData("c:1", 1, "no destination 'c:1' (there are: a:1, b:1)")]
    [InlineData("a:1", -1, "a weight is between 0 and 1000000, got -1 for 'a:1'")]
    [InlineData("a:1", 1_000_001, "a weight is between 0 and 1000000, got 1000001 for 'a:1'")]
    public void Weights_that_make_no_sense_change_nothing(string name, int weight, string why)
    {
        using var up = Balanced.Of("http://a:1", "http://b:1");
        Assert.Equal(why, up.Set.SetWeights(new Dictionary<string, int> { ["b:1"] = 7, [name] = weight }));
        Assert.Equal([1, 1], up.Set.Members.Select(m => m.Weight));
    }

    [Fact]
    public void Not_every_weight_may_be_0()
    {
        using var up = Balanced.Of("http://a:1", "http://b:1");
        Assert.Null(up.Set.SetWeights(new Dictionary<string, int> { ["a:1"] = 0 }));
        Assert.StartsWith("every weight would be 0", up.Set.SetWeights(new Dictionary<string, int> { ["b:1"] = 0 }), StringComparison.Ordinal);
        Assert.Equal(["b:1"], Called(up));
    }

    [Fact]
    public void Weights_outlive_a_reload_that_changes_nothing_of_the_destinations_and_no_other()
    {
        static void Build(UpstreamBuilder u) => u.Destination("http://a:1").Destination("http://b:1");
        var up = Balanced.Of(Build);
        up.Set.SetWeights(new Dictionary<string, int> { ["a:1"] = 9 });
        var same = Balanced.Of(u => { Build(u); u.Balance(Balance.Random).Timeout(TimeSpan.FromSeconds(1)); }, before: up);
        Assert.Same(up.Set, same.Set);
        Assert.Equal(9, same.Set.Members[0].Weight);
        using var changed = Balanced.Of(u => { Build(u); u.Destination("http://c:1"); }, before: same);
        Assert.Equal([1, 1, 1], changed.Set.Members.Select(m => m.Weight));
        Assert.Same(up.Set.Members[0].Destination, changed.Set.Members[0].Destination);
    }

    [Fact]
    public void Trouble_outlives_a_reload_that_brings_another_destination()
    {
        var up = Balanced.Of("http://a:1", "http://b:1");
        Accuse(up, 0);
        using var after = Balanced.Of(u => u.Destination("http://a:1").Destination("http://b:1").Destination("http://c:1"), before: up);
        Assert.Equal(["b:1", "c:1"], Called(after));
        after.Set.Members[0].Destination.Acquit("health");
        Assert.Equal(["a:1", "b:1", "c:1"], Called(after));
    }

    [Fact]
    public async Task Who_recovers_begins_with_a_tenth_and_has_all_after_the_time()
    {
        var time = new SteppedTime();
        using var up = Balanced.Of(u => u.Balance(Balance.RoundRobin).SlowStart(TimeSpan.FromSeconds(30)).Destination("http://a:1").Destination("http://b:1"), time);
        Assert.Equal(50, (await up.CountAsync(100))["a:1"]);
        Accuse(up, 0);
        time.Advance(TimeSpan.FromMinutes(5));
        Acquit(up, 0);
        Assert.Equal(100, (await up.CountAsync(1100))["a:1"]);
        time.Advance(TimeSpan.FromSeconds(15));
        Assert.InRange((await up.CountAsync(1500))["a:1"], 480, 520);
        time.Advance(TimeSpan.FromSeconds(16));
        Assert.Equal(500, (await up.CountAsync(1000))["a:1"]);
        Assert.Equal(0, time.Waiting);
    }

    [Fact]
    public async Task Who_joins_by_a_reload_begins_slowly_and_those_from_the_beginning_do_not()
    {
        var time = new SteppedTime();
        static void Build(UpstreamBuilder u) => u.Balance(Balance.RoundRobin).SlowStart(TimeSpan.FromSeconds(30)).Destination("http://a:1");
        var up = Balanced.Of(Build, time);
        using var after = Balanced.Of(u => { Build(u); u.Destination("http://b:1"); }, time, up);
        Assert.Equal(100, (await after.CountAsync(1100))["b:1"]);
        time.Advance(TimeSpan.FromSeconds(31));
        Assert.Equal(500, (await after.CountAsync(1000))["b:1"]);
    }

    [Fact]
    public async Task Without_slow_start_who_recovers_has_its_share_at_once()
    {
        using var up = Balanced.Of(u => u.Balance(Balance.RoundRobin).Destination("http://a:1").Destination("http://b:1"));
        Accuse(up, 0);
        Acquit(up, 0);
        Assert.Equal(50, (await up.CountAsync(100))["a:1"]);
    }

    private static IEnumerable<string> Called(Balanced up) => up.Set.Now.Members.Select(m => m.Destination.Name);

    private static void Accuse(Balanced up, params int[] which) => Array.ForEach(which, i => up.Set.Members[i].Destination.Accuse("health", "no answer"));

    private static void Acquit(Balanced up, params int[] which) => Array.ForEach(which, i => up.Set.Members[i].Destination.Acquit("health"));
}
