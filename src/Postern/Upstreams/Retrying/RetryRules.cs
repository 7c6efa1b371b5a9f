using System.Globalization;
using Postern.Config;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Upstreams.Retrying;

/// <summary>Decides for one upstream whether a call that failed is tried again, and after how long.</summary>
internal sealed class RetryRules
{
    private readonly int attempts, most;
    private readonly Failures on;
    private readonly DurationRange backoff;
    private readonly RetryBudget budget;
    private readonly DestinationSet destinations;
    private readonly TimeProvider time;
    private readonly Counter[] again;
    private readonly Counter won, overspent, late;

    public RetryRules(UpstreamScope scope, RetryOptions options, TimeProvider time)
    {
        attempts = options.Attempts;
        most = (int)(options.Body ?? 64 * 1024).Bytes;
        backoff = options.Backoff ?? new DurationRange(TimeSpan.FromMilliseconds(25), TimeSpan.FromMilliseconds(250));
        on = new Failures(Meant(options.Listed));
        destinations = DestinationSet.Of(scope);
        this.time = time;
        var (name, share, floor) = (scope.Upstream.Name, options.Budget ?? new Percent(10), options.MinPerSecond);
        budget = scope.State.Keep("retry budget", $"{name} {share} {floor}", () => new RetryBudget(name, share.Share, floor, time));
        scope.Note("retry", $"{attempts} tries in all on {string.Join(", ", options.Listed)}; {share} of the calls of {RetryBudget.Seconds}s, {floor}/s at least; "
            + $"backoff {backoff}; bodies up to {new ByteSize(most)}");
        var metrics = MetricRegistry.Of(scope.State);
        again = [.. Enum.GetValues<OutcomeKind>().Select(kind => Count("postern_upstream_retries_total", "Tries beyond the first, by why there was another.", ("reason", Reason(kind))))];
        won = Count("postern_upstream_retries_won_total", "Calls that a try beyond the first has answered.");
        overspent = Count("postern_upstream_retries_refused_total", "Calls not tried again although they might have been, by what forbade it.", ("reason", "budget"));
        late = Count("postern_upstream_retries_refused_total", "Calls not tried again although they might have been, by what forbade it.", ("reason", "deadline"));
        metrics.Gauge("postern_upstream_retry_budget_left", "Tries beyond the first that may be made at this moment.", () => budget.Left, ("upstream", name));

        Counter Count(string metric, string help, params ReadOnlySpan<(string, string)> labels) => metrics.Counter(metric, help, [("upstream", name), .. labels]);
    }

    /// <summary>A call comes. Its body is kept if it may have to be sent again and isn't too long: it then is a <see cref="ReplayBody"/>.</summary>
    public void Begin(UpstreamCall call)
    {
        budget.Count();
        call.IsTriedAgain = MayRepeat(call);
        if (call.Body is { } body && call.BodyLength != 0 && most > 0 && (call.BodyLength ?? 0) <= most && call.IsTriedAgain)
        {
            call.Body = new ReplayBody(call, body, most);
        }
    }

    /// <summary>Whether there is another try, which is then taken out of the budget.</summary>
    /// <param name="call">The call, whose last try has ended.</param>
    /// <param name="outcome">How it ended.</param>
    /// <param name="reply">Its answer, if there is one.</param>
    /// <param name="body">What was kept of the call's body.</param>
    /// <param name="wait">How long to wait before it.</param>
    public bool TryAgain(UpstreamCall call, in Outcome outcome, UpstreamReply? reply, ReplayBody? body, out TimeSpan wait)
    {
        wait = default;
        if (!on.Has(outcome))
        {
            if (call.Attempt > 1 && outcome is { Kind: OutcomeKind.Answered, Status: < 500 })
            {
                won.Add();
            }
            return false;
        }
        if (call.Attempt >= attempts || !IsWhole(call, body) || !call.IsTriedAgain || (call.Attempt == 1 && IsRetry(call)))
        {
            return false;
        }
        Note(call);
        wait = Backoff(call.Attempt);
        if (!Wait(outcome.Status, reply, call, ref wait))
        {
            return false;
        }
        if (wait.TotalMilliseconds >= call.TimeLeft)
        {
            late.Add();
            return false;
        }
        if (!budget.TrySpend())
        {
            overspent.Add();
            return false;
        }
        again[(int)outcome.Kind].Add();
        return true;
    }

