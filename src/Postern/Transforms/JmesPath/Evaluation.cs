using Postern.Transforms.Json;
using Postern.Transforms.Locales;

namespace Postern.Transforms.JmesPath;

/// <summary>What one request's expressions share: the words of the request, its locale and time, and how much work they may do.</summary>
internal sealed class Evaluation(IVariables? variables, int maxSteps = Evaluation.UsualSteps)
{
    /// <summary>Values looked at, for all expressions of a request together.</summary>
    public const int UsualSteps = 1_000_000;

    private int left = maxSteps;
    private DateTimeOffset? now;

    /// <summary>For whom amounts and dates are written.</summary>
    public Locale Locale { get; init; } = Locale.Default;

    /// <summary>Whose word on the time counts.</summary>
    public TimeProvider Time { private get; init; } = TimeProvider.System;

    /// <summary>The time, the same for all that is worked out for a request.</summary>
    public DateTimeOffset Now => now ??= Time.GetUtcNow();

    /// <summary>Whether the work that was allowed is used up; what is worked out then is no answer.</summary>
    public bool IsSpent => left < 0;

    /// <summary>Fields that are null because they couldn't be worked out.</summary>
    public int Failed { get; private set; }

    /// <summary>Why the first of them couldn't; null where all could.</summary>
    public string? WhyFailed { get; private set; }

    /// <summary>Takes note of work; false once there has been too much.</summary>
    public bool Spend(int steps = 1)
    {
        // Never far below nothing, or it would come up again at the other end.
        left = steps > left ? -1 : left - steps;
        return left >= 0;
    }

    /// <summary>A field is given up.</summary>
    public void GiveUp(string why)
    {
        Failed++;
        WhyFailed ??= why;
    }

    /// <summary>A variable that the expression doesn't bind itself.</summary>
    public JsonValue Variable(string name) => variables?.Find(name) ?? JsonValue.Error("undefined-variable");
}

/// <summary>What expressions may ask of a request: <c>$query</c>, <c>$claims</c>.</summary>
internal interface IVariables
{
    /// <summary>The value of that name, or an error.</summary>
    JsonValue Find(string name);
}
