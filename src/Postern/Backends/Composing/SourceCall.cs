using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Postern.Config;
using Postern.Pipeline;
using Postern.Transforms.Grpc;
using Postern.Transforms.Json;
using Postern.Wire;

namespace Postern.Backends.Composing;

/// <summary>
/// One call to an upstream as a source makes it: sent over the chain that proxied requests take, read to its end under its bounds,
/// and either JSON or a failure. Whatever the upstream does, nothing is thrown. It can be made ready again once it has ended.
/// </summary>
internal sealed class SourceCall
{
    private const int FirstRead = 4096;
    // An upstream that says a large length has not sent it yet; beyond this the buffer grows with what comes.
    private const int MostUnseen = 256 * 1024;

    private static readonly ReadOnlyMemory<byte> NoMessage = "null"u8.ToArray();

    private UpstreamReply? reply;

    /// <summary>Statuses of success where none are written.</summary>
    public static readonly StatusSet Success = new([new StatusRange(200, 299)]);

    /// <summary>Who is called.</summary>
    public UpstreamHandle Upstream { get; set; } = null!;

    /// <summary>How.</summary>
    public HttpMethod Method { get; set; } = HttpMethod.Get;

    /// <summary>The gRPC method that is called with the body, whatever method and target say; null for HTTP.</summary>
    public GrpcMethod? Grpc { get; set; }

    /// <summary>Path and query as they are sent.</summary>
    public string Target { get; set; } = "/";

    /// <summary>The fields that are sent.</summary>
    public FieldList Fields { get; } = new();

    /// <summary>The body that is sent; null for none. It stays where it is until the call has ended.</summary>
    public ReadOnlyMemory<byte>? Body { get; set; }

    /// <summary>Which statuses are success.</summary>
    public StatusSet Accept { get; set; } = Success;

    /// <summary>Whether a 404 is success, without a value.</summary>
    public bool MayBeMissing { get; set; }

    /// <summary>Whether a 401's challenge is meant for the client, whose credential was sent.</summary>
    public bool TellsChallenge { get; set; }

    /// <summary>From here to the last byte; null for as long as there is.</summary>
    public TimeSpan? Timeout { get; set; }

    /// <summary>The largest body that is read.</summary>
    public long MaxBytes { get; set; } = 4 << 20;

    /// <summary>When its time is over, as <see cref="Environment.TickCount64"/> counts.</summary>
    public long Due { get; private set; }

    private bool IsExpired { get; set; }

    /// <summary>Makes the call. What it gives has ended with <see cref="SourceResult.Text"/>.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<SourceResult> SendAsync(Exchange exchange, CallBounds bounds)
    {
        var began = Stopwatch.GetTimestamp();
        IsExpired = false;
        Due = Timeout is { } timeout ? Environment.TickCount64 + (long)timeout.TotalMilliseconds : long.MaxValue;
        SourceResult result;
        try
        {
            var call = Prepare(exchange, bounds);
            if (Grpc?.Prepare(call, Body ?? NoMessage) is { } unfit)
            {
                return new SourceResult { Failure = SourceFailure.Needs(unfit), Ticks = Stopwatch.GetTimestamp() - began };
            }
            reply = (UpstreamReply)await Upstream.Chain.SendAsync(call, bounds.Token);
            if (Grpc is not null)
            {
                result = await ReadGrpcAsync(reply, bounds);
                await reply.FinishAsync();
            }
            else if (Judge(reply) is { } judged)
            {
                await reply.DiscardAsync();
                result = judged;
            }
            else
            {
                result = await ReadAsync(reply, bounds);
                await reply.FinishAsync();
            }
        }
        catch (Exception e) // Whatever it is, it is this source's alone; who waits for the others must hear of it.
        {
            if (reply is not null)
            {
                await reply.FinishAsync();
            }
            result = new SourceResult { Failure = FailureOf(e, bounds) };
        }
        reply = null;
        result.Ticks = Stopwatch.GetTimestamp() - began;
        return result;
    }

    /// <summary>Its time is over within its body.</summary>
    internal void Expire()
    {
        IsExpired = true;
        reply?.Dispose();
    }

    private UpstreamCall Prepare(Exchange exchange, CallBounds bounds)
    {
        var call = new UpstreamCall
        {
            Method = Method,
            Exchange = exchange,
            Target = Target,
            Fields = Fields,
            Timeout = Timeout,
            Latest = bounds.Due,
            HadItAll = bounds.AreFresh,
            FieldsAreChecked = exchange.FieldsAreBytes,
        };
        if (Grpc is null && Body is { } body)
        {
            call.Body = PipeReader.Create(new ReadOnlySequence<byte>(body));
            call.BodyLength = body.Length;
        }
        return call;
    }

