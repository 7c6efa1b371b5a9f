using Postern.Config;

namespace Postern.Transforms.Locales;

/// <summary>For whom a route's answers are worded.</summary>
public sealed record LocaleSection : Options
{
    /// <summary>More are no choice that anyone makes.</summary>
    private const int MaxLocales = 32;

    /// <summary>For whom amounts and dates are written by <c>money</c> and <c>date</c> in a shape: a locale such as <c>de-DE</c>, or several, of
    /// which the request's Accept-Language picks one. Where it names none of them, the first holds. Default: <c>en-US</c>.</summary>
    [OneOrMany] public IReadOnlyList<string>? Locale { get; init; }

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        if (Locale is null)
        {
            return;
        }
        if (Locale.Count > MaxLocales)
        {
            check.Error(this, "locale", $"{Locale.Count} locales; at most {MaxLocales} are allowed");
        }
        var found = new List<string>();
        for (var i = 0; i < Locale.Count; i++)
        {
            if (Locales.Locale.Find(Locale[i]) is not { } locale)
            {
                check.Error(this, $"locale[{i}]", $"no locale '{Locale[i]}'; {Instead(Locale[i])}");
            }
            else if (found.Contains(locale.Tag))
            {
                check.Error(this, $"locale[{i}]", $"'{locale.Tag}' stands here twice; remove one of them");
            }
            else
            {
                found.Add(locale.Tag);
            }
        }
    }

    /// <summary>The locales of that language, or what the word is nearest to.</summary>
    private static string Instead(string tag)
    {
        var wanted = tag.Trim().Replace('_', '-');
        var same = LocaleTable.Tags.Where(t => t.StartsWith($"{wanted.Split('-')[0]}-", StringComparison.OrdinalIgnoreCase)).ToList();
        if (same.Exists(t => t.Equals(wanted, StringComparison.OrdinalIgnoreCase)))
        {
            return $"write '{same.Find(t => t.Equals(wanted, StringComparison.OrdinalIgnoreCase))}'";
        }
        return same.Count > 0 ? $"of that language there are {string.Join(", ", same)}"
            : Nearest.Of(wanted, LocaleTable.Tags) is { } near ? $"did you mean '{near}'?" : "write one like en-US or de-DE";
    }
}

/// <summary>The <c>locale</c> of gates and routes in C#.</summary>
public static class LocaleExtensions
{
    /// <summary>For whom a shape's amounts and dates are written; of several the request's Accept-Language picks one, else the first holds.</summary>
    public static T Locale<T>(this T at, params IReadOnlyList<string> locales) where T : SectionBuilder
    {
        at.Sections.Off.Remove("locale");
        at.Sections.Set<LocaleSection>(o => o with { Locale = locales });
        return at;
    }

    /// <summary>The usual locale, en-US, whatever the gate says.</summary>
    public static T LocaleOff<T>(this T at) where T : SectionBuilder
    {
        at.Sections.Off.Add("locale");
        at.Sections.Set<LocaleSection>(o => o with { Locale = null });
        return at;
    }
}
