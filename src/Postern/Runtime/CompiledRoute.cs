using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Postern.Config;
using Postern.Pipeline;
using Postern.Wire;

namespace Postern.Runtime;

/// <summary>A path that the gateway answers itself, before any gate.</summary>
internal sealed record CompiledEndpoint(string Path, string Label, RequestDelegate Chain, IReadOnlyList<StageNote> Notes);

/// <summary>A route as it runs: when it answers, and the chain that answers.</summary>
internal sealed record CompiledRoute(string Method, PathTemplate Template, Conditions Conditions, RequestDelegate Chain, Origin Origin, IReadOnlyList<StageNote> Notes)
{
    /// <summary>How logs and metrics call it.</summary>
    public required string Label { get; init; }

    /// <summary>How its targets share its requests; null where it has none.</summary>
    public LiveWeights? Weights { get; init; }

    /// <summary>Live state that stages keep of it, for the admin port.</summary>
    public IReadOnlyList<object> Exposed { get; init; } = [];

    /// <summary>Tells it from the gate's other routes, and is the same wherever the same route is configured.</summary>
    public string Id => field ??= Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(ToString())).AsSpan(0, 4));

    /// <summary>RFC 9110 §9.3.2: who answers GET answers HEAD.</summary>
    public bool Answers(string method) =>
        Method == "*" || HttpMethods.Equals(Method, method) || (HttpMethods.IsHead(method) && HttpMethods.IsGet(Method));

    public override string ToString() => Conditions.IsEmpty ? Label : $"{Label} when {Conditions}";
}