    /// <summary>What the head alone says; null where the body must be read.</summary>
    private SourceResult? Judge(UpstreamReply answer)
    {
        var status = (int)answer.StatusCode;
        if (status == 404 && MayBeMissing)
        {
            return new SourceResult { IsMissing = true };
        }
        if (!Accept.Has(status) || status is >= 300 and < 400)
        {
            return new SourceResult { Failure = SourceFailure.Answered(status, RetryAfter(answer), TellsChallenge && status == 401 ? answer.Fields.Find("WWW-Authenticate") : null) };
        }
        if (!answer.HasBody || status is 204 or 205)
        {
            // An error that is welcome needs no words either.
            return status is 204 or 205 or >= 400 ? default(SourceResult) : new SourceResult { Failure = SourceFailure.Invalid($"it answered {status} without a body") };
        }
        if (answer.Fields.Find("Content-Encoding") is { } encoding && !encoding.Equals("identity", StringComparison.OrdinalIgnoreCase))
        {
            return new SourceResult { Failure = SourceFailure.Invalid($"its answer is encoded ({Shown(encoding)}), which nobody asked for") };
        }
        // RFC 9110 §8.3: without the field, what it is may be found out from the body; it is checked strictly.
        if (answer.Fields.Find("Content-Type") is { } type && !JsonMedia.Is(type))
        {
            return new SourceResult { Failure = SourceFailure.Invalid($"its answer is no JSON but {Shown(type)}") };
        }
        return answer.Length > MaxBytes ? new SourceResult { Failure = SourceFailure.TooLarge($"its answer has {answer.Length} bytes, more than maxBytes") } : null;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<SourceResult> ReadAsync(UpstreamReply answer, CallBounds bounds)
    {
        var buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(answer.Length ?? FirstRead, MostUnseen));
        var (count, watched) = (0, false);
        SourceFailure? failure = null;
        try
        {
            while (failure is null)
            {
                var reading = answer.ReadAsync();
                if (!reading.IsCompleted && !watched && Due < long.MaxValue)
                {
                    watched = true;
                    bounds.Watch(this);
                }
                var piece = await reading;
                if (piece.IsEmpty)
                {
                    break;
                }
                failure = count + (long)piece.Length > MaxBytes ? SourceFailure.TooLarge("its answer has more than maxBytes")
                    : !bounds.Take(piece.Length) ? SourceFailure.TooLarge("the answers of all sources together have more than the route's maxBytes") : null;
                if (failure is null)
                {
                    buffer = Append(buffer, count, piece.Span);
                    count += piece.Length;
                }
            }
        }
        catch (Exception)
        {
            ArrayPool<byte>.Shared.Return(buffer);
            throw;
        }
        finally
        {
            if (watched)
            {
                bounds.Unwatch(this);
            }
        }
        if (failure is not null)
        {
            ArrayPool<byte>.Shared.Return(buffer);
            return new SourceResult { Failure = failure };
        }
        return JsonText.TryRead(buffer, count, out var text, out var problem)
            ? new SourceResult { Text = text, Value = text.Root } : new SourceResult { Failure = SourceFailure.Invalid($"its answer is no JSON: {problem}") };
    }

    /// <summary>What a gRPC call came to, by the same rules: its status is HTTP's by then.</summary>
    private async ValueTask<SourceResult> ReadGrpcAsync(UpstreamReply answer, CallBounds bounds)
    {
        GrpcReply said;
        bounds.Watch(this);
        try
        {
            said = await Grpc!.ReadAsync(answer, (int)Math.Min(MaxBytes, int.MaxValue));
        }
        finally
        {
            bounds.Unwatch(this);
        }
        if (said.Json is { } json)
        {
            if (bounds.Take(json.Bytes.Length))
            {
                return new SourceResult { Text = json, Value = json.Root };
            }
            json.Dispose();
            return new SourceResult { Failure = SourceFailure.TooLarge("the answers of all sources together have more than the route's maxBytes") };
        }
        var why = said.Problem ?? "";
        return said switch
        {
            { Fault: GrpcFault.TooLarge } => new SourceResult { Failure = SourceFailure.TooLarge(why) },
            { Fault: not GrpcFault.None } => new SourceResult { Failure = SourceFailure.Invalid(why) },
            { Status: GrpcStatus.DeadlineExceeded } => new SourceResult { Failure = SourceFailure.Late(why) },
            { HttpStatus: 404 } when MayBeMissing => new SourceResult { IsMissing = true },
            // An error that is welcome has no words.
            _ when Accept.Has(said.HttpStatus) => default,
            _ => new SourceResult { Failure = SourceFailure.Answered(said.HttpStatus, null, null) with { Why = why } },
        };
    }

    private static byte[] Append(byte[] buffer, int count, ReadOnlySpan<byte> piece)
    {
        if (buffer.Length - count < piece.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(buffer.Length * 2, count + piece.Length));
            buffer.AsSpan(0, count).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(buffer);
            buffer = larger;
        }
        piece.CopyTo(buffer.AsSpan(count));
        return buffer;
    }

    private SourceFailure FailureOf(Exception e, CallBounds bounds)
    {
        if (bounds.IsLate || (IsExpired && !bounds.Token.IsCancellationRequested))
        {
            return SourceFailure.Late(IsExpired ? $"it did not end its answer within {Scalars.Format(Timeout!.Value)}" : "it did not answer within the route's timeout");
        }
        return bounds.Token.IsCancellationRequested ? SourceFailure.GivenUp
            : e is UpstreamException failed ? SourceFailure.Of(failed) : SourceFailure.Fault(e);
    }

    private static int? RetryAfter(UpstreamReply answer) =>
        (int)answer.StatusCode is 429 or 503 && int.TryParse(answer.Fields.Find("Retry-After"), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) ? seconds : null;

    private static string Shown(string value) => value.Length > 60 ? value[..60] + "…" : value;
}

/// <summary>What a call gave: JSON, nothing (a 204, or a 404 that may be), or a failure.</summary>
internal record struct SourceResult
{
    /// <summary>Its answer; null where it had none, or failed. Whoever has it disposes it.</summary>
    public JsonText? Text { get; init; }

    /// <summary>The value; null where there is none. Beside a failure it is what there is of it.</summary>
    public JsonValue? Value { get; init; }

    /// <summary>Why it failed; null where it didn't.</summary>
    public SourceFailure? Failure { get; init; }

    /// <summary>It answered 404, and may.</summary>
    public bool IsMissing { get; init; }

    /// <summary>How long it took, in ticks of the <see cref="Stopwatch"/>.</summary>
    public long Ticks { get; set; }
}
