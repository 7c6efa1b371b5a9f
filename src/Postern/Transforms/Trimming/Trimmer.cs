using System.Buffers;
using Postern.Config;
using Postern.Pipeline;

namespace Postern.Transforms.Trimming;

/// <summary>
/// <c>drop</c>, <c>pick</c> and <c>rename</c> of one route, compiled: a tree of names that a pass over a JSON text walks along.
/// Whoever answers with an upstream's JSON asks it: the proxy as the bytes come, a composition once the whole is there.
/// </summary>
internal sealed class Trimmer
{
    private readonly Level all;
    private readonly Level? errors;
    private readonly string text;

    private Trimmer(Level all, Level? errors, string text) => (this.all, this.errors, this.text) = (all, errors, text);

    /// <summary>The route's, or null where it has none of the three.</summary>
    public static Trimmer? Compile(RouteScope scope)
    {
        var (route, gate) = (scope.Route.Sections.Written<TrimSection>(), scope.Gate.Sections.Written<TrimSection>());
        var beside = route.Rename is not null ? (route.Drop ?? route.Pick) is not null : gate.Rename is not null && (route.Drop ?? route.Pick) is null;
        return Compile(scope.Options<TrimSection>(), beside, scope.Check);
    }

    /// <summary>The same of what was written in one place or several.</summary>
    internal static Trimmer? Compile(TrimSection options, bool beside, Check check)
    {
        if (options.Drop is null && options.Pick is null && options.Rename is null)
        {
            return null;
        }
        var fields = Rules.Read(options, beside, check);
        Level? errors = null;
        if (options.Drop is { } drop)
        {
            var dropped = new Field();
            foreach (var path in drop.Select(d => FieldPath.Parse(d).Path).OfType<FieldPath>())
            {
                path.Names.Aggregate(dropped, (at, name) => at.At(name)).Dropped = path.Text;
            }
            errors = dropped.Compile(picks: false);
        }
        return new Trimmer(fields.Compile(options.Pick is not null), errors, Describe(options));
    }

    /// <summary>Warns of keys that a route has for nothing, because no upstream's answer passes through it.</summary>
    public static void WarnUnused(RouteScope scope)
    {
        var written = scope.Route.Sections.Written<TrimSection>();
        foreach (var (key, value) in new (string, object?)[] { ("drop", written.Drop), ("pick", written.Pick), ("rename", written.Rename) })
        {
            if (value is not null)
            {
                scope.Check.Warn(scope.Options<TrimSection>(), key, "has no effect where no upstream is called; remove it");
            }
        }
    }

    /// <summary>Whether an answer of that status is trimmed.</summary>
    public bool Takes(int status) => errors is not null || status is >= 200 and < 300;

    /// <summary>A pass over an answer of a status that is trimmed.</summary>
    public TrimPass Begin(int status) => new(status is >= 200 and < 300 ? all : errors!);

    /// <summary>Trims a text that is there as a whole, as in a 2xx answer; says what is wrong with it, or null.</summary>
    public string? Write(ReadOnlySpan<byte> json, IBufferWriter<byte> output)
    {
        var pass = new TrimPass(all);
        return pass.Write(json, output) && pass.End() ? null : pass.Problem;
    }

    /// <summary>What it does, for <c>postern explain</c>.</summary>
    public override string ToString() => text;

    private static string Describe(TrimSection options) => string.Join("; ", new[]
    {
        options.Drop is null ? null : $"drop {string.Join(", ", options.Drop)}",
        options.Pick is null ? null : $"pick {string.Join(", ", options.Pick)}",
        options.Rename is null ? null : $"rename {string.Join(", ", options.Rename.Select(r => $"{r.Key} to {r.Value}"))}",
    }.OfType<string>());
}
