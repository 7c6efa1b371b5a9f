using System.Text.Json;
using Postern.Pipeline;
using Postern.Upstreams;

namespace Postern.Runtime;

/// <summary>The upstreams as they are at this moment, for the admin port: what each destination does, and weights that change live.</summary>
internal sealed class LiveUpstreams(StatePool state)
{
    /// <summary>The names of all upstreams.</summary>
    public IEnumerable<string> Names => Sets().Select(s => s.Key);

    /// <summary>Writes the property <c>upstreams</c> into an object that has begun.</summary>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartArray("upstreams"u8);
        foreach (var sets in Sets())
        {
            Write(json, sets.Key, [.. sets]);
        }
        json.WriteEndArray();
    }

    /// <summary>Writes one of them, an object of its own; false where there is none of that name.</summary>
    public bool Write(Utf8JsonWriter json, string name)
    {
        if (Sets().FirstOrDefault(s => s.Key == name) is not { } sets)
        {
            return false;
        }
        Write(json, name, [.. sets]);
        return true;
    }

    /// <summary>Sets weights of an upstream's destinations, by <c>host:port</c>, until a reload changes the upstream. Returns why not, or null.</summary>
    public string? Weigh(string name, IReadOnlyDictionary<string, int> weights)
    {
        // What an older configuration lacks is not amiss where the newer has it, nor the other way round.
        var problems = Sets().Where(s => s.Key == name).SelectMany(s => s).Select(s => s.SetWeights(weights)).ToList();
        return problems.Contains(null) ? null : problems.FirstOrDefault();
    }

    /// <summary>More than one under a name only while a gate with errors runs on an older configuration.</summary>
    private IEnumerable<IGrouping<string, DestinationSet>> Sets() =>
        state.Live<DestinationSet>().GroupBy(s => s.Upstream).OrderBy(g => g.Key, StringComparer.Ordinal);

    private void Write(Utf8JsonWriter json, string name, DestinationSet[] sets)
    {
        json.WriteStartObject();
        json.WriteString("name"u8, name);
        json.WriteBoolean("panic"u8, Array.Exists(sets, s => s.Now.Panics));
        json.WriteStartArray("destinations"u8);
        foreach (var member in sets.SelectMany(s => s.Members).DistinctBy(m => m.Destination))
        {
            Write(json, member);
        }
        json.WriteEndArray();
        // Of two configurations at once what the newer says, which is asked for first.
        foreach (var status in state.Live<IStatus>().Where(s => s.Upstream == name).GroupBy(s => s.GetType()).Select(s => s.First()))
        {
            status.Write(json);
        }
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, Member member)
    {
        var destination = member.Destination;
        var troubles = destination.Troubles;
        json.WriteStartObject();
        json.WriteString("name"u8, destination.Name);
        json.WriteString("url"u8, destination.Url);
        json.WriteString("state"u8, troubles.IsEmpty ? "up"u8 : "down"u8);
        json.WriteString("why"u8, troubles.IsEmpty ? null : troubles[0].Why);
        json.WriteString("since"u8, destination.Since);
        json.WriteNumber("inFlight"u8, destination.Calls.Value);
        if (destination.Calls.Latency is { } latency)
        {
            json.WriteNumber("latencyMs"u8, Math.Round(latency.TotalMilliseconds, 3));
        }
        else
        {
            json.WriteNull("latencyMs"u8);
        }
        json.WriteNumber("weight"u8, member.Weight);
        json.WriteBoolean("backup"u8, member.IsBackup);
        json.WriteStartArray("troubles"u8);
        foreach (var trouble in troubles)
        {
            json.WriteStartObject();
            json.WriteString("by"u8, trouble.By);
            json.WriteString("why"u8, trouble.Why);
            json.WriteString("since"u8, trouble.Since);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        foreach (var judge in member.Judges)
        {
            judge.Write(json);
        }
        json.WriteEndObject();
    }
}
