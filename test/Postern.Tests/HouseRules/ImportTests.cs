using System.Text.RegularExpressions;
using Postern.Tests.Harness;

namespace Postern.Tests.HouseRules;

/// <summary>Who may know whom, as docs/architecture.md draws it.</summary>
public sealed partial class ImportTests
{
    /// <summary>Room → the rooms it may name. <c>*</c> stands for the features of a room, which never name each other.</summary>
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Config"] = [],
        ["Wire"] = [],
        ["Pipeline"] = ["Config", "Wire"],
        ["Edge"] = ["Pipeline", "Config", "Wire"],
        ["Upstreams"] = ["Pipeline", "Config", "Wire"],
        ["Transforms"] = ["Pipeline", "Config", "Wire"],
        ["Backends"] = ["Transforms", "Pipeline", "Config", "Wire"],
        ["Runtime"] = ["Upstreams", "Pipeline", "Config", "Wire"],
    };

    /// <summary>The files that read the list, which names every feature; see docs/architecture.md.</summary>
    private static readonly string[] ReadTheList = ["Runtime/RouteCompiler.cs", "Runtime/Explain.cs", "Upstreams/UpstreamCompiler.cs"];

    /// <summary>Every namespace of the library with the types in it.</summary>
    private static readonly Dictionary<string, HashSet<string>> Types = typeof(GatewayBuilder).Assembly.GetTypes()
        .Where(t => t is { IsNested: false, Namespace: not null })
        .GroupBy(t => t.Namespace!, t => t.Name.Split('`')[0]).ToDictionary(g => g.Key, g => g.ToHashSet());

    [Fact]
    public void Rooms_know_only_the_rooms_below_them() => Assert.Empty(
        from source in Sources()
        from name in Forbidden(source.Text, source.Room, source.Feature)
        select $"{source.File} names {name}");

    [Theory]
    [InlineData("Edge", "Guarding", "using Postern.Upstreams.Forwarding;")]
    [InlineData("Edge", "Guarding", "using static Postern.Runtime.Explain;")]
    [InlineData("Edge", "Guarding", "using Log = Postern.Edge.Observing.AccessLog;")]
    [InlineData("Edge", "Guarding", "class A { Postern.Upstreams.Forwarding.Destination? b; }")]
    [InlineData("Edge", "Guarding", "class A { global::Postern.Upstreams.PlainMessages? b; }")]
    [InlineData("Edge", "Guarding", "class A { Upstreams.Forwarding.Destination? b; }")]
    [InlineData("Edge", "Guarding", "class A { Upstreams.PlainMessages? b; }")]
    [InlineData("Edge", "Guarding", "class A { object b = new Observing.ObservingStage(); }")]
    [InlineData("Edge", "Guarding", "class A { object b = new Edge.Observing.ObservingStage(); }")]
    [InlineData("Edge", "Guarding", "class A { object b = Features.Edge; }")]
    [InlineData("Edge", "Guarding", "class A { object b = typeof(Runtime.Explain); }")]
    [InlineData("Wire", "", "using Postern.Config;")]
    [InlineData("Config", "Yaml", "using Postern.Pipeline;")]
    [InlineData("Pipeline", "Telemetry", "class A { Transforms.UrlTemplate? b; }")]
    [InlineData("Backends", "Responding", "using Postern.Backends.Proxying;")]
    [InlineData("Runtime", "", "using Postern.Transforms;")]
    public void A_name_from_elsewhere_is_seen(string room, string feature, string text) => Assert.NotEmpty(Forbidden(text, room, feature));

    [Theory]
    [InlineData("Edge", "Guarding", "using Postern.Pipeline; // Postern.Upstreams.Forwarding")]
    [InlineData("Edge", "Guarding", "/// <see cref=\"Upstreams.PlainMessages\"/>")]
    [InlineData("Edge", "Guarding", "class A { string b = \"Upstreams.PlainMessages\"; }")]
    [InlineData("Edge", "Guarding", "class A { object b = context.Features.Get(); }")]
    [InlineData("Edge", "Guarding", "using Postern.Edge.Guarding; class A { object b = config.Upstreams.Forwarding; }")]
    [InlineData("Upstreams", "Balancing", "using Postern.Upstreams.Forwarding;")]
    public void A_name_from_here_or_below_is_not(string room, string feature, string text) => Assert.Empty(Forbidden(text, room, feature));

    [Fact]
    public void Namespaces_follow_folders() => Assert.Empty(
        from source in Sources()
        let expected = "Postern." + Path.GetDirectoryName(source.File)!.Replace('/', '.')
        where !source.Text.Contains($"\nnamespace {expected};", StringComparison.Ordinal) && !source.Text.StartsWith($"namespace {expected};", StringComparison.Ordinal)
        select $"{source.File} is not in {expected}");

    [Fact]
    public void Only_the_pages_that_show_the_path_read_the_list() => Assert.Equal(
        ReadTheList.Order(),
        Sources().Where(s => ListRead().IsMatch(Code(s.Text))).Select(s => s.File).Order());

    [Fact]
    public void Only_one_folder_names_YamlDotNet()
    {
        var files = SourceFiles().Where(f => File.ReadAllText(f).Contains("YamlDotNet", StringComparison.Ordinal));
        Assert.All(files, f => Assert.Contains("/Config/Yaml/", f, StringComparison.Ordinal));
    }

    [Fact]
    public void Files_stay_under_400_lines() =>
        Assert.DoesNotContain(SourceFiles(), f => File.ReadLines(f).Count() > 400);

    [Fact]
    public void No_type_has_a_name_that_says_nothing() =>
        Assert.DoesNotContain(SourceFiles(), f => EmptyNames().IsMatch(Path.GetFileNameWithoutExtension(f)));

    private static IEnumerable<string> SourceFiles() =>
        Directory.EnumerateFiles(Repository.File("src"), "*.cs", SearchOption.AllDirectories)
            .Where(f => !f.Contains("/obj/", StringComparison.Ordinal) && !f.Contains("/bin/", StringComparison.Ordinal));

    /// <summary>Every file of the library's rooms; the files at its root may know everything.</summary>
    private static IEnumerable<(string File, string Room, string Feature, string Text)> Sources()
    {
        var root = Repository.File("src", "Postern");
        foreach (var file in SourceFiles().Where(f => f.StartsWith(root + "/", StringComparison.Ordinal)))
        {
            var name = Path.GetRelativePath(root, file);
            var parts = name.Split('/');
            if (parts.Length > 1)
            {
                yield return (name, parts[0], parts.Length > 2 ? parts[1] : "", File.ReadAllText(file).ReplaceLineEndings("\n"));
            }
        }
    }

    /// <summary>What a file of this room and feature names and may not, however it writes it: imported, in full, or from where it stands.</summary>
    private static List<string> Forbidden(string text, string room, string feature)
    {
        var broken = new List<string>();
        foreach (Match match in Names().Matches(Code(text)))
        {
            string[] parts = [.. match.Value.Split('.', StringSplitOptions.TrimEntries).SkipWhile(p => p == "Postern")];
            var inFull = match.Value.StartsWith("Postern", StringComparison.Ordinal);
            if (Types.ContainsKey($"Postern.{room}.{parts[0]}") && parts[0] != feature && !inFull && Types[$"Postern.{room}.{parts[0]}"].Contains(parts.ElementAtOrDefault(1) ?? ""))
            {
                // From where it stands: another feature of this room.
                parts = [room, .. parts];
            }
            else if (!Allowed.ContainsKey(parts[0]) || !(inFull || IsKnown(parts)))
            {
                continue;
            }
            var own = parts[0] == room && (room is not ("Edge" or "Backends") || parts.Length == 1 || parts[1] == feature || !Types.ContainsKey($"Postern.{room}.{parts[1]}"));
            if (!own && (parts[0] == room || !Allowed[room].Contains(parts[0])))
            {
                broken.Add(string.Join('.', parts));
            }
        }
        if (room is not ("Runtime" or "Upstreams") && ListRead().IsMatch(Code(text)))
        {
            broken.Add("Features");
        }
        return broken;
    }

    /// <summary>A room's name may be a property's too; followed by a type or a folder of the room it is the room's.</summary>
    private static bool IsKnown(string[] parts) => parts.Length > 1
        && ((Types.TryGetValue("Postern." + parts[0], out var types) && types.Contains(parts[1])) || Types.ContainsKey($"Postern.{parts[0]}.{parts[1]}"));

    /// <summary>The text without comments and strings.</summary>
    private static string Code(string text) => NoCode().Replace(text, m => m.Value.StartsWith('/') ? "" : "\"\"");

    [GeneratedRegex(@"(?<![\w.])[A-Z]\w*(?:\s*\.\s*[A-Z]\w*)+|(?<=using (?:static )?(?:\w+ = )?)Postern\.\w+")]
    private static partial Regex Names();

    [GeneratedRegex(@"(?<![\w.])(?:Postern\.)?Features\.(?:Edge|Backends|Endpoints|Upstream|Grammar)\b")]
    private static partial Regex ListRead();

    [GeneratedRegex(@"//[^\n]*|/\*.*?\*/|(?<![$""])""{3}(?!"").*?""{3}|(?<![$""'])""(?:\\.|[^""\\\n])*""", RegexOptions.Singleline)]
    private static partial Regex NoCode();

    [GeneratedRegex("(Manager|Helper|Helpers|Utils|Utilities|Factory|Impl|Common)$")]
    private static partial Regex EmptyNames();
}
