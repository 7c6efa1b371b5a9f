using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using Postern.Transforms.Trimming;
using Check = Postern.Config.Check;

namespace Postern.Tests.Transforms.Trimming;

/// <summary>The machine leaves what its definition, written down over a document in memory, says; however the text is cut.</summary>
public sealed class TrimPropertyTests
{
    [Fact]
    public void What_is_left_is_what_the_definition_says_in_whatever_pieces_it_comes() =>
        Prop.ForAll(AnyCase.Any, one => Told(Differs(one))).Check(FsCheck.Config.QuickThrowOnFailure.WithMaxTest(3000));

    [Fact]
    public void A_text_that_has_lost_a_byte_is_never_taken_for_another() =>
        Prop.ForAll(AnyCase.Any, Gen.Choose(0, 1000).ToArbitrary(), (one, where) => Told(Accepts(one, where))).Check(FsCheck.Config.QuickThrowOnFailure.WithMaxTest(1000));

    private static Property Told(string? wrong) => (wrong is null).Label(wrong ?? "");

    private static string? Differs(AnyCase one)
    {
        var expected = Definition.Of(one);
        var (problem, left) = Trim(one, Encoding.UTF8.GetBytes(one.Json));
        return problem ?? (left == expected ? null : $"{left}\ninstead of {expected}");
    }

    /// <summary>Without one byte it is JSON for the machine exactly where it is for the platform's own reader.</summary>
    private static string? Accepts(AnyCase one, int where)
    {
        var json = Encoding.UTF8.GetBytes(one.Json).ToList();
        json.RemoveAt(where % json.Count);
        var (problem, _) = Trim(one, [.. json]);
        // The platform's reader leaves UTF-8 to whoever wants the text.
        var valid = System.Text.Unicode.Utf8.IsValid(json.ToArray());
        try
        {
            using var _ = JsonDocument.Parse(json.ToArray());
        }
        catch (JsonException)
        {
            valid = false;
        }
        // Only the machine minds a name that stands twice, where it is one that paths name.
        return valid == problem is null || problem?.Contains("stands twice") is true ? null : $"valid: {valid}, but {problem ?? "taken"}: {Encoding.UTF8.GetString([.. json])}";
    }

    private static (string? Problem, string Left) Trim(AnyCase one, byte[] json)
    {
        var pass = Trimmer.Compile(one.Section, beside: false, new Check())!.Begin(200);
        var output = new ArrayBufferWriter<byte>();
        for (int i = 0, at = 0; at < json.Length; i++)
        {
            var size = Math.Min(one.Sizes[i % one.Sizes.Length], json.Length - at);
            if (!pass.Write(json.AsSpan(at, size), output))
            {
                return (pass.Problem, "");
            }
            at += size;
        }
        return (pass.End() ? null : pass.Problem, Encoding.UTF8.GetString(output.WrittenSpan));
    }

    /// <summary>What drop, pick and rename mean, said as plainly as can be.</summary>
    private sealed class Definition
    {
        private readonly string[][] drop;
        private readonly string[][]? pick;
        private readonly (string[] Path, string Name)[] rename;
        private readonly StringBuilder text = new();

        private Definition(TrimSection section)
        {
            drop = [.. (section.Drop ?? []).Select(Names)];
            pick = section.Pick?.Select(Names).ToArray();
            rename = [.. (section.Rename ?? new Dictionary<string, string>()).Select(r => (Names(r.Key), Names(r.Value)[0]))];
        }

        public static string Of(AnyCase one)
        {
            using var json = JsonDocument.Parse(one.Json);
            var definition = new Definition(one.Section);
            if (!definition.Stays(json.RootElement, []))
            {
                return "null";
            }
            definition.Write(json.RootElement, []);
            return definition.text.ToString();
        }

        private static string[] Names(string path) => [.. FieldPath.Parse(path).Path!.Names];

        /// <summary>Whether a value at that place stays: a plain one goes where only something in it was picked.</summary>
        private bool Stays(JsonElement value, string[] at) =>
            IsPicked(at) || value.ValueKind is JsonValueKind.Object or JsonValueKind.Array or JsonValueKind.Null;

        private bool IsPicked(string[] at) => pick is null || pick.Any(p => at.Take(p.Length).SequenceEqual(p));

        private bool IsLeading(string[] at) => pick!.Any(p => p.Take(at.Length).SequenceEqual(at));

        private bool IsField(string[] at) => !drop.Any(d => d.SequenceEqual(at)) && (IsPicked(at) || IsLeading(at));

        private void Write(JsonElement value, string[] at)
        {
            switch (value.ValueKind)
            {
                case JsonValueKind.Object:
                    var fields = value.EnumerateObject().Where(f => IsField([.. at, f.Name]) && Stays(f.Value, [.. at, f.Name]) && !GivesWay([.. at, f.Name])).ToList();
                    List('{', fields, '}', f =>
                    {
                        var name = NewName([.. at, f.Name]);
                        text.Append(name is null ? Encoding.UTF8.GetString(JsonMarshal.GetRawUtf8PropertyName(f)) is var raw ? $"\"{raw}\"" : "" : $"\"{name}\"").Append(':');
                        Write(f.Value, [.. at, f.Name]);
                    });
                    break;
                case JsonValueKind.Array:
                    List('[', value.EnumerateArray().Where(i => Stays(i, at)).ToList(), ']', i => Write(i, at));
                    break;
                default:
                    text.Append(value.GetRawText());
                    break;
            }
        }

        private string? NewName(string[] at) => rename.FirstOrDefault(r => r.Path.SequenceEqual(at)).Name;

        /// <summary>Whether another field of the object, there or not, has been given its name.</summary>
        private bool GivesWay(string[] at) =>
            NewName(at) is null && rename.Any(r => r.Path.Length == at.Length && r.Path[..^1].SequenceEqual(at[..^1]) && r.Name == at[^1] && IsField(r.Path));

        private void List<T>(char open, List<T> entries, char close, Action<T> write)
        {
            text.Append(open);
            for (var i = 0; i < entries.Count; i++)
            {
                text.Append(i == 0 ? "" : ",");
                write(entries[i]);
            }
            text.Append(close);
        }
    }
}
