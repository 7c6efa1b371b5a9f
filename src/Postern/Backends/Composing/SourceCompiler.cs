using System.Text.RegularExpressions;
using Postern.Config;
using Postern.Pipeline;
using Postern.Transforms;
using Postern.Transforms.Grpc;
using Postern.Transforms.JmesPath;
using Postern.Transforms.Json;
using Postern.Transforms.Shaping;

namespace Postern.Backends.Composing;

/// <summary>Makes the sources of a route ready, and finds out what each of them needs.</summary>
internal sealed partial class SourceCompiler(RouteScope scope, ComposeSection section)
{
    /// <summary>In a source with <c>each</c>, the value that a call is made for.</summary>
    public const string EachName = "each";

    private readonly string[] names = [.. section.Compose!.Keys];
    private readonly IReadOnlyList<string> parameters = scope.Template.Parameters;
    private bool failed;

    /// <summary>The sources in the order written; null where an error was told.</summary>
    public Source[]? Compile()
    {
        var sources = new List<Source>();
        foreach (var (name, options) in section.Compose!)
        {
            CheckName(name);
            if (options.Origin is not { Broken: true } && Compile(name, sources.Count, options) is { } source)
            {
                sources.Add(source);
            }
            else
            {
                failed = true;
            }
        }
        return failed ? null : [.. sources];
    }

    private Source? Compile(string name, int index, SourceOptions options)
    {
        var (key, url) = options.Target;
        if (url is null || scope.Config.Root.Origin.At("upstreams").Broken)
        {
            return null; // It was told when it was read.
        }
        var (upstream, target, grpc) = url.StartsWith(GrpcMethod.Scheme, StringComparison.Ordinal) ? Method(options, key, url) : Path(options, key, url);
        if (target is null)
        {
            return null;
        }
        var reads = new Reads(this, name, options);
        foreach (var expression in target.Expressions)
        {
            reads.Add(expression, key);
        }
        var headers = Headers(options, reads);
        var (when, each) = (Parse(options, "when", options.When), Parse(options, "each", options.Each));
        reads.Add(when, "when", ofEach: false);
        reads.Add(each, "each", ofEach: false);
        var body = Body(options, key, reads, grpc);
        if (each is not null && !reads.Each)
        {
            scope.Check.Warn(options, "each", "every call is the same, because nothing in this source says {each}; write it where the value belongs: ?id={each}");
        }
        CheckFixed(options, "fallback", options.Fallback);
        CheckFixed(options, "missing", options.Missing);
        var (fallback, missing) = (Fixed(options.Fallback), Fixed(options.Missing));
        Options forwarding = options.Forward is null ? section : options;
        return new Source
        {
            Name = name,
            Index = index,
            Label = $"{key.ToUpperInvariant()} {url}",
            Upstream = upstream!,
            Grpc = grpc,
            Method = HttpMethod.Parse(key.ToUpperInvariant()),
            Target = target,
            Body = body,
            Headers = headers,
            When = when,
            Each = each is null ? null : new EachPlan(each, options.Limit ?? 20, options.Concurrency ?? 8, options.Batch, options.By),
            Forwarding = Forwarding.Compile(scope, forwarding, options.Forward ?? section.Forward),
            Timeout = options.Timeout,
            Required = options.Required,
            Fallback = fallback ?? JsonValue.Null,
            HasFallback = fallback is not null,
            Accept = options.Accept is null ? SourceCall.Success : new StatusSet(options.Accept),
            Missing = missing,
            MaxBytes = options.MaxBytes?.Bytes ?? 4 << 20,
            Needs = [.. reads.Sources.Order()],
            BodyNeeds = [.. reads.OfBody.Order()],
            ReadsBody = reads.Body,
            Metrics = new SourceMetrics(scope, name),
        };
    }

    /// <summary>An upstream, and the path there.</summary>
    private (UpstreamHandle?, Template?, GrpcMethod?) Path(SourceOptions options, string key, string url)
    {
        var (upstream, path, wrong) = UpstreamUrl.Parse(scope, url);
        var (target, mistake) = upstream is null ? (null, wrong) : Template.Url(path, parameters);
        if (target is null)
        {
            // Of a path that couldn't be read, no parameters are known.
            Error(options, key, ReferenceEquals(scope.Template, Wire.PathTemplate.Empty) && upstream is not null ? null : mistake);
        }
        return (upstream, target, null);
    }

    /// <summary>An upstream, and a method of its gRPC services.</summary>
    private (UpstreamHandle?, Template?, GrpcMethod?) Method(SourceOptions options, string key, string url)
    {
        var (upstream, path, wrong) = UpstreamUrl.Parse(scope, url, GrpcMethod.Scheme);
        if (upstream is null)
        {
            Error(options, key, wrong);
        }
        else if (key is not ("get" or "post"))
        {
            Error(options, key, $"a gRPC call is no {key.ToUpperInvariant()}; write get: {url}");
        }
        else if (upstream.Urls.Count > 0 && scope.Config.Upstreams.FirstOrDefault(u => u.Name == upstream.Name)?.Sections.Origin is { } at && at.Has("descriptors") && at.At("descriptors").Broken)
        {
            failed = true; // It was told when it was read.
        }
        else if (GrpcMethod.TryFind(upstream, scope.State, path.TrimStart('/'), out var method, out var error))
        {
            return (upstream, Template.Url(path, []).Template, method);
        }
        else
        {
            Error(options, key, error);
        }
        return default;
    }

