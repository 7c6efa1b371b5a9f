using System.Collections;

namespace Postern.Config;

/// <summary>
/// What the records themselves say of what may be written: ranges, what is needed, and each record's own
/// <see cref="Options.Validate"/>. It looks at values only, so YAML and C# are held to the same.
/// </summary>
internal static class Validation
{
    public static void Run(GatewayConfig config, Check check)
    {
        Run(config.Root, check);
        foreach (var upstream in config.Upstreams)
        {
            Run(upstream.Sections, check);
        }
        foreach (var gate in config.Gates)
        {
            check.Gate = gate.Name;
            Run(gate.Own, check);
            Run(gate.Sections, check);
            foreach (var route in gate.Routes)
            {
                if (route.When is not null)
                {
                    Run(route.When, check);
                }
                Run(route.Sections, check);
            }
            check.Gate = null;
        }
    }

    private static void Run(SectionSet set, Check check)
    {
        foreach (var record in set.All)
        {
            Run(record, check);
        }
    }

    public static void Run(Options record, Check check)
    {
        foreach (var property in Sections.Of(record.GetType()))
        {
            if (property.Info.GetValue(record) is { } value)
            {
                Value(record, property, property.Key, value, check);
            }
        }
        record.Validate(check);
    }

    private static void Value(Options record, Sections.Property property, string key, object value, Check check)
    {
        switch (value)
        {
            case Options nested:
                nested.Origin ??= record.Origin?.At(key);
                Needed(nested, check);
                Run(nested, check);
                break;
            case string:
                break;
            case IDictionary or IEnumerable when Words.MapOf(property.Type) is not null:
                foreach (var entry in (IEnumerable)value)
                {
                    var (name, held) = Words.Entry(entry);
                    Value(record, property, property.OtherKeys ? name : $"{key}.{name}", held, check);
                }
                break;
            case IEnumerable list:
                var i = 0;
                foreach (var entry in list)
                {
                    Value(record, property, $"{key}[{i++}]", entry, check);
                }
                break;
            default:
                InRange(record, property, key, value, check);
                break;
        }
    }

    /// <summary>Whether what must be written was; a section's own keys are asked for by whoever reads the whole mapping.</summary>
    private static void Needed(Options record, Check check)
    {
        foreach (var property in Sections.Of(record.GetType()))
        {
            if (property.Needed is not null && property.Info.GetValue(record) is null or "")
            {
                Missing(record, property, check);
            }
        }
    }

    public static void Missing(Options record, Sections.Property property, Check check)
    {
        var what = record.Origin?.Has(property.Key) is true ? "needed, got an empty text; write" : "needed, but not written; add";
        check.Error(record, property.Key, property.Needed?.Example is { } example ? $"{what} {property.Key}: {example}" : $"{what} {property.Key}: …");
    }

    private static void InRange(Options record, Sections.Property property, string key, object value, Check check)
    {
        var range = property.Range ?? (value is TimeSpan ? new RangeAttribute("0", Scalars.Format(TimeSpan.FromHours(596))) : null);
        if (range is null || Number(value) is not { } number)
        {
            return;
        }
        var (tooLow, tooHigh) = (number < Number(Scalars.Parse(value.GetType(), range.From)), number > Number(Scalars.Parse(value.GetType(), range.To)));
        if (tooLow || tooHigh)
        {
            var got = record.Origin?.At(key).Text ?? Scalars.Format(value);
            check.Error(record, key, $"must be between {range.From} and {range.To}, got {got}; write {(tooLow ? $"{range.From} or more" : $"{range.To} or less")}");
        }
    }

    private static decimal? Number(object? value) => value switch
    {
        int i => i,
        long l => l,
        TimeSpan duration => duration.Ticks,
        ByteSize size => size.Bytes,
        Percent percent => percent.Value,
        _ => null,
    };
}
