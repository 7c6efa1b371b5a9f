using Postern.Edge.Authenticating.ApiKeys;

namespace Postern.Server.Commands;

/// <summary>Where keys are that the commands read and change: in a file, or in a Redis.</summary>
internal abstract class KeysPlace
{
    /// <summary>The place, for messages.</summary>
    public abstract string Place { get; }

    /// <summary>How a command names it: <c>--file keys.yaml</c>.</summary>
    public abstract string Option { get; }

    /// <summary>The keys that are there, and what to say of the others.</summary>
    public abstract Task<(IReadOnlyList<KeyOptions> Keys, string? Warning)> ReadAsync();

    /// <summary>Changes the keys, or makes the place.</summary>
    /// <param name="change">Existing keys, to which more may be added at the end and whose end may be changed; the same list for no change. May be called
    /// again, where somebody else has changed them meanwhile.</param>
    /// <param name="make">Whether a place that isn't there is made.</param>
    public abstract Task ChangeAsync(Func<IReadOnlyList<KeyOptions>, IReadOnlyList<KeyOptions>> change, bool make = false);
}