    /// <summary>Whether all of the call's body can be sent. Final once the try has ended: until then it may send more than is kept.</summary>
    public static bool IsWhole(UpstreamCall call, ReplayBody? body) =>
        call.Body is null || call.BodyLength == 0 || (body is null ? !call.BodyBegun : body.CanRewind);

    /// <summary>Makes the call ready for its next try.</summary>
    public static void Prepare(UpstreamCall call, ReplayBody? body)
    {
        call.Attempt++;
        call.Fields.Remove(UpstreamCall.AttemptField);
        call.Fields.Add(UpstreamCall.AttemptField, call.Attempt.ToString(CultureInfo.InvariantCulture));
        body?.Rewind();
    }

    /// <summary>Full jitter: callers that failed together shall not come back together.</summary>
    private TimeSpan Backoff(int attempt) => Random.Shared.NextDouble() * TimeSpan.FromTicks(Math.Min(backoff.To.Ticks, backoff.From.Ticks << Math.Min(attempt - 1, 20)));

    /// <summary>Takes into account when the upstream wants to be asked again; false where it is not to be asked.</summary>
    private bool Wait(int status, UpstreamReply? reply, UpstreamCall call, ref TimeSpan wait)
    {
        if (status is not (429 or 503) || reply is null)
        {
            return true;
        }
        var asked = RetryAfter(reply.Fields.Find("Retry-After"));
        if (status == 429)
        {
            // Who refuses by rate and doesn't say until when is left alone; and whoever counts, counts for all destinations.
            wait = asked > wait ? asked.Value : wait;
            return asked is not null;
        }
        // One instance that is unavailable says nothing of the others.
        wait = asked > wait && !HasAnother(call) ? asked.Value : wait;
        return true;
    }

    // RFC 9110 §10.2.3
    private TimeSpan? RetryAfter(string? text)
    {
        if (text is { Length: > 0 } && text.AsSpan().IndexOfAnyExceptInRange('0', '9') < 0)
        {
            return TimeSpan.FromSeconds(int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) ? seconds : int.MaxValue);
        }
        return DateTimeOffset.TryParseExact(text, "r", CultureInfo.InvariantCulture, DateTimeStyles.None, out var at) ? at - time.GetUtcNow() : null;
    }

    private bool HasAnother(UpstreamCall call)
    {
        foreach (var member in destinations.Now.Members)
        {
            if (!call.Tried!.Contains(member.Destination) && !Array.Exists(member.Judges, static judge => judge.RetryAfter is not null))
            {
                return true;
            }
        }
        return false;
    }

    private static void Note(UpstreamCall call)
    {
        call.Tried ??= new List<IDestination>(2);
        if (call.Destination is { } tried && !call.Tried.Contains(tried))
        {
            call.Tried.Add(tried);
        }
    }

    // RFC 9110 §9.2.2, and the key by which a service knows a request that it has had before.
    private static bool MayRepeat(UpstreamCall call) => call.Method.Method switch
    {
        "GET" or "HEAD" or "OPTIONS" or "PUT" or "DELETE" => true,
        "POST" or "PATCH" => !string.IsNullOrWhiteSpace(call.Fields.Find("Idempotency-Key")),
        _ => false,
    };

    /// <summary>Two tiers that try twice each make four of one request; so only the one in front does.</summary>
    private static bool IsRetry(UpstreamCall call) => call.IsRetry || (call.Fields.Find(UpstreamCall.AttemptField) is { } attempt && UpstreamCall.IsLaterTry(attempt));

    /// <summary>A status also means what would become it: the client can't tell the two apart, nor can who writes the list be expected to.</summary>
    private static IEnumerable<CallFailure> Meant(IReadOnlyList<CallFailure> listed)
    {
        foreach (var failure in listed)
        {
            yield return failure;
            if (failure.Kind == CallFailureKind.Status && failure.Statuses.Has(502))
            {
                yield return CallFailure.Connect;
                yield return CallFailure.Reset;
            }
            if (failure.Kind == CallFailureKind.Status && failure.Statuses.Has(504))
            {
                yield return CallFailure.Timeout;
            }
        }
    }

    private static string Reason(OutcomeKind kind) => kind switch
    {
        OutcomeKind.Answered => "status",
        OutcomeKind.Unreachable => "connect",
        OutcomeKind.TimedOut => "timeout",
        _ => "reset",
    };
}
