using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Postern.Server.Commands;

/// <summary>
/// Gives a file that is about to replace another one the other's owner and mode. Else a change made by an administrator
/// would leave a file that the gateway's user can't read.
/// </summary>
internal static class KeysOwner
{
    /// <summary>Whether it could be done; where there is nothing to replace, it could.</summary>
    public static bool Keep(string replaced, string by)
    {
        if (OperatingSystem.IsWindows() || !File.Exists(replaced))
        {
            return true;
        }
        if (OperatingSystem.IsLinux() && Of(replaced) is { } owner && Of(by) is { } own && owner != own && NativeMethods.chown(by, owner.User, owner.Group) != 0)
        {
            return owner.User == own.User; // One of another group only is still its user's.
        }
        File.SetUnixFileMode(by, File.GetUnixFileMode(replaced));
        return true;
    }

    private static (uint User, uint Group)? Of(string path)
    {
        Span<byte> status = stackalloc byte[256];
        if (NativeMethods.statx(NativeMethods.AtWorkingDirectory, path, 0, NativeMethods.UserAndGroup, ref MemoryMarshal.GetReference(status)) != 0)
        {
            return null;
        }
        uint At(ReadOnlySpan<byte> bytes) => BitConverter.IsLittleEndian ? BinaryPrimitives.ReadUInt32LittleEndian(bytes) : BinaryPrimitives.ReadUInt32BigEndian(bytes);
        return (At(status[20..]), At(status[24..]));
    }

    private static class NativeMethods
    {
        public const int AtWorkingDirectory = -100;
        public const uint UserAndGroup = 0x18;

        [DllImport("libc")]
        public static extern int chown([MarshalAs(UnmanagedType.LPUTF8Str)] string path, uint user, uint group);

        /// <summary>Unlike stat's, its answer is laid out alike on all machines.</summary>
        [DllImport("libc")]
        public static extern int statx(int directory, [MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags, uint mask, ref byte status);
    }
}
