using Postern.Config;
using Postern.Config.Schema;

namespace Postern.Tests.Config.Schema;

public sealed class ReferencePageTests
{
    [Theory]
    [InlineData("docs/configuration.md", "schema --reference")]
    [InlineData("samples/shop/postern.schema.json", "schema")]
    [InlineData("samples/shop/gate.schema.json", "schema --gate")]
    public void What_is_kept_in_a_file_is_what_the_options_say(string path, string command)
    {
        var file = Path.Combine(Root(), path);
        var made = command switch
        {
            "schema" => JsonSchema.Write(Features.Grammar),
            "schema --gate" => JsonSchema.Write(Features.Grammar, gate: true),
            _ => ReferencePage.Write(Features.Grammar),
        };
        Assert.True(File.Exists(file) && File.ReadAllText(file).ReplaceLineEndings("\n") == made, $"{path} is behind the options; write it anew: postern {command} > {path}");
    }

    [Fact]
    public void Every_key_says_what_it_does()
    {
        foreach (var type in Records())
        {
            Assert.All(Sections.Of(type), p => Assert.False(string.IsNullOrEmpty(Docs.Of(p.Info)), $"{type.Name}.{p.Key}"));
        }
    }

    [Fact]
    public void No_key_has_two_owners_in_one_place()
    {
        var keys = new KeyFinder(Features.Grammar);
        foreach (var place in new[] { keys.Root, keys.Upstream, keys.Gate, keys.Route })
        {
            Assert.Equal(place.Distinct(), place);
        }
    }

    [Fact]
    public void Every_default_and_range_is_written_in_the_words_of_the_language()
    {
        foreach (var property in Records().SelectMany(Sections.Of))
        {
            if (property.DefaultText is not null)
            {
                Assert.NotNull(Scalars.Parse(property.Type, property.DefaultText));
            }
            if (property.Range is { } range)
            {
                Assert.NotNull(Scalars.Parse(property.Type, range.From));
                Assert.NotNull(Scalars.Parse(property.Type, range.To));
            }
        }
    }

    private static HashSet<Type> Records()
    {
        var found = new HashSet<Type>();
        var open = new Queue<Type>([.. Features.Grammar.Root, .. Features.Grammar.Upstream, .. Features.Grammar.Route, typeof(GateOptions), typeof(WhenOptions)]);
        while (open.TryDequeue(out var type))
        {
            if (found.Add(type))
            {
                Sections.Of(type).Select(p => Held(p.Type)).Where(Words.IsRecord).ToList().ForEach(open.Enqueue);
            }
        }
        return found;
    }

    private static Type Held(Type type) => Words.ListOf(type) ?? Words.MapOf(type) ?? type;

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Postern.slnx")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException("The solution isn't above the tests.");
        }
        return folder.FullName;
    }
}
