using Postern.Config;
using Postern.Tests.Config.Yaml;

namespace Postern.Tests.Config;

public sealed class ConfigTextTests
{
    [Fact]
    public void What_came_from_a_secret_is_never_shown()
    {
        var golden = GoldenConfigTests.Read("secret-found");
        var text = ConfigText.Render(golden.Load().Config);
        Assert.DoesNotContain("s3cret", text);
        Assert.DoesNotContain("hush-hush", text);
        Assert.DoesNotContain("127.0.0.1:5003", text);
        Assert.Contains("\"Authorization\": \"(secret)\"", text);
        Assert.Contains("\"url\": \"(secret)\"", text);
    }

    [Fact]
    public void A_token_written_as_it_is_is_not_shown_either()
    {
        var text = ConfigText.Render(ConfigCase.Load("version: 1\nadmin: { token: open-sesame }\n").Config);
        Assert.DoesNotContain("open-sesame", text);
        Assert.Contains("\"token\": \"(secret)\"", text);
    }

    [Fact]
    public void What_is_shown_reads_back_as_the_same_configuration()
    {
        var config = new ConfigCase(GoldenConfigTests.Read("valid-everything").Files, new Dictionary<string, string>(), "").Load().Config;
        var text = ConfigText.Render(config);
        var again = ConfigCase.Load(text);
        Assert.Empty(again.Check.Problems);
        Assert.Equal(text, ConfigText.Render(again.Config));
        Assert.Contains("\"identity\": \"off\"", text);
        Assert.Contains("\"cookie:sid\"", text);
    }

    [Fact]
    public void The_fingerprint_changes_with_a_secret_and_the_text_does_not()
    {
        var golden = GoldenConfigTests.Read("secret-found");
        var rotated = golden with { Files = golden.Files.ToDictionary(f => f.Key, f => f.Key == "/run/secrets/b" ? "hush-again" : f.Value) };
        var (before, after) = (golden.Load().Config.Gates[0], rotated.Load().Config.Gates[0]);
        Assert.Equal(ConfigText.Render(before), ConfigText.Render(after));
        Assert.NotEqual(ConfigText.Fingerprint(before), ConfigText.Fingerprint(after));
        Assert.Equal(ConfigText.Fingerprint(before), ConfigText.Fingerprint(golden.Load().Config.Gates[0]));
    }
}
