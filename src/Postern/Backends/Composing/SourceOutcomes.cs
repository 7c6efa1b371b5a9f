using System.Diagnostics;
using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;
using Postern.Pipeline;
using Postern.Transforms.Json;

namespace Postern.Backends.Composing;

/// <summary>
/// How the sources of one answer came out, and everything that says so: <c>partial</c> and its company in the answer, <c>Cache-Control</c> and
/// <c>Server-Timing</c> in its head, the access log.
/// </summary>
internal sealed class SourceOutcomes
{
    private readonly List<(string Name, SourceFailure? Failure, long Ticks)> all = [];

    /// <summary>Whether a source failed.</summary>
    public bool IsPartial { get; private set; }

    /// <summary>The first source whose answer was there and couldn't be used; null where none was.</summary>
    public (string Name, string Why)? Unusable { get; private set; }

    /// <summary>A source has come out. They are told of in the order in which they are added.</summary>
    /// <param name="name">The source.</param>
    /// <param name="failure">Why it failed; null where it didn't.</param>
    /// <param name="ticks">How long it took, in ticks of the <see cref="Stopwatch"/>.</param>
    public void Add(string name, SourceFailure? failure, long ticks)
    {
        all.Add((name, failure, ticks));
        IsPartial |= failure is not null;
        if (failure is { Reason: "invalid" or "too-large" or "error" } && Unusable is null)
        {
            Unusable = (name, failure.Why);
        }
    }

    /// <summary>Forgets them.</summary>
    public void Clear()
    {
        all.Clear();
        (IsPartial, Unusable) = (false, null);
    }

    /// <summary>Writes <c>{"partial":…,"failedSources":[…],"responseTimeMs":n}</c>.</summary>
    public void WriteMeta(JsonOutput output, long milliseconds)
    {
        output.Write(IsPartial ? "{\"partial\":true,\"failedSources\":["u8 : "{\"partial\":false,\"failedSources\":["u8);
        var first = true;
        foreach (var (name, failure, _) in all)
        {
            if (failure is null)
            {
                continue;
            }
            if (!first)
            {
                output.Write((byte)',');
            }
            first = false;
            JsonStrings.Write(output, name);
        }
        output.Write("],\"responseTimeMs\":"u8);
        milliseconds.TryFormat(output.Reserve(20), out var written, default, CultureInfo.InvariantCulture);
        output.Advance(written);
        output.Write((byte)'}');
    }

    /// <summary>What the head says of them.</summary>
    public void Say(IHeaderDictionary headers, bool serverTiming)
    {
        if (IsPartial)
        {
            // What lacks something now may have it in a second.
            headers.CacheControl = "no-store";
        }
        if (serverTiming && all.Count > 0)
        {
            headers["Server-Timing"] = Timing();
        }
    }

    /// <summary>What the access log says of them: <c>{"notifications":"timeout"}</c>, and what exactly went wrong.</summary>
    public void Log(Exchange exchange)
    {
        if (!IsPartial)
        {
            return;
        }
        var reasons = new StringBuilder();
        using var output = new JsonOutput(16 * 1024);
        output.Write((byte)'{');
        foreach (var (name, failure, _) in all)
        {
            if (failure is null)
            {
                continue;
            }
            if (output.Length > 1)
            {
                output.Write((byte)',');
            }
            JsonStrings.Write(output, name);
            output.Write((byte)':');
            JsonStrings.Write(output, failure.Reason);
            reasons.Append(reasons.Length > 0 ? "; " : "").Append(name).Append(": ").Append(failure.Why);
        }
        output.Write((byte)'}');
        exchange.FailedSources = output.IsFull ? null : Encoding.UTF8.GetString(output.Written);
        exchange.FailureReason = reasons.ToString();
    }

    /// <summary>As the W3C's Server Timing has it: <c>user;dur=12.3, notifications;dur=1500.1;desc="timeout"</c>.</summary>
    private string Timing()
    {
        var text = new StringBuilder();
        foreach (var (name, failure, ticks) in all)
        {
            text.Append(text.Length > 0 ? ", " : "").Append(name)
                .Append(CultureInfo.InvariantCulture, $";dur={ticks * 1000.0 / Stopwatch.Frequency:0.0}");
            if (failure is not null)
            {
                text.Append(";desc=\"").Append(failure.Reason).Append('"');
            }
        }
        return text.ToString();
    }
}
