namespace Postern.Config;

/// <summary>
/// Base of every record a user can fill, from YAML or from C#. It remembers where it was written, so that an error
/// found long after reading can still name the line; two records that say the same are equal wherever they stand.
/// </summary>
public abstract record Options
{
    /// <summary>Where this record was written; null for one made in code without a builder.</summary>
    internal Origin? Origin { get; set; }

    /// <summary>Equality is what was said, never where.</summary>
    public virtual bool Equals(Options? other) => other is not null && EqualityContract == other.EqualityContract;

    /// <inheritdoc/>
    public override int GetHashCode() => EqualityContract.GetHashCode();

    /// <summary>Reports what is wrong with the values that the types alone can't rule out. Called once, after binding.</summary>
    public virtual void Validate(Check check) { }
}
