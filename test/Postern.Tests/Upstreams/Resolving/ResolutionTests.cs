using System.Collections.Concurrent;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Postern.Pipeline.Telemetry;
using Postern.Tests.Harness;
using Postern.Tests.Upstreams.Balancing;
using Postern.Upstreams;
using Postern.Upstreams.Balancing;
using Postern.Upstreams.Forwarding;
using Postern.Upstreams.Resolving;

namespace Postern.Tests.Upstreams.Resolving;

/// <summary>When a name is asked for again, and what becomes of its destinations.</summary>
public sealed class ResolutionTests : IAsyncDisposable
{
    private static readonly TimeSpan ServerTime = TimeSpan.FromSeconds(2);

    private readonly DnsPeer dns = new();
    private readonly Waits time = new(new SteppedTime());
    private readonly Lines log = new();
    private readonly SemaphoreSlim changes = new(0);

    public ValueTask DisposeAsync() => dns.DisposeAsync();

    [Theory]
    [InlineData(60u, 59, 8)]
    [InlineData(0u, 4, 2)]
    public async Task It_is_asked_for_again_when_its_time_is_over_and_not_before_the_floor(uint ttl, int notYet, int then)
    {
        dns.Say("orders.test", ttl, "10.0.0.1");
        using var resolution = await StartAsync();
        Assert.Equal(["10.0.0.1:8080"], Names(resolution));
        var before = dns.Asked.Count;
        time.Advance(TimeSpan.FromSeconds(notYet));
        dns.Say("orders.test", ttl, "10.0.0.2");
        Assert.Equal(before, dns.Asked.Count);
        time.Advance(TimeSpan.FromSeconds(then));
        await ChangedAsync();
        Assert.Equal(["10.0.0.2:8080"], Names(resolution));
    }

    [Fact]
    public async Task The_last_good_answer_holds_while_nobody_can_say_and_that_is_logged_once()
    {
        dns.Say("orders.test", 1, "10.0.0.1", "10.0.0.2");
        using var resolution = await StartAsync();
        dns.Code = 2;
        await AgainAsync();
        await AgainAsync();
        dns.Code = 3; // there is no such name
        await AgainAsync();
        dns.Code = 0;
        dns.Say("orders.test", 1); // nor an address
        await AgainAsync();
        Assert.Equal(["10.0.0.1:8080", "10.0.0.2:8080"], Names(resolution));
        dns.Say("orders.test", 1, "10.0.0.2");
        await AgainAsync();
        await ChangedAsync();
        Assert.Equal(["10.0.0.2:8080"], Names(resolution));
        Assert.Equal(
        [
            "orders.test:8080 of upstream orders is 10.0.0.1:8080, 10.0.0.2:8080",
            $"orders.test:8080 of upstream orders can't be resolved: {dns.Server} answered with error 2; the last answer holds",
            "orders.test:8080 of upstream orders is resolved again",
            "orders.test:8080 of upstream orders is 10.0.0.2:8080",
        ], log.Texts);
    }

    [Fact]
    public async Task An_address_that_stays_is_the_same_destination()
    {
        dns.Say("orders.test", 1, "10.0.0.1", "10.0.0.2");
        using var resolution = await StartAsync();
        var stays = resolution.Now[1].Destination;
        dns.Say("orders.test", 1, "10.0.0.3", "10.0.0.2");
        await AgainAsync();
        await ChangedAsync();
        Assert.Equal(["10.0.0.2:8080", "10.0.0.3:8080"], Names(resolution));
        Assert.Same(stays, resolution.Now[0].Destination);
    }

    [Fact]
    public async Task The_same_addresses_in_another_order_change_nothing()
    {
        dns.Say("orders.test", 1, "10.0.0.1", "10.0.0.2");
        using var resolution = await StartAsync();
        dns.Say("orders.test", 1, "10.0.0.2", "10.0.0.1");
        await AgainAsync();
        dns.Say("orders.test", 1, "10.0.0.2", "10.0.0.1", "10.0.0.3");
        await AgainAsync();
        await ChangedAsync();
        Assert.Equal(0, changes.CurrentCount);
    }

