using System.Net;
using System.Net.Sockets;

namespace Postern.Tests.Harness;

/// <summary>The service that proofs are made with breaks as it says.</summary>
public sealed class FaultyServiceTests
{
    [Fact]
    public async Task Each_fault_is_what_it_says_and_requests_are_counted()
    {
        Assert.SkipUnless(FaultyService.Missing is null, FaultyService.Missing ?? "");
        await using var service = await FaultyService.StartAsync();
        Assert.Equal("200", await AskAsync(service));
        await service.BreakAsync("fail 503");
        Assert.Equal("503", await AskAsync(service));
        await service.BreakAsync("reset");
        Assert.Equal("ConnectionReset", await AskAsync(service));
        await service.BreakAsync("garbage");
        Assert.Equal("InvalidResponse", await AskAsync(service));
        await service.BreakAsync("cut");
        Assert.Equal("ResponseEnded", await AskAsync(service));
        foreach (var fault in new[] { "hang", "drip 2000", "trickle 2000" })
        {
            await service.BreakAsync(fault);
            Assert.Equal("nothing", await AskAsync(service, TimeSpan.FromMilliseconds(300)));
        }
        await service.BreakAsync("errors 0.5");
        var answers = new List<string>();
        for (var i = 0; i < 100; i++)
        {
            answers.Add(await AskAsync(service));
        }
        Assert.InRange(answers.Count(a => a == "500"), 30, 70);
        Assert.Equal(100 - answers.Count(a => a == "500"), answers.Count(a => a == "200"));
        Assert.Equal("200", await AskAsync(service, path: "/healthz"));
        var counts = await service.CountAsync();
        Assert.Equal((108, 0), (counts.Calls, counts.Retries));
        Assert.Equal(["GET 1", "probe"], counts.Asked.Keys.Order(StringComparer.Ordinal));
        await service.ForgetAsync();
        Assert.Empty((await service.CountAsync()).Asked);
    }

    [Fact]
    public async Task It_can_be_killed_stopped_and_cut_off_and_comes_back_on_its_port()
    {
        Assert.SkipUnless(FaultyService.Missing is null, FaultyService.Missing ?? "");
        await using var service = await FaultyService.StartAsync();
        await service.KillAsync();
        Assert.Equal("ConnectionRefused", await AskAsync(service));
        await service.StartAgainAsync();
        Assert.Equal("200", await AskAsync(service));

        await service.StopAsync();
        Assert.Equal("nothing", await AskAsync(service, TimeSpan.FromMilliseconds(300)));
        service.Continue();
        Assert.Equal("200", await AskAsync(service));

        await service.DropPacketsAsync();
        using (var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))
        using (var soon = new CancellationTokenSource(TimeSpan.FromMilliseconds(300)))
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => socket.ConnectAsync(IPAddress.Loopback, service.Port, soon.Token).AsTask());
        }
        service.Continue();
        Assert.Equal("200", await AskAsync(service));
    }

    private static async Task<string> AskAsync(FaultyService service, TimeSpan? timeout = null, string path = "/")
    {
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { Timeout = timeout ?? TimeSpan.FromSeconds(10) };
        try
        {
            using var answer = await client.GetAsync(service.Url + path);
            return ((int)answer.StatusCode).ToString();
        }
        catch (HttpRequestException e)
        {
            return e.HttpRequestError == HttpRequestError.InvalidResponse ? "InvalidResponse"
                : e.InnerException is HttpIOException { HttpRequestError: HttpRequestError.ResponseEnded } ? "ResponseEnded"
                : ((e.InnerException as SocketException ?? e.InnerException?.InnerException as SocketException)?.SocketErrorCode ?? 0).ToString();
        }
        catch (OperationCanceledException)
        {
            return "nothing";
        }
    }
}
