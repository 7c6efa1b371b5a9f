using System.Security.Cryptography;
using System.Text;

namespace Postern.Redis;

/// <summary>A script that runs in Redis: all of its commands as one, and none of another in between.</summary>
internal sealed class Script
{
    private Script(string name, params string[] parts)
    {
        Name = name;
        Text = string.Concat(parts);
        // How Redis finds a script it has run before.
#pragma warning disable CA5350
        Digest = SHA1.HashData(Encoding.UTF8.GetBytes(Text));
#pragma warning restore CA5350
    }

    public static Script Take { get; } = new("take", Source("clock"), Source("arithmetic"), Source("take"));

    public static Script Read { get; } = new("read", Source("clock"), Source("arithmetic"), Source("read"));

    public static Script Reset { get; } = new("reset", Source("reset"));

    public static Script Beat { get; } = new("beat", Source("clock"), Source("beat"));

    /// <summary>One API key.</summary>
    public static Script Key { get; } = new("key", Source("entry"), Source("key"));

    /// <summary>Some API keys.</summary>
    public static Script Keys { get; } = new("keys", Source("entry"), Source("keys"));

    /// <summary>Writes API keys.</summary>
    public static Script Change { get; } = new("change", Source("change"));

    public static Script Probe { get; } = new("probe", Source("probe"));

    public string Name { get; }

    public string Text { get; }

    /// <summary>The SHA-1 of the text.</summary>
    public byte[] Digest { get; }

    /// <summary>The same script by another clock, for tests: it sets <c>now</c> and <c>keep</c>.</summary>
    public Script By(string clock) => new(Name, clock, Source("arithmetic"), Source(Name));

    private static string Source(string name)
    {
        using var reader = new StreamReader(typeof(Script).Assembly.GetManifestResourceStream(name + ".lua")!);
        return reader.ReadToEnd();
    }
}