    [Fact]
    public async Task Of_addresses_that_could_not_be_asked_for_the_last_hold()
    {
        Assert.SkipUnless(Socket.OSSupportsIPv6, "This machine has no IPv6.");
        dns.Say("orders.test", 1, "10.0.0.1", "::1");
        using var resolution = await StartAsync(AddressFamilies.Both);
        dns.FailsFor = DnsType.Aaaa;
        dns.Say("orders.test", 1, "10.0.0.2");
        await AgainAsync();
        await ChangedAsync();
        Assert.Equal(["10.0.0.2:8080", "[::1]:8080"], Names(resolution));
        dns.FailsFor = null;
        await AgainAsync();
        await ChangedAsync();
        Assert.Equal(["10.0.0.2:8080"], Names(resolution));
    }

    [Fact]
    public async Task A_name_that_nobody_knows_at_first_is_asked_for_again_soon()
    {
        using var resolution = await StartAsync();
        Assert.Empty(resolution.Now);
        Assert.Null(resolution.NotReady);
        dns.Say("orders.test", 60, "10.0.0.1");
        time.Advance(TimeSpan.FromSeconds(1.2));
        await ChangedAsync();
        Assert.Equal(["10.0.0.1:8080"], Names(resolution));
    }

    [Fact]
    public async Task Until_it_was_asked_for_an_instance_is_not_ready()
    {
        dns.IsSilent = true;
        using var resolution = Make();
        resolution.Start(time, log);
        await dns.UntilAskedAsync();
        Assert.Equal("orders.test:8080 of upstream orders is being resolved", resolution.NotReady);
        time.Advance(ServerTime); // The server is asked a second time,
        await dns.UntilAskedAsync();
        time.Advance(ServerTime); // and then no more.
        await resolution.Settled.WaitAsync(DnsPeer.Patience);
        Assert.Null(resolution.NotReady);
    }

    [Fact]
    public async Task A_new_address_takes_calls_slowly_at_first_and_one_that_is_gone_none()
    {
        dns.Say("orders.test", 1, "10.0.0.1");
        using var up = Balanced.Of(u => u.Balance(Balance.RoundRobin).SlowStart(TimeSpan.FromSeconds(30)).Destination("http://orders.test:8080").Resolve(Options), time);
        await up.SendAsync(); // waits for the first answer
        await time.UntilWaitingAsync();
        up.Set.MembersChanged += () => changes.Release();
        Assert.Equal(["10.0.0.1:8080"], up.Set.Members.Select(m => m.Destination.Name));
        dns.Say("orders.test", 1, "10.0.0.1", "10.0.0.2");
        await AgainAsync();
        await ChangedAsync();
        Assert.Equal(100, (await up.CountAsync(1100))["10.0.0.2:8080"]);
        dns.Say("orders.test", 1, "10.0.0.2");
        await AgainAsync();
        await ChangedAsync();
        Assert.Equal(100, (await up.CountAsync(100))["10.0.0.2:8080"]);
    }

    [Fact]
    public async Task Weights_can_be_set_for_one_that_was_found_or_for_all_of_a_name()
    {
        dns.Say("orders.test", 1, "10.0.0.1", "10.0.0.2");
        using var up = Balanced.Of(u => u.Destination("http://orders.test:8080").Destination("http://10.0.0.9:1").Resolve(Options), time);
        await up.SendAsync();
        await time.UntilWaitingAsync();
        up.Set.MembersChanged += () => changes.Release();
        Assert.Null(up.Set.SetWeights(new Dictionary<string, int> { ["10.0.0.2:8080"] = 7 }));
        Assert.Equal("10.0.0.1:8080 1, 10.0.0.2:8080 7, 10.0.0.9:1 1", Weights(up));
        Assert.Null(up.Set.SetWeights(new Dictionary<string, int> { ["orders.test:8080"] = 4 }));
        Assert.Equal("10.0.0.1:8080 4, 10.0.0.2:8080 7, 10.0.0.9:1 1", Weights(up));
        await ChangedAsync(2);
        dns.Say("orders.test", 1, "10.0.0.3", "10.0.0.2");
        await AgainAsync();
        await ChangedAsync();
        Assert.Equal("10.0.0.2:8080 7, 10.0.0.3:8080 4, 10.0.0.9:1 1", Weights(up));
    }

