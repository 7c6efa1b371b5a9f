using Postern.Config;
using Postern.Pipeline;
using Postern.Transforms.Json;
using Postern.Transforms.JmesPath;

namespace Postern.Transforms.Shaping;

/// <summary>A value of the configuration with expressions for leaves: one expression, or a mapping or list of them.</summary>
internal sealed class Shape
{
    private Shape() { }

    /// <summary>Fields of the root that it reads.</summary>
    public IReadOnlySet<string> Roots { get; private init; } = new HashSet<string>();

    /// <summary>Whether it reads the root other than by a field's name.</summary>
    public bool ReadsWholeRoot { get; private init; }

    /// <summary>Variables that it reads.</summary>
    public IReadOnlySet<string> Variables { get; private init; } = new HashSet<string>();

    /// <summary>The route's <c>shape</c>; null where it has none, or where an error was told.</summary>
    public static Shape? Compile(RouteScope scope) => throw new NotImplementedException();

    /// <summary>Compiles a value; null where an error was told.</summary>
    public static Shape? Compile(Inline value, Check check, Options at, string key) => throw new NotImplementedException();

    /// <summary>Writes the value for a root. What can't be worked out is null in the nearest field, and counted.</summary>
    public void Write(in JsonValue root, Evaluation evaluation, JsonOutput output) => throw new NotImplementedException();
}
