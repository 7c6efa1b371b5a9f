using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Microsoft.Extensions.Logging;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Edge.Authenticating.Introspecting;

/// <summary>
/// Knows callers by tokens that only their issuer can read (RFC 7662). The issuer is asked once about each token, by one call
/// for all requests that carry it, and its answer is remembered by the token's digest for a while. Whatever keeps it from
/// answering is a 503, never a pass; and a server that is down is asked once a second, not once a request.
/// </summary>
internal sealed partial class IntrospectionWay : Way
{
    /// <summary>Calls under way at once; those past it wait for their turn, within the time-out.</summary>
    public const int MostCalls = 64;

    /// <summary>Different tokens that are asked about or wait for it; those past it get 503. One client has at most a quarter.</summary>
    public const int MostTokens = 512;

    /// <summary>Tokens whose answers are remembered: so many good ones, and as many others.</summary>
    public const int MostKnown = 16 * 1024;

    /// <summary>The largest reply that is read.</summary>
    public const int MaxReply = 64 * 1024;

    /// <summary>How long a token that isn't good is remembered at most: it may be so new that not every server of the issuer knows it.</summary>
    public static readonly TimeSpan RefusedFor = TimeSpan.FromSeconds(5);

    private static readonly Uri Nowhere = new("about:blank");

    private readonly IntrospectionOptions options;
    private readonly Uri endpoint;
    private readonly AuthenticationHeaderValue credentials;
    private readonly ReplyReader reader;
    private readonly SingleFlight flights = new(MostTokens);
    private readonly BoundedCache<Digest, Remembered> known;
    // Of their own, so that no flood of bad tokens makes a good one forgotten.
    private readonly BoundedCache<Digest, Remembered> others;
    private readonly Outage outage = new();
    private readonly Dictionary<string, Counter> outcomes = [];
    private readonly Histogram duration;
    // A request may come a moment before the work begins.
    private readonly TaskCompletionSource<Fetch> begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile string resting = "";

