using Postern.Config;

namespace Postern.Transforms.Shaping;

/// <summary>The <c>shape</c> section in C#.</summary>
public static class ShapeExtensions
{
    /// <summary>The shape of the answer, as an expression of JMESPath: <c>.Shape("{id: id, name: author.name}")</c>.</summary>
    public static T Shape<T>(this T at, string expression) where T : SectionBuilder => at.Shape(Inline.Of(expression));

    /// <summary>The shape of the answer, with expressions for leaves: <c>.Shape(Inline.Of(("id", "id"), ("name", "author.name")))</c>.</summary>
    public static T Shape<T>(this T at, Inline shape) where T : SectionBuilder
    {
        at.Sections.Off.Remove("shape");
        at.Sections.Set<ShapeSection>(o => o with { Shape = shape });
        return at;
    }

    /// <summary>How many bytes of JSON a shaped or composed answer may be made of.</summary>
    public static T MaxBytes<T>(this T at, ByteSize bytes) where T : SectionBuilder
    {
        at.Sections.Off.Remove("maxBytes");
        at.Sections.Set<ShapeSection>(o => o with { MaxBytes = bytes });
        return at;
    }

    /// <summary>The answer stays as it is, whatever the gate says.</summary>
    public static RouteBuilder ShapeOff(this RouteBuilder route)
    {
        route.Sections.Set<ShapeSection>(o => o with { Shape = null });
        route.Sections.Off.Add("shape");
        return route;
    }
}
