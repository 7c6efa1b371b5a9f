using Postern.Edge.Authenticating.ApiKeys;

namespace Postern.Server.Commands;

/// <summary>
/// A file of keys, as the commands read and change it. A change is made by one process at a time, on what the file holds
/// then, and takes its place in one step: who reads the file sees all of it or nothing.
/// </summary>
internal sealed class KeysFile(string path) : KeysPlace
{
    /// <summary>As it was typed.</summary>
    public string Path { get; } = path;

    public override string Place => Path;

    public override string Option => $"--file {Path}";

    public override Task<(IReadOnlyList<KeyOptions> Keys, string? Warning)> ReadAsync() => Task.FromResult((Read(), (string?)null));

    /// <summary>The keys of the file.</summary>
    public IReadOnlyList<KeyOptions> Read() =>
        Text() is { } text ? Parse(text).Keys : throw new KeysException($"{Path}: no such file; make it with: postern keys create --name NAME --file {Path}");

    public override async Task ChangeAsync(Func<IReadOnlyList<KeyOptions>, IReadOnlyList<KeyOptions>> change, bool make = false)
    {
        var target = Target();
        if (!Directory.Exists(System.IO.Path.GetDirectoryName(target)))
        {
            throw new KeysException($"{Path}: no such directory; make it first");
        }
        try
        {
            using var held = await KeysLock.TakeAsync(target)
                ?? throw new KeysException($"{Path}: another 'postern keys' is changing it; try again");
            var text = Text();
            if (text is null && !make)
            {
                Read(); // Says so.
            }
            var before = Parse(text ?? "");
            var after = change(before.Keys);
            if (!ReferenceEquals(after, before.Keys))
            {
                Replace(target, KeysText.Change(Path, text, before, after));
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new KeysException($"{Path}: can't be written; {(e is UnauthorizedAccessException ? "let your user write to its directory" : "look at the disk and the path")}");
        }
    }

    /// <summary>Where the file is; a link leads to it.</summary>
    private string Target()
    {
        var full = System.IO.Path.GetFullPath(Path);
        return File.Exists(full) && File.ResolveLinkTarget(full, returnFinalTarget: true) is { } target ? target.FullName : full;
    }

    private string? Text()
    {
        try
        {
            return File.ReadAllText(Path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new KeysException($"{Path}: can't be read; {(Directory.Exists(Path) ? "it is a directory, name a file" : "let your user read it")}");
        }
    }

    private KeyFileOptions Parse(string text)
    {
        var (keys, check) = KeysText.Parse(Path, text);
        return keys is not null && check.Problems.Count == 0 ? keys : throw new KeysException(string.Join(Environment.NewLine, check.Problems));
    }

    private void Replace(string target, string text)
    {
        var beside = System.IO.Path.Combine(System.IO.Path.GetDirectoryName(target)!, $".{System.IO.Path.GetFileName(target)}.{Guid.NewGuid():N}");
        try
        {
            using (var file = new FileStream(beside, Options()))
            {
                file.Write(System.Text.Encoding.UTF8.GetBytes(text));
                file.Flush(flushToDisk: true);
            }
            if (!KeysOwner.Keep(target, beside))
            {
                throw new KeysException($"{Path}: belongs to another user, who couldn't read it after a change of yours; run the command as that user");
            }
            File.Move(beside, target, overwrite: true);
        }
        finally
        {
            File.Delete(beside);
        }
    }

    /// <summary>Nobody else's from its first byte on.</summary>
    private static FileStreamOptions Options()
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }
        return options;
    }
}
