using Microsoft.Extensions.Logging.Abstractions;
using Postern.Pipeline;
using Postern.Runtime;

namespace Postern.Tests.Config.Yaml;

/// <summary>
/// Configurations with the exact text that a user gets to read: every <c>Specs/config/*.case</c>. A case is the main file;
/// further files behind lines <c>--- path</c> (<c>--- path base64</c> for one that isn't text; <c>--- ${env:NAME}</c> sets a variable); then <c>===</c> and what is
/// printed, or <c>ok</c>. Adding one needs no code.
/// </summary>
public sealed class GoldenConfigTests
{
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "Specs", "config");

    public static TheoryData<string> Cases()
    {
        var data = new TheoryData<string>();
        foreach (var file in Directory.EnumerateFiles(Folder, "*.case").Order(StringComparer.Ordinal))
        {
            data.Add(Path.GetFileNameWithoutExtension(file));
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_configuration_gets_exactly_these_words(string name)
    {
        var golden = Read(name);
        Assert.Equal(golden.Expected, CheckText(golden));
    }

    [Fact]
    public void There_are_at_least_sixty_of_them() => Assert.True(Cases().Count >= 60);

    internal static ConfigCase Read(string name) => ConfigCase.Parse(File.ReadAllText(Path.Combine(Folder, name + ".case")));

    /// <summary>What a user reads when these files are checked.</summary>
    private static string CheckText(ConfigCase files)
    {
        var loaded = files.Load();
        var state = new StatePool();
        new GatewayCompiler(loaded.Config, loaded.Check, state, TimeProvider.System, NullLogger.Instance, last: null).Compile();
        state.Abandon();
        var lines = loaded.Check.Problems.Select(p => p.ToString()).ToList();
        return lines.Count == 0 ? "ok" : string.Join('\n', lines);
    }
}
