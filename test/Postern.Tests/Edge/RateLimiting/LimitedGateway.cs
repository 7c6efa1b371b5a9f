using System.Buffers;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Edge.Authenticating;
using Postern.Edge.RateLimiting;
using Postern.Pipeline.Telemetry;
using Postern.Server.Serving;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.RateLimiting;

/// <summary>
/// A whole gateway without a server, under a clock of its own that begins at midnight. Callers are addresses, or have keys that
/// are their names: <c>key</c> in a configuration's identity.
/// </summary>
internal sealed class LimitedGateway : IAsyncDisposable
{
    private readonly TempFolder folder = new();
    private readonly Gateway gateway;

    private LimitedGateway(string yaml, (string Name, string Tier)[] keys, Action<GatewayBuilder>? build, ILoggerFactory? loggers, SteppedTime? time)
    {
        Time = time ?? AtMidnight();
        folder.Write("keys.yaml", keys.Length == 0 ? "keys: []\n"
            : "keys:\n" + string.Concat(keys.Select(k => $"  - {{ name: {k.Name}, hash: {Digest.Of(k.Name)}{(k.Tier.Length > 0 ? $", tier: {k.Tier}" : "")} }}\n")));
        Write(yaml);
        var (opened, problems) = OpenedGateway.Open(folder["postern.yaml"], build, loggers ?? NullLoggerFactory.Instance, Time);
        gateway = opened ?? throw new InvalidOperationException(string.Join('\n', problems));
    }

    public SteppedTime Time { get; }

    public ConsumerLimits Limits => gateway.Limits;

    public string? NotReady => gateway.NotReady();

    public static LimitedGateway Start(string yaml, Action<GatewayBuilder>? build = null, ILoggerFactory? loggers = null, SteppedTime? time = null, params (string Name, string Tier)[] keys) =>
        new(yaml, keys, build, loggers, time);

    /// <summary>A clock at the first moment of 2026, where windows of all lengths begin.</summary>
    public static SteppedTime AtMidnight()
    {
        var time = new SteppedTime();
        time.Advance(DateTimeOffset.Parse("2026-01-01T00:00:00Z", System.Globalization.CultureInfo.InvariantCulture) - DateTimeOffset.UnixEpoch);
        return time;
    }

    /// <summary>Sends a request.</summary>
    public async Task<LimitedAnswer> AskAsync(string target, string? key = null, string from = "192.0.2.1", string method = "GET", params (string Name, string Value)[] headers)
    {
        var context = new DefaultHttpContext();
        context.Request.Method = method;
        context.Request.Protocol = "HTTP/2";
        context.Request.Scheme = "http";
        context.Connection.RemoteIpAddress = IPAddress.Parse(from);
        context.Features.Get<IHttpRequestFeature>()!.RawTarget = target;
        context.Request.QueryString = new QueryString(target.IndexOf('?') is >= 0 and var query ? target[query..] : "");
        if (key is not null)
        {
            context.Request.Headers["X-Api-Key"] = key;
        }
        foreach (var (name, value) in headers)
        {
            context.Request.Headers.Append(name, value);
        }
        var body = new MemoryStream();
        context.Features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(body));
        await gateway.Handle(context);
        await context.Response.CompleteAsync();
        return new LimitedAnswer(context.Response.StatusCode, context.Response.Headers, Encoding.UTF8.GetString(body.ToArray()));
    }

    /// <summary>How many of so many requests pass.</summary>
    public async Task<int> PassAsync(int requests, string target, string? key = null, string from = "192.0.2.1")
    {
        var passed = 0;
        for (var i = 0; i < requests; i++)
        {
            passed += (await AskAsync(target, key, from)).Passed ? 1 : 0;
        }
        return passed;
    }

    /// <summary>Changes the configuration.</summary>
    public void Reload(string yaml)
    {
        Write(yaml);
        Assert.Empty(gateway.Reload());
    }

    /// <summary>One line of the metrics, or its value.</summary>
    public string? Metric(string series)
    {
        var text = new ArrayBufferWriter<byte>();
        PrometheusText.Write(gateway.Metrics, text);
        return Encoding.UTF8.GetString(text.WrittenSpan).Split('\n').FirstOrDefault(l => l.StartsWith(series + " ", StringComparison.Ordinal))?[(series.Length + 1)..];
    }

    public async ValueTask DisposeAsync()
    {
        await gateway.StopAsync();
        folder.Dispose();
    }

    private void Write(string yaml) => folder.Write("postern.yaml", $$"""
        version: 1
        telemetry: { accessLog: off }
        identity:
          key: { apiKey: { header: X-Api-Key, keys: keys.yaml } }
        {{yaml}}
        """);
}

/// <summary>An answer as a client of limits reads it.</summary>
internal sealed record LimitedAnswer(int Status, IHeaderDictionary Headers, string Body)
{
    public bool Passed => Status is 200 or 204;

    public int? RetryAfter => Headers.RetryAfter.Count > 0 ? int.Parse(Headers.RetryAfter!) : null;

    public string this[string name] => Headers[name].ToString();

    public override string ToString() => $"{Status} {this["RateLimit"]} {RetryAfter}";
}
