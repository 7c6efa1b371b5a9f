using Postern.Config;
using Postern.Pipeline;
using Postern.Transforms.Grpc;
using Postern.Transforms.JmesPath;
using Postern.Transforms.Json;
using Postern.Transforms.Shaping;

namespace Postern.Backends.Composing;

/// <summary>A source ready to run: everything about it that can be known beforehand.</summary>
internal sealed class Source
{
    public required string Name { get; init; }

    /// <summary>Its place among the sources, in the order written.</summary>
    public required int Index { get; init; }

    /// <summary>As it was written, for those who read the plan.</summary>
    public required string Label { get; init; }

    public required UpstreamHandle Upstream { get; init; }

    public required HttpMethod Method { get; init; }

    /// <summary>The gRPC method that is called; null for HTTP.</summary>
    public GrpcMethod? Grpc { get; init; }

    /// <summary>Path and query.</summary>
    public required Template Target { get; init; }

    public Shape? Body { get; init; }

    public (string Name, Template Value)[] Headers { get; init; } = [];

    public Expression? When { get; init; }

    public EachPlan? Each { get; init; }

    public required Forwarding Forwarding { get; init; }

    public TimeSpan? Timeout { get; init; }

    public bool Required { get; init; }

    /// <summary>What stands in where it fails; null (the JSON one) where nothing was written.</summary>
    public JsonValue Fallback { get; init; }

    public bool HasFallback { get; init; }

    public StatusSet Accept { get; init; } = SourceCall.Success;

    /// <summary>What a 404 stands for.</summary>
    public JsonValue? Missing { get; init; }

    public long MaxBytes { get; init; } = 4 << 20;

    /// <summary>The sources it waits for.</summary>
    public int[] Needs { get; init; } = [];

    /// <summary>Those of them that its body is made of: where one of these failed there is nothing to send.</summary>
    public int[] BodyNeeds { get; init; } = [];

    /// <summary>Whether it asks for the client's body.</summary>
    public bool ReadsBody { get; init; }

    /// <summary>Whether what it calls depends on the locale.</summary>
    public bool UsesLocale => Body?.UsesLocale == true || When?.UsesLocale == true || Each?.Values.UsesLocale == true
        || Target.Expressions.Concat(Headers.SelectMany(h => h.Value.Expressions)).Any(e => e.UsesLocale);

    /// <summary>The sources that wait for it; filled in by the plan.</summary>
    public int[] Dependents { get; set; } = [];

    public required SourceMetrics Metrics { get; init; }
}

/// <summary>How a source is called for each value of a list.</summary>
/// <param name="Values">The list.</param>
/// <param name="Limit">Different values asked for at most.</param>
/// <param name="Concurrency">Calls at once.</param>
/// <param name="Batch">Whether all go in one call.</param>
/// <param name="By">The field that puts a batch's answer in order; null for none.</param>
internal sealed record EachPlan(Expression Values, int Limit, int Concurrency, bool Batch, string? By);
