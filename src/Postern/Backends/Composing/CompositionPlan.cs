using System.Text;
using Postern.Config;
using Postern.Pipeline;
using Postern.Transforms;
using Postern.Transforms.Json;
using Postern.Transforms.Locales;
using Postern.Transforms.Shaping;
using Postern.Transforms.Trimming;

namespace Postern.Backends.Composing;

/// <summary>A composed route ready to run: its sources, who waits for whom, and what becomes of their results.</summary>
internal sealed class CompositionPlan
{
    private readonly int[] levels;

    private CompositionPlan(RouteScope scope, Source[] sources, int[] levels)
    {
        (Sources, this.levels) = (sources, levels);
        Parameters = scope.Template.Parameters;
        Names = new JsonFieldNames([.. sources.Select(s => s.Name)]);
        InputNames = new JsonFieldNames([.. Names.Names, .. Parameters, SourceCompiler.EachName]);
        Roots = [.. sources.Where(s => s.Needs.Length == 0).Select(s => s.Index)];
        Evaluates = sources.Any(s => s.When is not null || s.Each is not null || s.Body is not null || s.Target.Fixed is null || s.Headers.Any(h => h.Value.Fixed is null));
        foreach (var source in sources)
        {
            source.Dependents = [.. sources.Where(s => s.Needs.Contains(source.Index)).Select(s => s.Index)];
        }
    }

    /// <summary>The sources in the order written.</summary>
    public Source[] Sources { get; }

    /// <summary>Their names.</summary>
    public JsonFieldNames Names { get; }

    /// <summary>What a source's expressions may name: the sources, the route's parameters, and <c>each</c>.</summary>
    public JsonFieldNames InputNames { get; }

    /// <summary>The route's parameters.</summary>
    public IReadOnlyList<string> Parameters { get; }

    /// <summary>Those that wait for nobody.</summary>
    public int[] Roots { get; }

    /// <summary>Whether the calls need expressions at all.</summary>
    public bool Evaluates { get; }

    /// <summary>Whether anything asks for the client's body.</summary>
    public bool ReadsBody { get; init; }

    /// <summary>How long all sources may take.</summary>
    public TimeSpan Timeout { get; init; }

    /// <summary>Bytes of all sources together.</summary>
    public long MaxBytes { get; init; }

    /// <summary>What the answer is made of; null for the results by their names.</summary>
    public Shape? Shape { get; init; }

    /// <summary>For whom amounts and dates are written.</summary>
    public required LocaleChoice Locales { get; init; }

    /// <summary>What is taken out of the results; null for nothing.</summary>
    public Trimmer? Trimmer { get; init; }

    /// <summary>The name under which the answer says how whole it is, as it is written in front: <c>"_meta":</c>; null for none.</summary>
    public byte[]? Meta { get; init; }

    /// <summary>Whether <c>Server-Timing</c> is sent.</summary>
    public bool ServerTiming { get; init; }

    /// <summary>Changes to what upstreams get, and to what the client gets.</summary>
    public (HeaderRules? Request, HeaderRules? Response) Rules { get; init; }

    /// <summary>The plan; null where an error was told.</summary>
    public static CompositionPlan? Compile(RouteScope scope, ComposeSection section)
    {
        var sources = new SourceCompiler(scope, section).Compile();
        CheckNumber(scope, section);
        var shape = scope.Options<ShapeSection>().Shape is null ? null : Shape.Compile(scope);
        CheckShape(scope, section, shape);
        var rules = HeaderRules.Compile(scope);
        var trimmer = Trimmer.Compile(scope);
        if (sources is null || Levels(scope, section, sources) is not { } levels)
        {
            return null;
        }
        return new CompositionPlan(scope, sources, levels)
        {
            ReadsBody = shape?.Variables.Contains("body") == true || sources.Any(s => s.ReadsBody),
            Timeout = scope.Options<TimeoutSection>().Timeout ?? ComposeSection.UsualTimeout,
            MaxBytes = scope.Options<ShapeSection>().MostBytes,
            Shape = shape,
            Locales = LocaleChoice.Compile(scope, shape?.UsesLocale == true || sources.Any(s => s.UsesLocale)),
            Trimmer = trimmer,
            Meta = section.Meta is null ? null : Named(section.Meta),
            ServerTiming = section.ServerTiming == true,
            Rules = rules,
        };
    }

    /// <summary>What will happen, for <c>postern explain</c>.</summary>
    public string Describe(ComposeSection section)
    {
        var text = new StringBuilder();
        text.Append($"{Sources.Length} source{(Sources.Length == 1 ? "" : "s")}, all within {Scalars.Format(Timeout)}, {new ByteSize(MaxBytes)} together");
        var width = Sources.Max(s => s.Name.Length);
        foreach (var level in Sources.GroupBy(s => levels[s.Index]).OrderBy(g => g.Key))
        {
            foreach (var source in level)
            {
                text.AppendLine().Append($"         {level.Key + 1}. {source.Name.PadRight(width)}  {source.Label}{string.Concat(Details(source).Select(d => ", " + d))}");
            }
        }
        text.AppendLine().Append($"         answers {(Shape is null ? string.Join(", ", Sources.Select(s => s.Name)) : "its shape")}{(section.Meta is null ? "" : $", and {section.Meta}")}");
        return text.ToString();
    }

