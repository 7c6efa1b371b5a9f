using System.Buffers;
using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Postern.Config;
using Postern.Transforms.JmesPath;
using Postern.Transforms.Json;
using Postern.Transforms.Shaping;

namespace Bench;

/// <summary>
/// What the mobile shape of ten documents costs, in this process and without HTTP: reading the text and writing the shape, beside what
/// System.Text.Json needs to parse the same text and to write it again. Batches of both take turns.
/// </summary>
internal sealed class ShapingRun(Plan plan)
{
    private const int Batch = 2000, MaxBytes = 1 << 20;

    private readonly byte[] text = Encoding.UTF8.GetBytes(ShopBodies.Documents);
    private readonly Shape shape = Compile();
    private readonly ArrayBufferWriter<byte> copy = new();
    private readonly List<Costs> batches = [];
    private int shapedBytes;

    // As a phone's gate has it.
    private static Inline Mobile => Inline.Of(
        ("documents", """
            documents[].{id: id, title: title, authorName: author.name, authorThumb: replace(author.avatar, '/full.', '/thumb_32.'),
              tags: tags[:2], canEdit: permissions.canEdit, updatedAgo: ago(lastEditedAt), hasAttachments: length(attachments) > `0`}
            """),
        ("page", "pagination.page"),
        ("hasMore", "pagination.page * pagination.pageSize < pagination.total"));

    public void Measure(CancellationToken stop)
    {
        Console.Error.WriteLine("bench: shaping");
        Expect();
        using var writer = new Utf8JsonWriter(copy);
        var began = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(Math.Min(plan.WarmUp, 5)))
        {
            stop.ThrowIfCancellationRequested();
            _ = new Costs(Take(Shape), Take(Index), Take(() => Copy(writer)));
        }
        for (var i = 0; i < 20 * plan.Rounds; i++)
        {
            stop.ThrowIfCancellationRequested();
            batches.Add(new Costs(Take(Shape), Take(Index), Take(() => Copy(writer))));
        }
    }

    public string Report()
    {
        var report = new StringBuilder();
        Line(report, $"\n### The mobile shape of ten documents\n\nIn one process, without HTTP: {text.Length:#,0} bytes of JSON, {batches.Count} batches of {Batch:#,0} each.\n");
        Line(report, $"| work | CPU µs | bytes allocated | bytes out |\n|---|--:|--:|--:|");
        Row("System.Text.Json: JsonDocument.Parse, WriteTo", b => b.Copied, text.Length);
        Row("Postern: read and check", b => b.Indexed, 0);
        Row("Postern: read, check and shape", b => b.Shaped, shapedBytes);
        Line(report, $"\n- Shaping takes {Bench.Report.Median(batches, b => b.Shaped.Microseconds / b.Copied.Microseconds):0.00} × what System.Text.Json needs to parse and write (aim: under 2).");
        return report.ToString();

        void Row(string work, Func<Costs, Cost> which, int written) =>
            Line(report, $"| {work} | {Bench.Report.Median(batches, b => which(b).Microseconds):0.0} | {Bench.Report.Median(batches, b => which(b).Bytes):#,0} | {written:#,0} |");
    }

    private void Shape()
    {
        using var read = Read();
        using var output = new JsonOutput(MaxBytes);
        shape.Write(read.Root, new Evaluation(null), output);
        shapedBytes = output.Length;
    }

    private void Index() => Read().Dispose();

    private void Copy(Utf8JsonWriter writer)
    {
        copy.ResetWrittenCount();
        writer.Reset();
        using var document = JsonDocument.Parse(text);
        document.RootElement.WriteTo(writer);
        writer.Flush();
    }

    private JsonText Read() => JsonText.TryRead(text, out var read, out var problem) ? read : throw new BenchException($"The documents can't be read: {problem}");

    private static Shape Compile()
    {
        var check = new Check();
        return Postern.Transforms.Shaping.Shape.Compile(Mobile, check, new ShapeSection(), "shape")
            ?? throw new BenchException($"The shape is wrong:\n{string.Join('\n', check.Problems)}");
    }

    /// <summary>One batch: of one run of it, the CPU time of the whole process, so that collecting garbage counts, and what it allocated.</summary>
    private static Cost Take(Action work)
    {
        var (time, bytes) = (Environment.CpuUsage.TotalTime, GC.GetAllocatedBytesForCurrentThread());
        for (var i = 0; i < Batch; i++)
        {
            work();
        }
        return new Cost((Environment.CpuUsage.TotalTime - time).TotalMicroseconds / Batch, (GC.GetAllocatedBytesForCurrentThread() - bytes) / (double)Batch);
    }

    /// <summary>Throws where the shape isn't what it should be: a wrong one would say nothing of its price.</summary>
    private void Expect()
    {
        using var read = Read();
        using var output = new JsonOutput(MaxBytes);
        var evaluation = new Evaluation(null);
        shape.Write(read.Root, evaluation, output);
        var shaped = JsonNode.Parse(output.Written)!;
        var right = evaluation.Failed == 0 && !output.IsFull;
        foreach (var document in shaped["documents"]!.AsArray())
        {
            // How long ago it was depends on today.
            right &= document!["updatedAgo"]?.GetValueKind() == JsonValueKind.String;
            document.AsObject().Remove("updatedAgo");
        }
        var expected = Expected(JsonNode.Parse(text)!);
        if (!right || !JsonNode.DeepEquals(shaped, expected))
        {
            throw new BenchException($"The documents have another shape ({evaluation.WhyFailed ?? "no error"}):\n{Encoding.UTF8.GetString(output.Written)}\nexpected, but for updatedAgo\n{expected.ToJsonString()}");
        }
    }

    /// <summary>The same by hand, but for what depends on today.</summary>
    private static JsonObject Expected(JsonNode web) => new()
    {
        ["documents"] = new JsonArray([.. web["documents"]!.AsArray().Select(document => new JsonObject
        {
            ["id"] = document!["id"]!.DeepClone(),
            ["title"] = document["title"]!.DeepClone(),
            ["authorName"] = document["author"]!["name"]!.DeepClone(),
            ["authorThumb"] = document["author"]!["avatar"]!.GetValue<string>().Replace("/full.", "/thumb_32."),
            ["tags"] = new JsonArray([.. document["tags"]!.AsArray().Take(2).Select(t => t!.DeepClone())]),
            ["canEdit"] = document["permissions"]!["canEdit"]!.DeepClone(),
            ["hasAttachments"] = document["attachments"]!.AsArray().Count > 0,
        })]),
        ["page"] = 1,
        ["hasMore"] = true,
    };

    private static void Line(StringBuilder text, FormattableString line) => text.Append(FormattableString.Invariant(line)).Append('\n');

    /// <summary>What one run of something took.</summary>
    private readonly record struct Cost(double Microseconds, double Bytes);

    /// <summary>Batches that stand beside each other.</summary>
    private sealed record Costs(Cost Shaped, Cost Indexed, Cost Copied);
}
