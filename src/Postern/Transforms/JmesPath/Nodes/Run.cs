using Postern.Transforms.Json;

namespace Postern.Transforms.JmesPath.Nodes;

/// <summary>One evaluation of one expression.</summary>
internal sealed class Run
{
    /// <summary>What the work of a request didn't suffice for.</summary>
    public static readonly JsonValue Spent = JsonValue.Error("too-much-work");

    /// <summary>Characters that are gone over for one step.</summary>
    private const int Characters = 16;

    private readonly JsonValue[] slots;
    private string why = "";

    /// <param name="root">What <c>$</c> is.</param>
    /// <param name="evaluation">What the request's expressions share.</param>
    /// <param name="slots">How many variables are bound.</param>
    /// <param name="strict">Whether an error is the whole expression's; otherwise it is null in the nearest field.</param>
    public Run(in JsonValue root, Evaluation evaluation, int slots, bool strict)
    {
        (Root, Evaluation, IsStrict) = (root, evaluation, strict);
        this.slots = slots == 0 ? [] : new JsonValue[slots];
    }

    /// <summary>What <c>$</c> is.</summary>
    public JsonValue Root { get; }

    /// <summary>What the request's expressions share.</summary>
    public Evaluation Evaluation { get; }

    /// <summary>Whether an error is the whole expression's.</summary>
    public bool IsStrict { get; }

    /// <summary>A variable that the expression binds.</summary>
    public ref JsonValue this[int slot] => ref slots[slot];

    /// <summary>Takes note of work; false once there has been too much.</summary>
    public bool Spend(long steps = 1) => Evaluation.Spend((int)Math.Min(steps, int.MaxValue));

    /// <summary>The same for a text of that length, gone over or made.</summary>
    public bool SpendText(long length) => Spend(1 + length / Characters);

    /// <summary>The same for one text looked for in another.</summary>
    public bool SpendSearch(long length, long part) => Spend(1 + length / Characters + length / Characters * (part / Characters) / 4);

    /// <summary>Why the last one failed that did.</summary>
    public string Why => why;

    /// <summary>Takes note of why one failed.</summary>
    public Written Fail(string reason)
    {
        why = reason;
        return Written.Failed;
    }

    /// <summary>What failed last is a field, which is null now.</summary>
    /// <param name="field">Its name, where it has one.</param>
    public void GiveUp(string? field = null) => GiveUp(why, field);

    /// <summary>The value of a field that must be there: an error is one, or null.</summary>
    public JsonValue Entry(in JsonValue value, string? field = null)
    {
        // Once the work is used up nothing is a field any more: the rest would only be more of it.
        if (!value.IsError || IsStrict || Evaluation.IsSpent)
        {
            return value;
        }
        GiveUp(value.Why, field);
        return JsonValue.Null;
    }

    private void GiveUp(string reason, string? field) =>
        // Only the first is told.
        Evaluation.GiveUp(field is null || Evaluation.Failed > 0 ? reason : $"{reason} in '{field}'");
}
