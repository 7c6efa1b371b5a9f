namespace Postern.Server.Commands;

/// <summary>
/// Lets one process at a time change a file of keys. It locks a file beside it, because the file itself is another one after
/// each change. The system lets go of a lock whose process dies.
/// </summary>
internal sealed class KeysLock : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);

    private readonly string path;
    private readonly FileStream file;

    private KeysLock(string path, FileStream file) => (this.path, this.file) = (path, file);

    /// <summary>The lock; null where another process keeps it for too long.</summary>
    public static async Task<KeysLock?> TakeAsync(string target)
    {
        var path = Path.Combine(Path.GetDirectoryName(target)!, $".{Path.GetFileName(target)}.lock");
        var began = TimeProvider.System.GetTimestamp();
        using var timer = new PeriodicTimer(Interval);
        while (true)
        {
            if (Try(path) is { } held)
            {
                return held;
            }
            if (TimeProvider.System.GetElapsedTime(began) > Patience)
            {
                return null;
            }
            await timer.WaitForNextTickAsync();
        }
    }

    /// <summary>The file goes first: whoever opened it before finds then that it is gone.</summary>
    public void Dispose()
    {
        File.Delete(path);
        file.Dispose();
    }

    private static KeysLock? Try(string path)
    {
        FileStream file;
        try
        {
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (e is not (DirectoryNotFoundException or PathTooLongException))
        {
            return null;
        }
        if (IsAt(path, file))
        {
            return new KeysLock(path, file);
        }
        file.Dispose();
        return null;
    }

    /// <summary>
    /// Whether what was locked still is the file at its path: who held it before took it away, and a lock on a file that is
    /// gone keeps nobody out. A time that no other file has tells; to read what is in it would need the lock.
    /// </summary>
    private static bool IsAt(string path, FileStream file)
    {
        File.SetLastWriteTimeUtc(file.SafeFileHandle, DateTime.UnixEpoch.AddSeconds(Random.Shared.Next()).AddTicks(Random.Shared.Next((int)TimeSpan.TicksPerSecond)));
        return File.GetLastWriteTimeUtc(path) == File.GetLastWriteTimeUtc(file.SafeFileHandle);
    }
}
