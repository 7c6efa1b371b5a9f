namespace Postern.Config;

/// <summary>Lets a record be written as one plain value, which fills the named property: <c>respond: 204</c>.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class ShorthandAttribute(string property) : Attribute
{
    /// <summary>The property that the plain value fills.</summary>
    public string Property { get; } = property;
}

/// <summary>A list that may be written as its only element: <c>to: http://orders</c>.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class OneOrManyAttribute : Attribute;

/// <summary>A section that belongs to one route and can't stand on a gate.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class RouteOnlyAttribute : Attribute;

/// <summary>A property that must be written.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class NeededAttribute : Attribute
{
    /// <summary>What one might write, for the message that asks for it.</summary>
    public string? Example { get; init; }
}

/// <summary>
/// A key outside gates and routes that may be written as <c>off</c>. In gates and routes every key may, but for those
/// of a bool or an enum, which have their own words.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class CanBeOffAttribute : Attribute;

/// <summary>A record that may be written in a file of its own, named by its path: <c>keys: keys.yaml</c>. The file is watched.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class FromFileAttribute : Attribute
{
    /// <summary>The command that makes such a file, for the message that misses it; <c>{0}</c> is its path.</summary>
    public string? Make { get; init; }

    /// <summary>A word that is no path: it stands for the record that the static property of its name gives. A file of that name is written <c>./word</c>.</summary>
    public string? Word { get; init; }
}

/// <summary>A record that a word stands for.</summary>
internal interface IWorded
{
    /// <summary>The word; null where this one has none.</summary>
    string? Word { get; }
}

/// <summary>A list that may have no entries: <c>keys: []</c>.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class CanBeEmptyAttribute : Attribute;

/// <summary>A mapping that takes what the record's own keys don't: the user's own names beside them, as under <c>tiers</c>.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class OtherKeysAttribute : Attribute;

/// <summary>A value that is never shown, even where it is written as it is; on a record: what is written in its place.</summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Class)]
public sealed class SecretAttribute : Attribute;

/// <summary>What others call a value of an enum: it can't be written, but whoever writes it is told what is meant.</summary>
[AttributeUsage(AttributeTargets.Field)]
internal sealed class ElsewhereAttribute(params string[] names) : Attribute
{
    /// <summary>The names, in whatever way their words are joined.</summary>
    public IReadOnlyList<string> Names { get; } = names;
}

/// <summary>What holds where nothing is written, in the words of the configuration language: <c>10MB</c>, <c>30s</c>, <c>powerOfTwo</c>.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class DefaultAttribute(string text) : Attribute
{
    /// <summary>The default as a user would write it.</summary>
    public string Text { get; } = text;
}

/// <summary>The smallest and the largest value that may be written, in the words of the configuration language.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class RangeAttribute(string from, string to) : Attribute
{
    /// <summary>The smallest value allowed.</summary>
    public string From { get; } = from;

    /// <summary>The largest value allowed.</summary>
    public string To { get; } = to;
}
