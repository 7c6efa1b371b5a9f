using Microsoft.AspNetCore.Http;
using Postern.Tests.Edge;
using Postern.Transforms.Locales;

namespace Postern.Tests.Transforms.Locales;

public sealed class LocaleChoiceTests
{
    private readonly OneRoute route = new();

    [Fact]
    public void Without_one_it_is_the_usual_and_nothing_varies()
    {
        var choice = LocaleChoice.Compile(route.Scope(), dependsOnLocale: true);
        Assert.Equal(("en-US", false), (choice.Pick(Asking("de")).Tag, choice.Varies));
    }

    [Fact]
    public void One_is_for_all()
    {
        route.Route.Sections.Set<LocaleSection>(o => o with { Locale = ["de-DE"] });
        var choice = LocaleChoice.Compile(route.Scope(), dependsOnLocale: true);
        Assert.Equal(("de-DE", false), (choice.Pick(Asking("en")).Tag, choice.Varies));
    }

    [Fact]
    public void Of_several_the_request_picks_one()
    {
        route.Gate.Sections.Set<LocaleSection>(o => o with { Locale = ["en-US", "de"] });
        var scope = route.Scope();
        var choice = LocaleChoice.Compile(scope, dependsOnLocale: true);
        Assert.Equal(("de-DE", "en-US", "en-US"), (choice.Pick(Asking("de-AT, en;q=0.5")).Tag, choice.Pick(Asking("fr")).Tag, choice.Pick(new DefaultHttpContext()).Tag));
        Assert.True(choice.Varies);
        Assert.Equal("en-US, or de-DE by Accept-Language; here de-DE", scope.Notes.Single(n => n.Stage == "locale").What(Asking("de")));
    }

    [Fact]
    public void A_route_has_its_own_or_none()
    {
        route.Gate.Sections.Set<LocaleSection>(o => o with { Locale = ["en-US", "de-DE"] });
        route.Route.Sections.Off.Add("locale");
        Assert.False(LocaleChoice.Compile(route.Scope(), dependsOnLocale: true).Varies);
    }

    [Fact]
    public void What_does_not_depend_on_it_does_not_vary()
    {
        route.Route.Sections.Set<LocaleSection>(o => o with { Locale = ["de-DE", "en-US"] });
        var scope = route.Scope();
        Assert.False(LocaleChoice.Compile(scope, dependsOnLocale: false).Varies);
        Assert.DoesNotContain(scope.Notes, n => n.Stage == "locale");
    }

    [Theory]
    [InlineData(null, "Accept-Language")]
    [InlineData("Origin", "Origin,Accept-Language")]
    [InlineData("Origin, accept-language", "Origin, accept-language")]
    [InlineData("*", "*")]
    [InlineData("X-Accept-Language", "X-Accept-Language,Accept-Language")]
    public void Caches_are_told_once_and_keep_what_they_were_told(string? before, string expected)
    {
        route.Route.Sections.Set<LocaleSection>(o => o with { Locale = ["de-DE", "en-US"] });
        var answer = new DefaultHttpContext().Response.Headers;
        answer.Vary = before;
        LocaleChoice.Compile(route.Scope(), dependsOnLocale: true).Tell(answer);
        Assert.Equal(expected, string.Join(',', answer.Vary.ToArray()));
    }

    private static DefaultHttpContext Asking(string languages)
    {
        var context = OneRoute.Request();
        context.Request.Headers.AcceptLanguage = languages;
        return context;
    }
}
