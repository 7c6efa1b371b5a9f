using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Postern.Transforms.Trimming;
using Check = Postern.Config.Check;

namespace Postern.Tests.Transforms.Trimming;

/// <summary>A JSON text, what is to be done to it, and the pieces in which it comes.</summary>
/// <param name="Json">The text.</param>
/// <param name="Section">The rules, which don't contradict one another.</param>
/// <param name="Sizes">The length of each piece, over and over.</param>
public sealed record AnyCase(string Json, TrimSection Section, int[] Sizes)
{
    // Few names, so that paths meet them; some begin or end alike, or are written in several ways.
    private static readonly string[] Names = ["a", "b", "ab", "abc", "é", "a.b", "", "😀"];

    private static readonly string[] Scalars =
        ["1", "-0.50e+3", "true", "false", "null", "\"\"", "\"text\"", "\"\\u00e9 é 😀 \\\"}]\\\\\"", "12345678901234567890.10", "\"" + new string('x', 70) + "ö\""];

    private static readonly string[] Spaces = ["", "", "", " ", "\n\t", " \r\n   "];

    public static Arbitrary<AnyCase> Any { get; } = Arb.From(
        from json in Text(4)
        from before in Gen.Elements(Spaces)
        from section in Sections.Where(Fits)
        from sizes in Gen.NonEmptyListOf(Gen.OneOf(Gen.Choose(1, 3), Gen.Choose(1, 40)))
        select new AnyCase(before + json + before, section, [.. sizes]));

    public override string ToString() => $"{Json}\ndrop {Show(Section.Drop)} pick {Show(Section.Pick)} rename {Show(Section.Rename?.Select(r => $"{r.Key}: {r.Value}"))}\nin {string.Join(",", Sizes)}";

    private static string Show(IEnumerable<string>? list) => list is null ? "nothing" : $"[{string.Join(", ", list)}]";

    private static Gen<TrimSection> Sections =>
        from drop in Some(Path)
        from pick in Some(Path)
        from rename in Some(from path in Path from name in Gen.Elements("n", "a", "b", "\"é\"") select (path, name))
        where drop is not null || pick is not null || rename is not null
        select new TrimSection { Drop = drop, Pick = pick, Rename = rename?.DistinctBy(r => r.path).ToDictionary(r => r.path, r => r.name) };

    private static Gen<List<T>?> Some<T>(Gen<T> of) =>
        from count in Gen.Frequency((2, Gen.Constant(0)), (3, Gen.Choose(1, 3)))
        from list in Gen.ListOf(of, count)
        select count == 0 ? null : list.ToList();

    private static Gen<string> Path =>
        from count in Gen.Choose(1, 3)
        from names in Gen.ListOf(Gen.Elements(Names), count)
        from list in Gen.Elements("", "[]")
        select string.Join(list + ".", names.Select(n => n is "a.b" or "" ? $"\"{n}\"" : n));

    private static bool Fits(TrimSection section)
    {
        var check = new Check();
        section.Validate(check);
        Trimmer.Compile(section, beside: false, check);
        return check.Problems.Count == 0;
    }

    private static Gen<string> Text(int depth) => depth == 0 ? Gen.Elements(Scalars) : Gen.Frequency(
        (1, Gen.Elements(Scalars)),
        (4, from count in Gen.Choose(0, 5)
            from names in Gen.Shuffle(Names)
            from values in Gen.ListOf(Text(depth - 1), count)
            from written in Gen.ListOf(Gen.Choose(0, 3), count)
            from space in Gen.Elements(Spaces)
            select $"{{{space}{string.Join(space + "," + space, values.Select((v, i) => $"{Name(names[i], written[i])}{space}:{v}"))}}}"),
        (2, from count in Gen.Choose(0, 4)
            from items in Gen.ListOf(Text(depth - 1), count)
            from space in Gen.Elements(Spaces)
            select $"[{string.Join(space + ",", items)}{space}]"));

    /// <summary>A name plain, or with one character or all of them escaped.</summary>
    private static string Name(string name, int how)
    {
        var text = new StringBuilder("\"");
        for (var i = 0; i < name.Length; i++)
        {
            // A surrogate pair is escaped as a whole: half of one would be no UTF-8.
            var escaped = how == 1 || (how == 2 && i == name.Length - 1 && !char.IsSurrogate(name[i]));
            text.Append(escaped ? $"\\u{(int)name[i]:x4}" : name[i].ToString());
        }
        return text.Append('"').ToString();
    }
}