    private void CheckName(string name)
    {
        if (!Identifier().IsMatch(name))
        {
            Error(section, $"compose.{name}", $"not a name for a source, got '{name}'; expressions use it: letters, digits and '_', a letter first");
        }
        else if (parameters.Contains(name))
        {
            Error(section, $"compose.{name}", $"the route's path has a parameter '{name}', so expressions couldn't tell them apart; give the source another name");
        }
        else if (name == EachName)
        {
            Error(section, "compose.each", "'each' names one value of a list in sources; give this one another name");
        }
    }

    private (string, Template)[] Headers(SourceOptions options, Reads reads)
    {
        var headers = new List<(string, Template)>();
        foreach (var (name, value) in options.Headers)
        {
            scope.Touch(name, options, $"headers.{name}", "no source sets it; remove this line");
            var (template, mistake) = Template.Field(value, parameters);
            if (template is null)
            {
                Error(options, $"headers.{name}", mistake);
                continue;
            }
            foreach (var expression in template.Expressions)
            {
                reads.Add(expression, $"headers.{name}");
            }
            headers.Add((name, template));
        }
        return [.. headers];
    }

    private Shape? Body(SourceOptions options, string method, Reads reads, GrpcMethod? grpc)
    {
        var key = options.Body is not null ? "body" : "with";
        if ((options.Body ?? options.With) is not { } value)
        {
            return null;
        }
        if (method is "get" or "delete" && grpc is null)
        {
            Error(options, key, $"a {method.ToUpperInvariant()} has no body; write what it asks for into the URL: ?name={{expression}}");
            return null;
        }
        foreach (var (field, _) in grpc is null ? [] : value.Fields ?? [])
        {
            if (grpc!.Mistake(field) is { } mistake)
            {
                Error(options, $"{key}.{field}", mistake);
            }
        }
        var body = Shape.Compile(value, scope.Check, options, key);
        failed |= body is null;
        if (body is not null)
        {
            reads.Add(body);
        }
        return body;
    }

    private Expression? Parse(SourceOptions options, string key, string? text)
    {
        if (text is null)
        {
            return null;
        }
        var parsed = Expression.Parse(text, RequestVariables.Names, out var error);
        if (parsed is null)
        {
            Error(options, key, error!.Message);
        }
        else if (parsed.Doubt is { } doubt && !parsed.Roots.Overlaps(["true", "false", "null"]))
        {
            // At the root it is an error: no source is called so.
            scope.Check.Warn(options, key, doubt);
        }
        return parsed;
    }

    /// <summary>A value is written as it is: in quotes, a list is a text.</summary>
    private void CheckFixed(SourceOptions options, string key, Inline? value)
    {
        if (value is { Text: ['[' or '{', ..] text, IsLiteral: false } && JsonText.TryRead(System.Text.Encoding.UTF8.GetBytes(text), out var json, out _))
        {
            json.Dispose();
            scope.Check.Warn(options, key, $"a text that reads like {(text[0] == '[' ? "a list" : "a mapping")}, got '{text}'; remove the quotes if it is one");
        }
    }

    private static JsonValue? Fixed(Inline? value) => value is null ? null : JsonText.Fixed(value.ToJson());

    private void Error(Options at, string key, string? message, Origin? written = null)
    {
        failed = true;
        if (message is not null && written is not null)
        {
            scope.Check.Error(written, message);
        }
        else if (message is not null)
        {
            scope.Check.Error(at, key, message);
        }
    }

    [GeneratedRegex(@"^[A-Za-z_][A-Za-z0-9_]{0,99}\z")]
    private static partial Regex Identifier();

    /// <summary>What the expressions of one source read.</summary>
    private sealed class Reads(SourceCompiler compiler, string name, SourceOptions options)
    {
        public HashSet<int> Sources { get; } = [];

        /// <summary>Those that its body reads.</summary>
        public HashSet<int> OfBody { get; } = [];

        /// <summary>Whether it asks for the client's body.</summary>
        public bool Body { get; private set; }

        /// <summary>Whether it asks for the value of <c>each</c>.</summary>
        public bool Each { get; private set; }

        public void Add(Expression? expression, string key, bool ofEach = true)
        {
            if (expression is not null)
            {
                Add(expression, null, key, ofEach);
            }
        }

        public void Add(Shape shape)
        {
            foreach (var leaf in shape.Leaves)
            {
                OfBody.UnionWith(Add(leaf.Value, leaf.Origin, leaf.Key, ofEach: true));
            }
        }

        private HashSet<int> Add(Expression expression, Origin? at, string key, bool ofEach)
        {
            var needed = new HashSet<int>();
            if (expression.ReadsWholeRoot)
            {
                compiler.Error(options, key, written: at, message: "a source can't read the whole answer, of which it is a part; name the sources it needs");
            }
            Body |= expression.Variables.Contains("body");
            foreach (var root in expression.Roots)
            {
                var index = Array.IndexOf(compiler.names, root);
                if (index >= 0 && root != name)
                {
                    needed.Add(index);
                }
                else if (root == EachName && ofEach && options.Each is not null)
                {
                    Each = true;
                }
                else if (!compiler.parameters.Contains(root))
                {
                    compiler.Error(options, key, Unknown(root, expression.Text), at);
                }
            }
            Sources.UnionWith(needed);
            return needed;
        }

        private string Unknown(string root, string? written)
        {
            if (root == name)
            {
                return $"'{name}' can't read its own result; name another source";
            }
            if (root == EachName)
            {
                return options.Each is null ? "'each' names one value of a list, and there is none; add each: orders[].productId"
                    : "'each' names the value of one call, and this is asked before any; name the list itself";
            }
            string[] known = [.. compiler.names.Where(n => n != name), .. compiler.parameters];
            return UnknownName.Tell("source and no parameter", root, known, written);
        }
    }
}
