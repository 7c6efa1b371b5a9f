using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Config;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;
using Postern.Server.Listening;

namespace Postern.Tests.Server;

/// <summary>A listener on a free port, in front of any handler.</summary>
internal sealed class Served : IAsyncDisposable
{
    private Served(TrafficServer server, ConcurrentQueue<(Failure, string?)> refused, MetricRegistry metrics) => (Server, Refused, Metrics) = (server, refused, metrics);

    public TrafficServer Server { get; }

    public string Url => Server.Urls[0];

    /// <summary>What was refused before it was a request: failure and reason.</summary>
    public ConcurrentQueue<(Failure Failure, string? Reason)> Refused { get; }

    public MetricRegistry Metrics { get; }

    public static Task<Served> StartAsync(RequestDelegate handle, ListenLimitsOptions? limits = null) =>
        StartAsync(new ListenOptions { Url = "http://127.0.0.1:0", Limits = limits ?? new() }, handle);

    public static async Task<Served> StartAsync(ListenOptions options, RequestDelegate handle)
    {
        var refused = new ConcurrentQueue<(Failure, string?)>();
        var metrics = new MetricRegistry();
        var server = new TrafficServer([options], handle, NullLoggerFactory.Instance, TimeProvider.System, context =>
        {
            var exchange = Exchange.Of(context);
            exchange.TraceId = exchange.RequestId = "4bf92f3577b34da6a3ce929d0e0e4736";
            refused.Enqueue((exchange.Failure, exchange.FailureReason));
            return Answer.FailAsync(context, exchange.Failure, reason: exchange.FailureReason);
        }, metrics);
        await server.StartAsync();
        return new Served(server, refused, metrics);
    }

    public Task<RawClient> ConnectAsync() => RawClient.ConnectAsync(Url);

    /// <summary>Done when the listener has so many connections: a client may think itself connected before it is accepted.</summary>
    public async Task UntilConnectionsAsync(int count)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        while (Server.Connections != count)
        {
            await timer.WaitForNextTickAsync(patience.Token);
        }
    }

    /// <summary>Checks that a whole answer is the problem of that code, and ends the connection.</summary>
    public static void IsProblem(string answer, int status, string code)
    {
        var (head, body) = (answer[..(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)], answer[(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..]);
        Assert.StartsWith($"HTTP/1.1 {status} ", head, StringComparison.Ordinal);
        Assert.Equal("application/problem+json", RawClient.Field(head, "Content-Type"));
        Assert.Equal("close", RawClient.Field(head, "Connection"));
        Assert.Null(RawClient.Field(head, "Server"));
        Assert.Equal(body.Length.ToString(System.Globalization.CultureInfo.InvariantCulture), RawClient.Field(head, "Content-Length"));
        var problem = JsonDocument.Parse(body).RootElement;
        Assert.Equal(code, problem.GetProperty("code").GetString());
        Assert.Equal(status, problem.GetProperty("status").GetInt32());
        Assert.Equal(RawClient.Field(head, "X-Request-Id"), problem.GetProperty("traceId").GetString());
    }

    public ValueTask DisposeAsync() => Server.DisposeAsync();
}
