namespace Postern.Config;

/// <summary>
/// A value that stands in a file of its own: a key in PEM. The file is read when the configuration is, and watched like it;
/// a relative path begins at the directory of the file that names it.
/// </summary>
/// <param name="Path">The file.</param>
/// <param name="Text">What it holds; never shown.</param>
public sealed record FileText(string Path, string Text)
{
    /// <summary>The path alone.</summary>
    public override string ToString() => Path;
}
