using System.Text.RegularExpressions;

namespace Postern.Config.Yaml;

/// <summary>The files of a configuration → <see cref="GatewayConfig"/>: which record takes which key, at each place of the language.</summary>
internal sealed partial class DocumentBinder(Grammar grammar, Check check, ConfigReader reader, ValueBinder values, KeyFinder keys)
{
    private enum Place { Root, Upstream, Gate, Route }

    public void Main(Node node, GatewayConfig config)
    {
        var at = new Origin(node.File, node.Line, node.Column, "");
        if (Mapping(node, at, "begin the file with version: 1") is not { } root)
        {
            return;
        }
        config.Root.Origin = at;
        Fill(config.Root, Place.Root, grammar.Root, root, at, keys.Root, (key, value) =>
        {
            switch (key.Text)
            {
                case "upstreams":
                    Named(value, values.Place(at, key.Text, value, key), (name, node, place) => Upstream(config, name, node, place));
                    return true;
                case "gates":
                    Named(value, values.Place(at, key.Text, value, key), (name, node, place) => config.Gates.Add(Gate(name, node, place)));
                    return true;
                default:
                    return false;
            }
        });
    }

    private void Upstream(GatewayConfig config, string name, Node node, Origin at)
    {
        var upstream = new UpstreamConfig(name);
        upstream.Sections.Origin = at;
        config.Upstreams.Add(upstream);
        var url = at is { Secret: false, Text: { } text } && text.StartsWith("http", StringComparison.Ordinal) ? $"{{ url: {text} }}" : "{ url: http://10.0.0.5:5001 }";
        if (Mapping(node, at, $"write {name}: {url}") is { } mapping)
        {
            Fill(upstream.Sections, Place.Upstream, grammar.Upstream, mapping, at, keys.Upstream, (_, _) => false);
        }
    }

    private GateConfig Gate(string name, Node node, Origin at)
    {
        var gate = new GateConfig(name);
        check.Gate = name;
        Gate(gate, node, at);
        check.Gate = null;
        return gate;
    }

    private void Gate(GateConfig gate, Node node, Origin at)
    {
        gate.Sections.Origin = at;
        gate.Own = new GateOptions { Origin = at };
        var fix = node is ScalarNode { Text: var file } && (file.EndsWith(".yaml", StringComparison.Ordinal) || file.EndsWith(".yml", StringComparison.Ordinal))
            ? $"write {gate.Name}: {{ include: {file} }}" : "write its match and routes, or include: FILE";
        if (Mapping(node, at, fix) is not { } mapping)
        {
            return;
        }
        if (mapping.Find("include") is { } include)
        {
            Include(gate, mapping, include, at);
            return;
        }
        var own = new SectionSet();
        var routes = false;
        Fill(gate.Sections, Place.Gate, grammar.Route, mapping, at, keys.Gate, (key, value) =>
        {
            routes |= key.Text == "routes";
            return key.Text == "routes" ? Routes(gate, value, values.Place(at, key.Text, value, key)) : Take(own, [typeof(GateOptions)], key, value, at);
        });
        gate.Own = (GateOptions?)own.Find(typeof(GateOptions)) ?? gate.Own;
        if (!routes && !at.Has("routes") && !at.Has("include"))
        {
            check.Error(at.At("routes"), "a gate needs routes, got none; add routes: or include: FILE");
        }
    }

    private void Include(GateConfig gate, MappingNode mapping, Node include, Origin at)
    {
        values.Repeated(mapping, at);
        var beside = mapping.Entries.Where(e => e.Key.Text != "include").ToList();
        if (beside.Count > 0)
        {
            var key = beside[0].Key;
            check.Error(new Origin(key.File, key.Line, key.Column, at.Path), $"nothing stands beside include, got {string.Join(", ", beside.Select(e => $"'{e.Key.Text}'"))}; move it into the included file");
        }
        var place = values.Place(at, "include", include);
        if (include is not ScalarNode { IsNull: false, Text: { Length: > 0 } file })
        {
            check.Break(place, $"the path of a file is needed, got {(include is ScalarNode { Quoted: true } ? "an empty text" : ValueBinder.Got(include, place))}; write include: gates/{gate.Name}.yaml");
        }
        else if (place.Secret)
        {
            check.Break(place, "a path is written as it is here, without ${…}: messages show it");
        }
        else if (!place.Broken)
        {
            var display = Path.Combine(Path.GetDirectoryName(include.File) ?? "", file);
            gate.File = display;
            reader.Included(display, place, root => Gate(gate, root, new Origin(root.File, root.Line, root.Column, "")));
        }
    }

