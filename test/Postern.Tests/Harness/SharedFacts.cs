namespace Postern.Tests.Harness;

/// <summary>
/// Data that stands beside the checkout, in <c>shared/facts</c> of a folder above it, and isn't part of the project. The
/// environment variable <c>POSTERN_FACTS</c> names the folder where it stands elsewhere.
/// </summary>
internal static class SharedFacts
{
    /// <summary>A folder or file of it; null where it isn't there, and tests of it are skipped.</summary>
    public static string? Find(string name)
    {
        if (Environment.GetEnvironmentVariable("POSTERN_FACTS") is { Length: > 0 } told)
        {
            return Existing(Path.Combine(told, name));
        }
        for (var folder = new DirectoryInfo(Repository.Root).Parent; folder is not null; folder = folder.Parent)
        {
            if (Existing(Path.Combine(folder.FullName, "shared", "facts", name)) is { } found)
            {
                return found;
            }
        }
        return null;
    }

    private static string? Existing(string path) => Directory.Exists(path) || File.Exists(path) ? path : null;
}
