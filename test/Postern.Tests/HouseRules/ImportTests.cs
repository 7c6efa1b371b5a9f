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

    [Fact]
    public void Rooms_know_only_the_rooms_below_them()
    {
        var broken = new List<string>();
        foreach (var (file, room, feature, names) in Sources())
        {
            foreach (var name in names)
            {
                var parts = name.Split('.');
                var sameFeature = parts[0] == room && (parts.Length == 1 || room is not ("Edge" or "Backends") || parts[1] == feature);
                if (!sameFeature && (parts[0] == room || !Allowed[room].Contains(parts[0])))
                {
                    broken.Add($"{file} names Postern.{name}");
                }
            }
        }
        Assert.Empty(broken);
    }

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

    private static IEnumerable<(string File, string Room, string Feature, IEnumerable<string> Names)> Sources()
    {
        var root = Repository.File("src", "Postern");
        foreach (var file in SourceFiles().Where(f => f.StartsWith(root + "/", StringComparison.Ordinal)))
        {
            var parts = Path.GetRelativePath(root, file).Split('/');
            if (parts.Length > 1)
            {
                var text = File.ReadAllText(file);
                var names = Imports().Matches(text).Select(m => m.Groups["room"].Value).Where(n => Allowed.ContainsKey(n.Split('.')[0])).Distinct();
                yield return (Path.GetRelativePath(root, file), parts[0], parts.Length > 2 ? parts[1] : "", names);
            }
        }
    }

    [GeneratedRegex(@"^(?:using|global using)(?: static)?(?: \w+ =)? Postern\.(?<room>\w+(?:\.\w+)?)|(?<![\w.""])Postern\.(?<room>\w+(?:\.\w+)?)", RegexOptions.Multiline)]
    private static partial Regex Imports();

    [GeneratedRegex("(Manager|Helper|Helpers|Utils|Utilities|Factory|Impl|Common)$")]
    private static partial Regex EmptyNames();
}
