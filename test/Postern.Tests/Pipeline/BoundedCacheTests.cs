using Postern.Pipeline;

namespace Postern.Tests.Pipeline;

public sealed class BoundedCacheTests
{
    [Fact]
    public void What_was_set_is_found_and_what_was_removed_is_not()
    {
        var cache = new BoundedCache<int, string>(8);
        cache.Set(1, "one");
        Assert.Equal("one", cache.Find(1));
        cache.Set(1, "uno");
        Assert.Equal("uno", cache.Find(1));
        cache.Remove(1);
        Assert.Null(cache.Find(1));
        cache.Remove(1);
        Assert.Null(cache.Find(2));
    }

    [Fact]
    public void Never_more_than_its_capacity_is_remembered()
    {
        var cache = new BoundedCache<int, string>(100);
        for (var i = 0; i < 1000; i++)
        {
            cache.Set(i, $"{i}");
            Assert.InRange(Enumerable.Range(0, i + 1).Count(Peek(cache)), 1, 100);
            Assert.Equal($"{i}", cache.Find(i));
        }
    }

    [Fact]
    public void What_is_asked_for_stays_however_much_else_comes()
    {
        var cache = new BoundedCache<int, string>(100);
        cache.Set(-1, "kept");
        for (var i = 0; i < 10_000; i++)
        {
            cache.Set(i, "");
            if (i % 20 == 0)
            {
                Assert.Equal("kept", cache.Find(-1));
            }
        }
        Assert.Null(cache.Find(0));
    }

    [Fact]
    public void What_nobody_asks_for_is_forgotten()
    {
        var cache = new BoundedCache<int, string>(100);
        cache.Set(-1, "lost");
        for (var i = 0; i < 100; i++)
        {
            cache.Set(i, "");
        }
        Assert.Null(cache.Find(-1));
    }

    [Fact]
    public void An_entry_of_the_old_generation_can_be_replaced_and_removed()
    {
        var cache = new BoundedCache<int, string>(4);
        cache.Set(1, "one");
        cache.Set(2, "two"); // The young generation is full: both are old now.
        cache.Set(1, "uno");
        Assert.Equal("uno", cache.Find(1));
        cache.Remove(1);
        Assert.Null(cache.Find(1));
        cache.Remove(2);
        Assert.Null(cache.Find(2));
    }

    [Fact]
    public void Removing_makes_room()
    {
        var cache = new BoundedCache<int, string>(4);
        cache.Set(-1, "kept");
        for (var i = 0; i < 100; i++)
        {
            cache.Set(i, "");
            cache.Remove(i);
        }
        Assert.Equal("kept", cache.Find(-1));
    }

    [Fact]
    public void A_capacity_of_next_to_nothing_works()
    {
        var cache = new BoundedCache<int, string>(0);
        cache.Set(1, "one");
        cache.Set(2, "two");
        Assert.Equal("two", cache.Find(2));
    }

    [Fact]
    public async Task What_many_threads_set_and_find_is_never_anothers_nor_older_than_what_was_set_last()
    {
        var cache = new BoundedCache<int, string>(64);
        var workers = Enumerable.Range(0, 4).Select(worker => Task.Run(() =>
        {
            for (var i = 0; i < 50_000; i++)
            {
                var key = (worker * 1000) + (i % 40); // Nobody else's, so what is found is what this worker set last, or nothing.
                cache.Set(key, $"{key} {i}");
                var found = cache.Find(key);
                Assert.True(found is null || found == $"{key} {i}");
                cache.Remove(key);
                Assert.Null(cache.Find(key));
            }
        }));
        await Task.WhenAll(workers);
    }

    [Fact]
    public void What_is_removed_while_it_is_looked_for_does_not_come_back()
    {
        var (cache, key) = OldEntry();
        key.Meanwhile = () => cache.Remove(key);
        cache.Find(key);
        Assert.Null(key.Meanwhile);
        Assert.Null(cache.Find(key));
    }

    [Fact]
    public void What_is_set_while_it_is_looked_for_stays()
    {
        var (cache, key) = OldEntry();
        key.Meanwhile = () => cache.Set(key, "new");
        cache.Find(key);
        Assert.Null(key.Meanwhile);
        Assert.Equal("new", cache.Find(key));
    }

    /// <summary>A cache whose old generation has an entry.</summary>
    private static (BoundedCache<Key, string>, Key) OldEntry()
    {
        var (cache, key) = (new BoundedCache<Key, string>(4), new Key());
        cache.Set(key, "old");
        cache.Set(new Key(), "");
        return (cache, key);
    }

    /// <summary>Whether an entry is there, as a fresh look sees it; looking moves, so each look counts.</summary>
    private static Func<int, bool> Peek(BoundedCache<int, string> cache) => key => cache.Find(key) is not null;

    /// <summary>A key that lets a test do something in the middle of a look-up.</summary>
    private sealed class Key
    {
        public Action? Meanwhile { get; set; }

        public override bool Equals(object? other)
        {
            var run = Meanwhile;
            Meanwhile = null;
            run?.Invoke();
            return ReferenceEquals(this, other);
        }

        public override int GetHashCode() => 0;
    }
}
