using Postern.Backends.Proxying;
using Postern.Config;
using Postern.Pipeline;
using Postern.Transforms;

namespace Postern.Tests.Config;

public sealed class ValidationTests
{
    [Fact]
    public void Records_made_in_code_are_held_to_the_same()
    {
        var config = new GatewayConfig();
        config.Root.Set<GatewayOptions>(o => o with { Listen = [new ListenOptions { Url = "http://0.0.0.0:80", Limits = new() { Streams = 0, HeadSize = 1L << 30 } }] });
        var gate = new GateConfig("web");
        gate.Sections.Set<ProxyOptions>(o => o with { To = [new TargetOptions { Weight = -1 }] });
        gate.Sections.Set<TimeoutSection>(o => o with { Timeout = TimeSpan.FromHours(2) });
        gate.Sections.Set<HeadersSection>(h => h with
        {
            Headers = new HeaderOptions { Request = new() { Set = new Dictionary<string, string> { ["Bad Name"] = "x" } } },
        });
        config.Gates.Add(gate);
        var check = new Check();
        Validation.Run(config, check);
        Assert.Equal(
            [
                "listen[0].limits.headSize: must be between 1KB and 1MB, got 1GB; write 1MB or less",
                "listen[0].limits.streams: must be between 1 and 1000, got 0; write 1 or more",
                "to[0].url: needed, but not written; add url: http://NAME/path",
                "to[0].weight: must be between 0 and 1000000, got -1; write 0 or more",
                "timeout: must be between 1ms and 1h, got 2h; write 1h or less",
                "headers.request.set.Bad Name: not a header name, got 'Bad Name'; letters, digits and '-'",
            ],
            check.Problems.Select(p => p.ToString()));
        Assert.Equal([null, null, "web", "web", "web", "web"], check.Problems.Select(p => p.Gate));
    }
}
