using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Edge.Authenticating.Jwt;

internal sealed class JwtWay(string name, JwtOptions options, ClaimOptions claims, MetricRegistry metrics) : Way(name)
{
    /// <summary>The exact <c>iss</c> of its tokens.</summary>
    public string Issuer { get; } = options.Issuer ?? "";

    /// <summary>The algorithms it accepts.</summary>
    public IReadOnlyList<string> Algorithms => throw new NotSupportedException();

    public override string Summary => throw new NotSupportedException($"{options}{claims}{metrics}");

    public override Consumer? Find(in Digest digest) => throw new NotSupportedException();

    public override ValueTask<Verdict> JudgeAsync(string credential, Digest digest, string client) => throw new NotSupportedException();
}