    [Fact]
    public async Task What_was_set_before_counts_when_it_is_asked_whether_any_weight_is_left()
    {
        dns.Say("orders.test", 1, "10.0.0.1");
        using var up = Balanced.Of(u => u.Destination("http://orders.test:8080").Destination("http://10.0.0.9:1").Resolve(Options), time);
        await up.SendAsync();
        await time.UntilWaitingAsync();
        Assert.Null(up.Set.SetWeights(new Dictionary<string, int> { ["10.0.0.1:8080"] = 0 }));
        // The one address has its own weight, whatever its name's is.
        Assert.NotNull(up.Set.SetWeights(new Dictionary<string, int> { ["orders.test:8080"] = 5, ["10.0.0.9:1"] = 0 }));
        Assert.Equal("10.0.0.1:8080 0, 10.0.0.9:1 1", Weights(up));
        Assert.Null(up.Set.SetWeights(new Dictionary<string, int> { ["orders.test:8080"] = 0, ["10.0.0.1:8080"] = 2, ["10.0.0.9:1"] = 0 }));
        Assert.Equal("10.0.0.1:8080 2, 10.0.0.9:1 0", Weights(up));
    }

    [Fact]
    public async Task Found_destinations_outlive_a_reload()
    {
        dns.Say("orders.test", 1, "10.0.0.1", "10.0.0.2");
        var before = Balanced.Of(u => u.Destination("http://orders.test:8080").Resolve(Options), time);
        await before.SendAsync();
        using var after = Balanced.Of(u => u.Destination("http://orders.test:8080", 3).Resolve(Options), time, before);
        Assert.NotSame(before.Set, after.Set);
        Assert.Equal(before.Set.Members.Select(m => m.Destination), after.Set.Members.Select(m => m.Destination));
        Assert.Equal([3, 3], after.Set.Members.Select(m => m.Weight));
    }

    private ResolveOptions Options => new() { Servers = [dns.Server], Family = AddressFamilies.Ipv4 };

    private static IEnumerable<string> Names(Resolution resolution) => resolution.Now.Select(f => f.Destination.Name);

    private static string Weights(Balanced up) => string.Join(", ", up.Set.Members.Select(m => $"{m.Destination.Name} {m.Weight}"));

    private Resolution Make(AddressFamilies family = AddressFamilies.Ipv4)
    {
        var resolution = new Resolution("orders", "http://orders.test:8080", DestinationSettings.From(new ForwardingOptions()), Options with { Family = family }, new HostFiles("/nowhere"), new MetricRegistry());
        resolution.Changed += () => changes.Release();
        return resolution;
    }

    private async Task<Resolution> StartAsync(AddressFamilies family = AddressFamilies.Ipv4)
    {
        var resolution = Make(family);
        resolution.Start(time, log);
        await resolution.Settled.WaitAsync(DnsPeer.Patience);
        if (resolution.Now.Length > 0)
        {
            await ChangedAsync();
        }
        await time.UntilWaitingAsync();
        return resolution;
    }

    /// <summary>Lets so much time pass that it is asked for again, and waits until it waits once more.</summary>
    private async Task AgainAsync()
    {
        time.Advance(TimeSpan.FromSeconds(6));
        await time.UntilWaitingAsync();
    }

    private async Task ChangedAsync(int times = 1)
    {
        for (var i = 0; i < times; i++)
        {
            Assert.True(await changes.WaitAsync(DnsPeer.Patience), "Nothing changes.");
        }
    }

    /// <summary>A stepped clock that tells when somebody begins to wait for longer than a name server may take.</summary>
    private sealed class Waits(SteppedTime steps) : TimeProvider
    {
        private readonly SemaphoreSlim waits = new(0);

        public override long TimestampFrequency => steps.TimestampFrequency;

        public override long GetTimestamp() => steps.GetTimestamp();

        public override DateTimeOffset GetUtcNow() => steps.GetUtcNow();

        public void Advance(TimeSpan by) => steps.Advance(by);

        public async Task UntilWaitingAsync() => Assert.True(await waits.WaitAsync(DnsPeer.Patience), "Nobody waits.");

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = steps.CreateTimer(callback, state, dueTime, period);
            if (dueTime > TimeSpan.Zero && dueTime != ServerTime)
            {
                waits.Release();
            }
            return timer;
        }
    }

    private sealed class Lines : ILogger
    {
        private readonly ConcurrentQueue<string> texts = new();

        public IEnumerable<string> Texts => texts;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            texts.Enqueue(formatter(state, exception));

        public bool IsEnabled(LogLevel logLevel) => true;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;
    }
}