    private bool Routes(GateConfig gate, Node node, Origin at)
    {
        if (at.Broken)
        {
            return true;
        }
        if (node is not SequenceNode list)
        {
            check.Break(at, $"a list of routes is needed, got {ValueBinder.Got(node, at)}; begin each with '- get: /path'");
            return true;
        }
        if (list.Items.Count == 0)
        {
            check.Break(at, "the list of routes is empty; add a route: '- get: /path'");
        }
        for (var i = 0; i < list.Items.Count; i++)
        {
            var place = values.Place(at, $"[{i}]", list.Items[i]);
            if (Mapping(list.Items[i], place, list.Items[i] is ScalarNode { Text: ['/', ..] path } ? $"write '- get: {path}' and what answers it" : "write '- get: /path' and what answers it") is { } mapping)
            {
                Route(gate, mapping, place);
            }
        }
        return true;
    }

    private void Route(GateConfig gate, MappingNode mapping, Origin at)
    {
        var (sections, own) = (new SectionSet { Origin = at }, new Dictionary<string, object?>());
        Fill(sections, Place.Route, grammar.Route, mapping, at, keys.Route, (key, value) =>
        {
            var type = key.Text == "when" ? typeof(WhenOptions) : KeyFinder.Methods.Contains(key.Text) ? typeof(string) : null;
            if (type is null)
            {
                return false;
            }
            own[key.Text] = values.Bind(type, false, value, values.Place(at, key.Text, value, key), type == typeof(string) ? "a path" : null);
            return true;
        });
        var methods = KeyFinder.Methods.Where(own.ContainsKey).ToList();
        if (methods.Count > 1)
        {
            check.Error(at.At(methods[1]), $"a route has one method, got {string.Join(" and ", methods)}; write a route for each, or any: for all methods");
        }
        else if (methods.Count == 0 && !KeyFinder.Methods.Any(at.Has))
        {
            check.Error(at, $"a route needs a method and a path, got none; add get: /path (or {string.Join(", ", KeyFinder.Methods.Skip(1))})");
        }
        else if (methods.Count == 1 && own[methods[0]] is string template)
        {
            gate.Routes.Add(new RouteConfig
            {
                Method = methods[0] == "any" ? "*" : methods[0].ToUpperInvariant(),
                Template = template,
                When = (WhenOptions?)own.GetValueOrDefault("when"),
                Sections = sections,
            });
        }
    }

    /// <summary>Hands each key of a shared mapping to the record that owns it; <paramref name="own"/> takes those of the place itself.</summary>
    private void Fill(SectionSet set, Place place, IReadOnlyList<Type> types, MappingNode mapping, Origin at, IReadOnlyList<string> known, Func<ScalarNode, Node, bool> own)
    {
        values.Repeated(mapping, at);
        foreach (var (key, value) in mapping.Entries)
        {
            if (own(key, value) || Off(set, place, types, key, value, at) || Take(set, types, key, value, at, place))
            {
                continue;
            }
            values.Unknown(key, at, known, section: true);
        }
        // An unknown key may be the one that is missed.
        at.Incomplete = mapping.Entries.Any(e => !at.Has(e.Key.Text));
        foreach (var type in types)
        {
            foreach (var property in Sections.Of(type).Where(p => p.Needed is not null && !at.Has(p.Key)))
            {
                Validation.Missing(set.Find(type) ?? ValueBinder.New(type, at), property, check);
            }
        }
    }

