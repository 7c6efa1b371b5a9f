using Postern.Pipeline;

namespace Postern.Edge.Authenticating.ApiKeys;

internal sealed class ApiKeyWay(string name, ApiKeyOptions options) : Way(name)
{
    /// <summary>The header field that carries its keys, or null.</summary>
    public string? Header { get; } = options.Header;

    /// <summary>The query parameter that carries its keys, or null.</summary>
    public string? Query { get; } = options.Query;

    public override string Summary => throw new NotSupportedException();

    public override Consumer? Find(in Digest digest) => throw new NotSupportedException();

    public override ValueTask<Verdict> JudgeAsync(string credential, Digest digest, string client) => throw new NotSupportedException();
}
