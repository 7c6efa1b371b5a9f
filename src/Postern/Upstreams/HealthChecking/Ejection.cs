using System.Text.Json;

namespace Postern.Upstreams.HealthChecking;

/// <summary>Whether one destination is ejected, and what is remembered of earlier times. Its ejections change it, one at a time.</summary>
internal sealed class Ejection
{
    private volatile bool isOut;

    /// <summary>Whether it gets no calls.</summary>
    public bool IsOut { get => isOut; set => isOut = value; }

    /// <summary>Why it was ejected last.</summary>
    public string Why { get; set; } = "";

    /// <summary>Whether it was ejected for giving no answers, and not for those that it gave.</summary>
    public bool WasSilent { get; set; }

    /// <summary>How long it is out the next time, in units of <c>ejectFor</c>; one less for each that it has worked since.</summary>
    public int Times { get; set; }

    /// <summary>How often it was ejected in all.</summary>
    public int Total { get; set; }

    /// <summary>When it was ejected last, and came back last; on the clock of its ejections.</summary>
    public long At { get; set; }

    public long Back { get; set; }

    /// <summary>When it comes back, while it is out.</summary>
    public DateTimeOffset Until { get; set; }

    /// <summary>Ends it.</summary>
    public ITimer? Timer { get; set; }

    /// <summary>One property at the admin port.</summary>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("ejections"u8);
        json.WriteNumber("count"u8, Total);
        json.WriteBoolean("ejected"u8, IsOut);
        if (IsOut)
        {
            json.WriteString("until"u8, Until);
        }
        json.WriteEndObject();
    }
}