    private bool Take(SectionSet set, IReadOnlyList<Type> types, ScalarNode key, Node value, Origin at, Place place = Place.Route)
    {
        foreach (var type in types)
        {
            var property = Array.Find(Sections.Of(type), p => p.Key == key.Text && !(p.RouteOnly && place == Place.Gate));
            if (property is null)
            {
                continue;
            }
            var bound = values.Bind(property.Type, property.OneOrMany, value, values.Place(at, key.Text, value, key, property.Secret));
            if (bound is not null)
            {
                var record = set.Find(type) ?? ValueBinder.New(type, at);
                property.Info.SetValue(record, bound);
                set.Put(record);
            }
            return true;
        }
        return false;
    }

    /// <summary><c>off</c>: in gates and routes for any key whose value isn't a word of its own kind, elsewhere where the key says so.</summary>
    private bool Off(SectionSet set, Place place, IReadOnlyList<Type> types, ScalarNode key, Node value, Origin at)
    {
        var property = types.SelectMany(Sections.Of).FirstOrDefault(p => p.Key == key.Text);
        if (property is null || value is not ScalarNode { Text: var text } scalar || Words.Bare(property.Type) is { } type && (type == typeof(bool) || type.IsEnum))
        {
            return false;
        }
        var shared = place is Place.Gate or Place.Route;
        if ((!shared && !property.CanBeOff) || (property.RouteOnly && place == Place.Gate))
        {
            return false;
        }
        if (text != "off")
        {
            return !scalar.Quoted && !property.RouteOnly && Switched(property, place, text) is { } fix && Refuse(values.Place(at, key.Text, value, key), property, text, fix);
        }
        var origin = values.Place(at, key.Text, value, key);
        if (property.RouteOnly)
        {
            check.Break(origin, $"'{key.Text}' is never taken over from a gate, so it can't be off; remove the line");
        }
        set.Off.Add(key.Text);
        return true;
    }

    /// <summary>What to write instead of a word for on or off; null where it is no such word, or may be a value.</summary>
    private static string? Switched(Sections.Property property, Place place, string word)
    {
        var type = Words.Bare(property.Type);
        return word switch
        {
            "false" or "no" or "disabled" when Words.IsRecord(type) || type == typeof(TimeSpan) => "write off",
            "true" or "yes" or "on" or "enabled" when place == Place.Upstream && Words.IsRecord(type) && !Array.Exists(Sections.Of(type), p => p.Needed is not null)
                => $"write {property.Key}: {{}} for its defaults, or its keys",
            _ => null,
        };
    }

    private bool Refuse(Origin at, Sections.Property property, string word, string fix)
    {
        check.Break(at, $"{Words.Of(property.Type)} is needed, got '{word}'; {fix}");
        return true;
    }

    private void Named(Node node, Origin at, Action<string, Node, Origin> each)
    {
        if (Mapping(node, at, "write a line with a name, and under it what the name stands for") is not { } mapping)
        {
            return;
        }
        values.Repeated(mapping, at);
        var names = new Dictionary<string, ScalarNode>(StringComparer.OrdinalIgnoreCase);
        foreach (var (key, value) in mapping.Entries)
        {
            var place = new Origin(key.File, key.Line, key.Column, at.Path);
            if (!Name().IsMatch(key.Text))
            {
                check.Error(place, $"not a name, got '{key.Text}'; a name has letters, digits, '-', '_' and '.', and begins with a letter or digit");
                continue;
            }
            if (!names.TryAdd(key.Text, key))
            {
                var first = names[key.Text];
                check.Error(place, $"'{key.Text}' differs only in case from '{first.Text}' at {first.File}:{first.Line}:{first.Column}; give it another name");
            }
            each(key.Text, value, values.Place(at, key.Text, value, key));
        }
    }

    private MappingNode? Mapping(Node node, Origin at, string fix)
    {
        if (node is not MappingNode && !at.Broken)
        {
            var got = at.Text is null && node is ScalarNode { IsNull: false } ? "a text" : ValueBinder.Got(node, at);
            check.Break(at, $"a mapping is needed, got {got}; {(ValueBinder.LacksSpace(node) ? ValueBinder.Space : fix)}");
        }
        return node as MappingNode;
    }

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\z")]
    private static partial Regex Name();
}
