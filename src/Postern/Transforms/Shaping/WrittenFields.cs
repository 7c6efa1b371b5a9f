using Postern.Transforms.Json;

namespace Postern.Transforms.Shaping;

/// <summary>
/// An object whose names come from a client: written as JSON and indexed, in pooled memory, so that it is looked up like any
/// other. Of a name that comes twice the first value counts. Past its bounds no more is taken in.
/// </summary>
internal sealed class WrittenFields : IDisposable
{
    /// <summary>Parameters, fields or cookies of one request. A server takes 100 fields as it comes.</summary>
    public const int MaxFields = 256;

    /// <summary>Bytes of them all. A server takes 32 KB of fields as it comes.</summary>
    public const int MaxBytes = 128 * 1024;

    private const int Few = 8;

    private readonly JsonOutput output = new(int.MaxValue);
    private readonly List<string> names = [];
    private HashSet<string>? many;
    private JsonText? text;

    public WrittenFields() => output.Write((byte)'{');

    /// <summary>Adds a field, unless there is one of that name.</summary>
    public void Add(string name, string value)
    {
        if (names.Count >= MaxFields || output.Length + name.Length + value.Length > MaxBytes || !IsNew(name))
        {
            return;
        }
        if (names.Count > 0)
        {
            output.Write((byte)',');
        }
        names.Add(name);
        JsonStrings.Write(output, name);
        output.Write((byte)':');
        JsonStrings.Write(output, value);
    }

    /// <summary>The object, which lasts until this is disposed.</summary>
    public JsonValue End()
    {
        output.Write((byte)'}');
        // Names that differ only in halves of surrogate pairs are one once written: such a request gets no fields at all.
        return JsonText.TryRead(output.WrittenMemory, out text, out _) ? text.Root : JsonValue.Error("invalid-value");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        text?.Dispose();
        output.Dispose();
    }

    /// <summary>A few are compared with each; many by a table, with a hash nobody outside can foresee.</summary>
    private bool IsNew(string name)
    {
        if (names.Count < Few)
        {
            return !names.Contains(name);
        }
        many ??= new HashSet<string>(names, StringComparer.Ordinal);
        return many.Add(name);
    }
}
