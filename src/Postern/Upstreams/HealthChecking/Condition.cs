namespace Postern.Upstreams.HealthChecking;

/// <summary>What was last found when a destination was asked.</summary>
/// <param name="At">When.</param>
/// <param name="Took">How long it took.</param>
/// <param name="Problem">What was wrong; null for nothing.</param>
internal sealed record Finding(DateTimeOffset At, TimeSpan Took, string? Problem);

/// <summary>
/// How one destination is, by what it answered when it was asked. The last check that took it on decides; what an older one still
/// finds out, after a reload, is not believed any more. It doesn't name the destination, so that a metric can hold it.
/// </summary>
internal sealed class Condition
{
    /// <summary>Who accuses a destination.</summary>
    public const string By = "health";

    private readonly Lock gate = new();
    private object? check;
    private int inARow;
    private string problem = "";

    /// <summary>Whether it gets calls, as far as this goes.</summary>
    public bool IsWell { get; private set; } = true;

    /// <summary>What was found last; null where nothing was yet.</summary>
    public Finding? Last { get; private set; }

    /// <summary>Whether it is being asked.</summary>
    public bool IsAsked => check is not null;

    /// <summary>From now on this check decides, of a destination that may be new in its place.</summary>
    public void TakeOn(object by, Destination destination)
    {
        lock (gate)
        {
            (check, inARow) = (by, 0);
            if (!IsWell)
            {
                destination.Accuse(By, problem);
            }
        }
    }

    /// <summary>It isn't asked any more, by this check.</summary>
    public void Leave(object by)
    {
        lock (gate)
        {
            check = check == by ? null : check;
        }
    }

    /// <summary>Notes a finding. True where it makes the destination well, false where it makes it ill, null where it changes nothing.</summary>
    public bool? Saw(object by, Destination destination, Finding finding, ProbePlan plan)
    {
        lock (gate)
        {
            if (check != by)
            {
                return null;
            }
            var well = finding.Problem is null;
            inARow = Last is null || (Last.Problem is null) == well ? inARow + 1 : 1;
            Last = finding;
            if (well && !IsWell && inARow >= plan.HealthyAfter)
            {
                IsWell = true;
                destination.Acquit(By);
                return true;
            }
            if (!well && inARow >= plan.UnhealthyAfter)
            {
                var changed = IsWell;
                (IsWell, problem) = (false, finding.Problem!);
                destination.Accuse(By, problem);
                return changed ? false : null;
            }
            return null;
        }
    }

    /// <summary>Nobody asks it any more: it is as well as any.</summary>
    public void Forget(Destination destination)
    {
        lock (gate)
        {
            (check, IsWell) = (null, true);
            destination.Acquit(By);
        }
    }
}
