using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Postern.Pipeline;
using Postern.Wire;

namespace Postern.Transforms.Locales;

/// <summary>The locales of a route, and which of them a request gets. Only a route whose answer depends on the locale has one.</summary>
internal sealed class LocaleChoice
{
    /// <summary>What an answer says in <c>Vary</c> where the request picked the locale.</summary>
    public const string Field = "Accept-Language";

    private readonly Locale[] locales;

    private LocaleChoice(Locale[] locales) => this.locales = locales;

    /// <summary>Whether answers differ by the request's <see cref="Field"/>, which caches must be told.</summary>
    public bool Varies => locales.Length > 1;

    /// <summary>The route's locales, where its answers depend on one. Otherwise every request has the same, and no answer varies.</summary>
    public static LocaleChoice Compile(RouteScope scope, bool dependsOnLocale)
    {
        if (!dependsOnLocale)
        {
            return new([Locale.Default]);
        }
        var tags = scope.Options<LocaleSection>().Locale ?? [];
        // What isn't known was told when the section was read.
        Locale[] known = [.. tags.Select(Locale.Find).OfType<Locale>()];
        var choice = new LocaleChoice(known.Length > 0 ? known : [Locale.Default]);
        var first = choice.locales[0].Tag;
        scope.Note("locale", context => choice.Varies
            ? $"{first}, or {string.Join(", ", choice.locales.Skip(1).Select(l => l.Tag))} by {Field}; here {choice.Pick(context)}" : first);
        return choice;
    }

    /// <summary>Tells caches of an answer made with it; what the answer says already stays.</summary>
    public void Tell(IHeaderDictionary answer)
    {
        if (Varies && !IsToldIn(answer.Vary))
        {
            answer.Append("Vary", Field);
        }
    }

    /// <summary>The same for an upstream's answer that is sent on.</summary>
    public void Tell(FieldList answer)
    {
        if (!Varies)
        {
            return;
        }
        foreach (var (name, value) in answer.Fields)
        {
            if (name.Equals("Vary", StringComparison.OrdinalIgnoreCase) && IsToldIn(value))
            {
                return;
            }
        }
        answer.Add("Vary", Field);
    }

    /// <summary>The one for a request.</summary>
    public Locale Pick(HttpContext context) => locales.Length == 1 ? locales[0] : locales[AcceptLanguage.Pick(context.Request.Headers.AcceptLanguage, locales)];

    private static bool IsToldIn(StringValues vary)
    {
        foreach (var line in vary)
        {
            foreach (var part in line.AsSpan().Split(','))
            {
                var name = line.AsSpan()[part].Trim();
                if (name is "*" || name.Equals(Field, StringComparison.OrdinalIgnoreCase))
                {
                    return true;
                }
            }
        }
        return false;
    }
}
