using Postern.Config;
using Postern.Transforms.JmesPath.Nodes;

namespace Postern.Transforms.JmesPath.Parsing;

/// <summary>Variables that are known at a place of an expression.</summary>
/// <param name="variables">Those known everywhere; null for any.</param>
internal sealed class Scope(IReadOnlyCollection<string>? variables)
{
    private readonly List<(string Name, int Slot)> open = [];

    /// <summary>How many were bound altogether.</summary>
    public int Slots { get; private set; }

    /// <summary>Binds names until they are closed; each gets a slot of its own.</summary>
    public int[] Open(List<string> names)
    {
        var slots = new int[names.Count];
        for (var i = 0; i < slots.Length; i++)
        {
            slots[i] = Slots++;
            open.Add((names[i], slots[i]));
        }
        return slots;
    }

    /// <summary>Unbinds the last ones.</summary>
    public void Close(int count) => open.RemoveRange(open.Count - count, count);

    /// <summary>The variable of a token.</summary>
    public Node Find(Token token)
    {
        if (open.FindLast(o => o.Name == token.Text) is (not null, var slot))
        {
            return new Bound(slot);
        }
        if (variables is null || variables.Contains(token.Text))
        {
            return new Variable(token.Text);
        }
        var known = open.Select(o => o.Name).Concat(variables).Distinct().Order(StringComparer.Ordinal).ToArray();
        var near = Nearest.Of(token.Text, known);
        string There() => known.Length == 0 ? "there are none here" : $"there are {string.Join(", ", known.Select(k => "$" + k))}";
        throw new Unreadable(token.Start, $"no variable '${token.Text}'",
            near is not null ? $"did you mean '${near}'? ({There()})" : There()) { Code = "undefined-variable" };
    }
}
