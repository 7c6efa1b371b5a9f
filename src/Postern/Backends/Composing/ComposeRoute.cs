using System.Buffers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.ObjectPool;
using Postern.Pipeline;
using Postern.Transforms.FallingBack;
using Postern.Transforms.Json;

namespace Postern.Backends.Composing;

/// <summary>One composed route, request by request.</summary>
internal sealed class ComposeRoute
{
    private const int Kept = 256;

    private readonly CompositionPlan plan;
    private readonly Fallback? fallback;
    private readonly OutcomeReport report;
    private readonly ObjectPool<Composition> pool;

    public ComposeRoute(RouteScope scope, CompositionPlan plan, Fallback? fallback)
    {
        (this.plan, this.fallback, report) = (plan, fallback, new OutcomeReport(scope));
        pool = new DefaultObjectPool<Composition>(new Keeping(plan), Kept);
    }

    public async Task HandleAsync(HttpContext context)
    {
        var exchange = Exchange.Of(context);
        var composition = pool.Get();
        Fallback.Reason? instead = null;
        try
        {
            // 1. What expressions ask for of the client's body.
            var (body, problem) = plan.ReadsBody ? await ReadBodyAsync(context) : default;
            if (problem is not null)
            {
                await Answer.FailAsync(context, Failure.BadRequest, $"The request's body is not JSON: {problem}.", problem);
                return;
            }

            // 2. All calls, each as soon as it can be made.
            await composition.RunAsync(context, exchange, body);
            if (exchange.ClientGone(context).IsCancellationRequested)
            {
                await Answer.FailAsync(context, Failure.ClientGone);
                return;
            }
            composition.Tell();
            composition.Outcomes.Log(exchange);
            report.Warn(composition.Outcomes, composition.Evaluation);

            // 3. One answer: what came of them, or why there is none.
            if (composition.Fatal is not { } fatal)
            {
                await AnswerAsync(context, exchange, composition);
                return;
            }
            instead = fallback?.For(fatal.Why.Told, fatal.Why.Cause, $"{fatal.Source.Name}: {fatal.Why.Why}", fatal.Why.RetryAfter);
            if (instead is null)
            {
                await Answer.FailAsync(
                    context, fatal.Why.Told, reason: $"{fatal.Source.Name}: {fatal.Why.Why}", challenge: fatal.Why.Challenge, retryAfter: fatal.Why.RetryAfter, source: fatal.Source.Name);
                return;
            }
            fallback!.Begin(exchange, instead);
            await fallback.AnswerAsync(context, instead, plan.Rules.Response);
        }
        finally
        {
            // 4. Nothing of this request may be touched once the server has it back.
            if (await composition.EndAsync())
            {
                pool.Return(composition);
            }
        }
    }

    private async Task AnswerAsync(HttpContext context, Exchange exchange, Composition composition)
    {
        using var output = new JsonOutput((int)Math.Min(plan.MaxBytes * 2, int.MaxValue));
        if (new ComposedAnswer(plan, composition).Write(output) is { } problem)
        {
            await Answer.FailAsync(context, Failure.SourceFailed, "What this answer is made of can't be put together.", problem);
            return;
        }
        report.Answered(composition.Outcomes, composition.Evaluation);
        var response = context.Response;
        response.StatusCode = StatusCodes.Status200OK;
        response.ContentType = "application/json";
        composition.Outcomes.Say(response.Headers, plan.ServerTiming);
        Answer.AddOwn(response.Headers, exchange);
        plan.Locales.Tell(response.Headers);
        plan.Rules.Response?.Apply(response.Headers);
        Answer.CloseUnasked(context);
        response.ContentLength = output.Length;
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            exchange.BytesSent = output.Length;
            response.BodyWriter.Write(output.Written);
            await response.BodyWriter.FlushAsync(context.RequestAborted);
        }
    }

    /// <summary>The client's body, whole; the server holds it to maxBody. None is null.</summary>
    private async ValueTask<(JsonText? Body, string? Problem)> ReadBodyAsync(HttpContext context)
    {
        var reader = context.Request.BodyReader;
        while (true)
        {
            var read = await reader.ReadAsync(context.RequestAborted);
            var length = read.Buffer.Length;
            if (length > plan.MaxBytes)
            {
                throw new BadHttpRequestException("Request body too large.", StatusCodes.Status413PayloadTooLarge);
            }
            if (!read.IsCompleted)
            {
                reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                continue;
            }
            if (length == 0)
            {
                reader.AdvanceTo(read.Buffer.End);
                return default;
            }
            var rented = ArrayPool<byte>.Shared.Rent((int)length);
            read.Buffer.CopyTo(rented);
            reader.AdvanceTo(read.Buffer.End);
            return JsonText.TryRead(rented, (int)length, out var body, out var problem) ? (body, null) : (null, problem);
        }
    }

    private sealed class Keeping(CompositionPlan plan) : PooledObjectPolicy<Composition>
    {
        public override Composition Create() => new(plan);

        public override bool Return(Composition ended) => true;
    }
}
