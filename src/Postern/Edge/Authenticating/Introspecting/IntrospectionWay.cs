using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Edge.Authenticating.Introspecting;

internal sealed class IntrospectionWay(string name, IntrospectionOptions options, ClaimOptions claims, MetricRegistry metrics) : Way(name)
{
    public override string Summary => throw new NotSupportedException($"{options}{claims}{metrics}");

    public override Consumer? Find(in Digest digest) => throw new NotSupportedException();

    public override ValueTask<Verdict> JudgeAsync(string credential, Digest digest, string client) => throw new NotSupportedException();
}