    private IEnumerable<string> Details(Source source)
    {
        if (source.Needs.Length > 0)
        {
            yield return $"waits for {string.Join(" and ", source.Needs.Select(n => Sources[n].Name))}";
        }
        if (source.When is not null)
        {
            yield return "where its 'when' holds";
        }
        if (source.Each is { } each)
        {
            yield return each.Batch ? $"one call for at most {each.Limit} values{(each.By is null ? "" : $", put in order by {each.By}")}" : $"a call for each of at most {each.Limit} values, {each.Concurrency} at once";
        }
        if (source.Timeout is { } timeout)
        {
            yield return $"timeout {Scalars.Format(timeout)}";
        }
        if (source.Forwarding.ToString() is { Length: > 0 } forwarded)
        {
            yield return $"forwards {forwarded}";
        }
        yield return source.Required ? "required" : source.HasFallback ? "a fallback where it fails" : "null where it fails";
    }

    private static void CheckNumber(RouteScope scope, ComposeSection section)
    {
        var (count, most) = (section.Compose!.Count, section.MostSources);
        if (count > most && most > 0)
        {
            scope.Check.Error(section, "compose", $"at most {most} sources, got {count}; let a service put some together, or raise maxSources");
        }
        else if (count > 5)
        {
            scope.Check.Warn(section, "compose", $"{count} sources in one answer; a gateway that knows so much of its services is hard to change: let a service put some together");
        }
    }

    private static void CheckShape(RouteScope scope, ComposeSection section, Shape? shape)
    {
        var written = scope.Options<ShapeSection>();
        // What is renamed has another name for the shape.
        if (shape is not null && scope.Options<TrimSection>().Rename is null)
        {
            foreach (var (expression, at, key) in shape.Leaves)
            {
                foreach (var root in expression.Roots.Where(r => !section.Compose!.ContainsKey(r)))
                {
                    var message = scope.Template.Parameters.Contains(root) ? $"'{root}' is a parameter of the route, no source; write $params.{root}"
                        : UnknownName.Tell("source", root, [.. section.Compose!.Keys], expression.Text);
                    if (at is not null)
                    {
                        scope.Check.Error(at, message);
                    }
                    else
                    {
                        scope.Check.Error(written, key, message);
                    }
                }
            }
        }
        if (section.Meta is not { } meta)
        {
            return;
        }
        if (written.Shape is { Items: not null })
        {
            scope.Check.Error(section, "meta", "a list has no names, so nothing can be added to it; make the shape a mapping, or write meta: off");
        }
        else if (written.Shape is { Fields: { } fields } ? fields.Any(f => f.Key == meta) : written.Shape is null && section.Compose!.ContainsKey(meta))
        {
            scope.Check.Error(section, "meta", $"the answer has a '{meta}' already; write another name");
        }
    }

    /// <summary>How many of the others each waits behind; null where some wait for each other.</summary>
    private static int[]? Levels(RouteScope scope, ComposeSection section, Source[] sources)
    {
        var levels = new int[sources.Length];
        var path = new List<int>();
        var done = new bool[sources.Length];
        foreach (var source in sources)
        {
            if (!Visit(source.Index))
            {
                return null;
            }
        }
        if (levels.Max() > 1)
        {
            var last = sources[Array.IndexOf(levels, levels.Max())];
            var chain = new List<string> { last.Name };
            for (var at = last; at.Needs.Length > 0; chain.Insert(0, at.Name))
            {
                at = sources[at.Needs.MaxBy(n => levels[n])];
            }
            scope.Check.Warn(section, $"compose.{last.Name}", $"the calls {string.Join(", ", chain)} wait for each other in turn, so their times add up; let a service give what they need at once");
        }
        return levels;

        bool Visit(int index)
        {
            if (path.IndexOf(index) is >= 0 and var from)
            {
                var circle = string.Join(" -> ", [.. path[from..].Select(i => sources[i].Name), sources[index].Name]);
                scope.Check.Error(section, $"compose.{sources[path[from]].Name}", $"sources wait for each other in a circle, {circle}, so none could begin; one of them must do without the next");
                return false;
            }
            if (done[index])
            {
                return true;
            }
            path.Add(index);
            foreach (var need in sources[index].Needs)
            {
                if (!Visit(need))
                {
                    return false;
                }
                levels[index] = Math.Max(levels[index], levels[need] + 1);
            }
            path.RemoveAt(path.Count - 1);
            return done[index] = true;
        }
    }

    private static byte[] Named(string name)
    {
        using var output = new JsonOutput(64 * 1024);
        JsonStrings.Write(output, name);
        output.Write((byte)':');
        return output.Written.ToArray();
    }
}