    public IntrospectionWay(string name, IntrospectionOptions options, ClaimOptions claims, MetricRegistry metrics, int mostKnown = MostKnown) : base(name)
    {
        (known, others) = (new(mostKnown), new(mostKnown));
        this.options = options;
        endpoint = Uri.TryCreate(options.Endpoint, UriKind.Absolute, out var url) ? url : Nowhere;
        // RFC 6749 §2.3.1: both are form-encoded before they are joined, so that an id may have a colon.
        var pair = $"{WebUtility.UrlEncode(options.ClientId)}:{WebUtility.UrlEncode(options.ClientSecret)}";
        credentials = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.ASCII.GetBytes(pair)));
        reader = new ReplyReader(name, options, claims);
        foreach (var outcome in (string[])["active", "inactive", "unfit", "failed", "resting", "busy"])
        {
            outcomes[outcome] = metrics.Counter("postern_introspections_total",
                "Tokens an introspection endpoint had to be asked about, by what came of it; resting and busy were not asked.", ("identity", name), ("outcome", outcome));
        }
        duration = metrics.Histogram("postern_introspection_duration_seconds", "How long introspection endpoints took to answer.", ("identity", name));
    }

    private sealed record Remembered(Verdict Verdict, long Until);

    public override string Summary
    {
        get
        {
            var text = new StringBuilder("tokens known to ").Append(endpoint.GetLeftPart(UriPartial.Path));
            text.Append(options.Cache > TimeSpan.Zero ? $", answers kept {Config.Scalars.Format(options.Cache)}" : ", asked each time");
            text.Append(options.Issuer is null ? "" : $", iss {options.Issuer}");
            text.Append(options.Audience is null ? "" : $", aud {string.Join(" or ", options.Audience)}");
            return text.Append(options.Scopes is null ? "" : $", scopes {string.Join(' ', options.Scopes)}").ToString();
        }
    }

    public override Consumer? Find(in Digest digest) => Recall(known, digest)?.Consumer;

    public override ValueTask<Verdict> JudgeAsync(string credential, Digest digest, string client)
    {
        if (Recall(others, digest) is { } refused)
        {
            return new(refused);
        }
        if (outage.IsResting(Time))
        {
            return new(Resting());
        }
        if (flights.Join(digest, () => AskAsync(credential, digest), Network.Of(client)) is { } flight)
        {
            return new(flight);
        }
        outcomes["busy"].Add();
        return new(Verdict.Unavailable($"{Name}: as many tokens as may be are being asked about", 1));
    }

    protected override void Begin() => begun.SetResult(new Fetch(Time, options.Timeout, MaxReply, MostCalls));

    // Nothing is disposed: requests of the last snapshot may still ask. The connections end on their own when nobody uses them.

    private async Task<Verdict> AskAsync(string credential, Digest digest)
    {
        var fetch = await begun.Task;
        // Another call may have ended between this request's look and its own call.
        if (Recall(known, digest) is { } since)
        {
            return since;
        }
        if (!outage.MayAsk(Time, options.Timeout + Outage.Rest))
        {
            return Resting();
        }
        var began = Time.GetTimestamp();
        var form = Encoding.ASCII.GetBytes($"token={WebUtility.UrlEncode(credential)}&token_type_hint=access_token");
        var answer = await fetch.PostAsync(endpoint, form, credentials, CancellationToken.None);
        duration.Record(Time.GetTimestamp() - began);
        var reply = answer.Problem is { } problem ? new Reply(Verdict.Unavailable(Explain(answer.Status, problem), 1), "failed", null) : reader.Read(answer, Time.GetUtcNow());
        outcomes[reply.Outcome].Add();
        if (reply.Verdict.Failure == Failure.IdentityUnavailable)
        {
            return Fail(digest, answer.Status, reply.Verdict.Reason!);
        }
        if (outage.Worked(Time) is { } lasted)
        {
            LogBack(Logger, Name, (long)lasted.TotalSeconds);
        }
        Remember(digest, reply);
        return reply.Verdict;
    }

    private void Remember(Digest digest, Reply reply)
    {
        var good = reply.Verdict.Consumer is not null;
        var span = good || options.Cache < RefusedFor ? options.Cache : RefusedFor;
        if (reply.Expires is { } expires && expires - Time.GetUtcNow() is var left && left < span)
        {
            span = left;
        }
        if (span > TimeSpan.Zero)
        {
            (good ? known : others).Set(digest, new Remembered(reply.Verdict, After(span)));
        }
    }

    private Verdict Fail(Digest digest, int status, string problem)
    {
        resting = $"{Name}: {problem}; not asked again yet";
        if (outage.Failed(Time, Enough(status)))
        {
            LogFails(Logger, Name, endpoint.GetLeftPart(UriPartial.Path), problem);
        }
        var verdict = Verdict.Unavailable($"{Name}: {problem}", 1);
        others.Set(digest, new Remembered(verdict, After(Outage.Rest)));
        return verdict;
    }

    private Verdict? Recall(BoundedCache<Digest, Remembered> cache, in Digest digest) =>
        cache.Find(digest) is { } remembered && Time.GetTimestamp() < remembered.Until ? remembered.Verdict : null;

    private long After(TimeSpan span) => Time.GetTimestamp() + (long)(span.TotalSeconds * Time.TimestampFrequency);

    private Verdict Resting()
    {
        outcomes["resting"].Add();
        return Verdict.Unavailable(resting, 1);
    }

    /// <summary>How many failures in a row are an outage: one where every token must fare the same, many where it may be the token's doing.</summary>
    private static int Enough(int status) => status switch
    {
        401 or 403 => 1,
        200 or 400 or 413 or 414 or 422 or 431 or 500 => 10,
        _ => 3,
    };

    private static string Explain(int status, string problem) => status is 401 or 403 ? $"{problem}: it refuses clientId and clientSecret" : problem;

    [LoggerMessage(Level = LogLevel.Warning, Message = "Identity {Way}: {Endpoint} can't be asked, so its tokens get 503: {Problem}")]
    private static partial void LogFails(ILogger logger, string way, string? endpoint, string problem);

    [LoggerMessage(Level = LogLevel.Information, Message = "Identity {Way}: the introspection endpoint answers again, after {Seconds} s")]
    private static partial void LogBack(ILogger logger, string way, long seconds);
}
