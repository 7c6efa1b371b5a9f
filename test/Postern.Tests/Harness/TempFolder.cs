namespace Postern.Tests.Harness;

/// <summary>A folder of a test's own, gone with it.</summary>
internal sealed class TempFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("postern").FullName;

    public string this[string file] => System.IO.Path.Combine(Path, file);

    /// <summary>Writes a file in place and hands back its path.</summary>
    public string Write(string file, string text)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(this[file])!);
        File.WriteAllText(this[file], text);
        return this[file];
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
