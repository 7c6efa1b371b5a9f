using Postern.Transforms.JmesPath.Nodes;
using Postern.Transforms.Json;
using Postern.Transforms.Wording;

namespace Postern.Transforms.JmesPath.Functions;

/// <summary>What a function does with arguments that fit its signature. It never throws: what can't be worked out is an error.</summary>
internal delegate JsonValue FunctionBody(ReadOnlySpan<JsonValue> arguments, Call call);

/// <summary>
/// A function of the language. Its signature says all there is to check, once, when an expression is compiled, or of values when
/// it is called: <c>pad_left(string, number, string?)</c>, <c>merge(object, object...)</c>, <c>max(array[number]|array[string])</c>,
/// <c>sort_by(array, &amp;any) -> array</c>.
/// </summary>
internal sealed class Function
{
    /// <param name="signature">Name and types: any, null, boolean, number, string, array, object, array[number], array[string],
    /// array[object], array[array], &amp;any (an expression). <c>|</c> separates types that all fit, <c>?</c> stands behind what
    /// may be left out, <c>...</c> behind what may be there any number of times;
    /// behind <c>-></c> what it gives, if that isn't any.</param>
    /// <param name="body">What it does.</param>
    /// <param name="pure">Whether equal arguments always give the same; false where it asks for the time or the request.</param>
    public Function(string signature, FunctionBody body, bool pure = true)
    {
        var (open, close) = (signature.IndexOf('('), signature.IndexOf(')'));
        (Signature, Name, Body, IsPure) = (signature, signature[..open], body, pure);
        Takes = [.. signature[(open + 1)..close].Split(", ").Select(p => new Parameter(p))];
        Gives = signature.IndexOf(" -> ", StringComparison.Ordinal) is > 0 and var arrow ? new Parameter(signature[(arrow + 4)..]).Types : Types.Any;
        Least = Takes.Count(p => p is { IsOptional: false, IsRepeated: false });
        Most = Takes[^1].IsRepeated ? int.MaxValue : Takes.Length;
    }

    public string Name { get; }

    public string Signature { get; }

    public FunctionBody Body { get; }

    public bool IsPure { get; }

    /// <summary>Whether a call with these arguments gives something else in another locale; null where no call does.</summary>
    public Predicate<Node[]>? UsesLocale { get; init; }

    /// <summary>What is wrong with a constant argument of the right type, by its number; null where that is never wrong.</summary>
    public Func<int, JsonValue, Mistake?>? Mistake { get; init; }

    public Parameter[] Takes { get; }

    /// <summary>Types of what it gives.</summary>
    public Types Gives { get; }

    public int Least { get; }

    public int Most { get; }

    /// <summary>The parameter that takes an argument of that number.</summary>
    public Parameter Parameter(int index) => Takes[Math.Min(index, Takes.Length - 1)];
}

/// <summary>What a function takes in one place.</summary>
internal sealed class Parameter
{
    public Parameter(string text)
    {
        (IsOptional, IsRepeated) = (text.EndsWith('?'), text.EndsWith("..."));
        Text = text.TrimEnd('?', '.');
        foreach (var type in Text.Split('|'))
        {
            Types |= Enum.Parse<Types>(type.Replace("array[", "ArrayOf").TrimEnd(']').Replace("&any", "Expression"), ignoreCase: true);
        }
    }

    /// <summary>The types as they are written.</summary>
    public string Text { get; }

    public Types Types { get; }

    public bool IsOptional { get; }

    public bool IsRepeated { get; }

    public bool IsExpression => Types == Types.Expression;

    /// <summary>Whether a value is of such a type.</summary>
    public bool Takes(in JsonValue value, Run run)
    {
        if ((Types & Of(value.Kind)) != 0)
        {
            return true;
        }
        if (value.Kind != JsonKind.Array || (Types & Types.ArrayOfSome) == 0)
        {
            return false;
        }
        var left = Types;
        foreach (var item in value.Items)
        {
            left &= item.Kind switch
            {
                JsonKind.Number => Types.ArrayOfNumber,
                JsonKind.String => Types.ArrayOfString,
                JsonKind.Object => Types.ArrayOfObject,
                JsonKind.Array => Types.ArrayOfArray,
                _ => 0,
            };
            if (left == 0 || !run.Spend())
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>Whether a value of one of these types can be of such a type.</summary>
    public bool CanTake(Types types) => (Types & types) != 0 || ((types & Types.Array) != 0 && (Types & Types.ArrayOfSome) != 0);

    /// <summary>The type of a value.</summary>
    public static Types Of(JsonKind kind) => kind switch
    {
        JsonKind.Null => Types.Null,
        JsonKind.True or JsonKind.False => Types.Boolean,
        JsonKind.Number => Types.Number,
        JsonKind.String => Types.String,
        JsonKind.Array => Types.Array,
        JsonKind.Object => Types.Object,
        _ => 0,
    };
}

/// <summary>Types of arguments, as signatures name them.</summary>
[Flags]
internal enum Types
{
    Null = 1,
    Boolean = 2,
    Number = 4,
    String = 8,
    Array = 16,
    Object = 32,
    Any = Null | Boolean | Number | String | Array | Object,
    ArrayOfNumber = 64,
    ArrayOfString = 128,
    ArrayOfObject = 256,
    ArrayOfArray = 512,
    ArrayOfSome = ArrayOfNumber | ArrayOfString | ArrayOfObject | ArrayOfArray,
    Expression = 1024,
}
