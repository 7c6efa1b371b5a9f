using Postern.Config;

namespace Postern.Edge.Authenticating.ApiKeys;

/// <summary>A file of API keys.</summary>
[Secret]
public sealed record KeyFileOptions : Options, IWorded
{
    internal const string InRedis = "redis";

    /// <summary>In place of a file: the keys are in the Redis that the root names. <c>keys: redis</c>.</summary>
    public static KeyFileOptions Redis => new() { IsRedis = true };

    /// <summary>Whether this stands for the keys in Redis.</summary>
    internal bool IsRedis { get; private init; }

    string? IWorded.Word => IsRedis ? InRedis : null;

    /// <summary>The keys, in the order made.</summary>
    [CanBeEmpty] public IReadOnlyList<KeyOptions> Keys { get; init; } = [];

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        var first = new Dictionary<string, int>(Keys.Count);
        for (var i = 0; i < Keys.Count; i++)
        {
            if (Keys[i].Hash is { Length: > 0 } hash && !first.TryAdd(hash, i))
            {
                check.Error(this, $"keys[{i}].hash", $"keys[{first[hash]}] has this hash already, got one key twice; remove one of them");
            }
        }
    }
}
