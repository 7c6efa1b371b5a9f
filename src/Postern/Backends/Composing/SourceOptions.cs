using Postern.Config;
using Postern.Transforms;
using Postern.Wire;

namespace Postern.Backends.Composing;

/// <summary>
/// One call of a composed answer. In its URL and header fields <c>{…}</c> holds an expression of JMESPath; <c>with</c>, <c>body</c>, <c>when</c>
/// and <c>each</c> are expressions. They read the route's parameters and the other sources by name, and the request as <c>$query</c>, <c>$headers</c>,
/// <c>$cookies</c>, <c>$claims</c>, <c>$consumer</c>, <c>$params</c>, <c>$body</c>.
/// </summary>
public sealed record SourceOptions : Options
{
    /// <summary>The URL that is asked: an upstream's name and a path, <c>http://orders/api/orders?limit=5</c>.</summary>
    public string? Get { get; init; }

    /// <summary>The same with POST.</summary>
    public string? Post { get; init; }

    /// <summary>The same with PUT.</summary>
    public string? Put { get; init; }

    /// <summary>The same with PATCH.</summary>
    public string? Patch { get; init; }

    /// <summary>The same with DELETE.</summary>
    public string? Delete { get; init; }

    /// <summary>The body that is sent, as JSON: an expression, or a mapping or list with expressions for leaves.</summary>
    public Inline? Body { get; init; }

    /// <summary>What is sent, as JSON, like <c>body</c>; for <c>grpc://</c> the message.</summary>
    public Inline? With { get; init; }

    /// <summary>Header fields that are sent; <c>{…}</c> in a value is an expression. One that gives null isn't sent.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();

    /// <summary>How long the source may take, from the call to the last byte. Default: as long as the route has; to begin its answer, the upstream's <c>timeout</c>.</summary>
    [Range("1ms", "1h")] public TimeSpan? Timeout { get; init; }

    /// <summary>Whether the answer is nothing without it: its failure is the answer's, at once.</summary>
    public bool Required { get; init; }

    /// <summary>A value that stands in where the source fails. Default: null.</summary>
    public Inline? Fallback { get; init; }

    /// <summary>An expression; where it is false, null or empty the source isn't called and isn't in the answer.</summary>
    public string? When { get; init; }

    /// <summary>Statuses that are success: <c>[2xx, 404]</c>. Default: <c>2xx</c>.</summary>
    [OneOrMany] public IReadOnlyList<StatusRange>? Accept { get; init; }

    /// <summary>The value that a 404 stands for: <c>missing: null</c>. Default: a 404 is a failure.</summary>
    public Inline? Missing { get; init; }

    /// <summary>What of the client's request goes on: <c>authorization</c>, <c>cookies</c>, <c>query</c>, and names of header fields. Default: the route's <c>forward</c>.</summary>
    [OneOrMany, CanBeEmpty] public IReadOnlyList<string>? Forward { get; init; }

    /// <summary>An expression that gives a list: the source is called once for each of its values, which <c>each</c> then names in URL, fields and body.
    /// The result is a list, in the same order.</summary>
    public string? Each { get; init; }

    /// <summary>How many different values of <c>each</c> are asked for; the others are null. Default: 20.</summary>
    [Range("1", "1000")] public int? Limit { get; init; }

    /// <summary>How many calls of <c>each</c> run at once. Default: 8.</summary>
    [Range("1", "100")] public int? Concurrency { get; init; }

    /// <summary>Whether all values of <c>each</c> go in one call, separated by commas.</summary>
    public bool Batch { get; init; }

    /// <summary>The field by which the entries of a batch's answer are put in the order of <c>each</c>. Default: the answer is the result as it is.</summary>
    public string? By { get; init; }

    /// <summary>The largest answer that is read; past it the source fails. Default: 4MB.</summary>
    [Range("1B", "1GB")] public ByteSize? MaxBytes { get; init; }

    /// <summary>The method and its URL; the first of those written.</summary>
    internal (string Key, string? Url) Target =>
        Get is not null ? ("get", Get) : Post is not null ? ("post", Post) : Put is not null ? ("put", Put) : Patch is not null ? ("patch", Patch) : ("delete", Delete);

    /// <inheritdoc/>
    public override void Validate(Check check)
    {
        string[] methods = [.. new[] { ("get", Get), ("post", Post), ("put", Put), ("patch", Patch), ("delete", Delete) }.Where(m => m.Item2 is not null).Select(m => m.Item1)];
        if (methods.Length == 0)
        {
            check.Error(this, "", "a source needs a URL; write get: http://NAME/path (or post, put, patch, delete)");
        }
        else if (methods.Length > 1)
        {
            check.Error(this, methods[1], $"a source has one URL, got {string.Join(" and ", methods)}; keep one");
        }
        if (Body is not null && With is not null)
        {
            check.Error(this, "with", "'body' and 'with' are the same; keep one");
        }
        if (Required && Fallback is not null)
        {
            check.Warn(this, "fallback", "has no effect on a source that is required: its failure is the answer's; remove one of the two");
        }
        HeaderRulesOptions.CheckFields(this, "headers", Headers, check);
        CheckHeaders(check);
        ComposeSection.CheckForward(this, Forward, check);
        CheckAccept(check);
        CheckEach(check);
    }

    private void CheckHeaders(Check check)
    {
        foreach (var name in Headers.Keys)
        {
            if (HopByHop.IsGateways(name))
            {
                check.Error(this, $"headers.{name}", $"the gateway says '{name}' itself in every call; remove this line");
            }
            else if (name.Equals("Accept-Encoding", StringComparison.OrdinalIgnoreCase) || name.Equals("Range", StringComparison.OrdinalIgnoreCase))
            {
                check.Error(this, $"headers.{name}", $"an answer to '{name}' couldn't be read as JSON; remove this line");
            }
        }
    }

    private void CheckAccept(Check check)
    {
        for (var i = 0; i < (Accept?.Count ?? 0); i++)
        {
            var range = Accept![i];
            if (range.From < 200 || (range.From < 400 && range.To >= 300))
            {
                check.Error(this, Accept.Count == 1 ? "accept" : $"accept[{i}]", $"a redirect or an interim answer has no result and is never followed, got '{range}'; write 2xx or statuses from 400 on");
            }
        }
    }

    private void CheckEach(Check check)
    {
        var alone = new[] { (Limit is not null, "limit"), (Concurrency is not null, "concurrency"), (Batch, "batch"), (By is not null, "by") };
        foreach (var (_, key) in Each is null ? alone.Where(a => a.Item1) : [])
        {
            check.Error(this, key, $"'{key}' says how a list is asked for, and there is none; add each: orders[].productId or remove this line");
        }
        if (Each is not null && By is not null && !Batch)
        {
            check.Error(this, "by", "'by' puts a batch's answer in order; add batch: true or remove this line");
        }
        if (By?.AsSpan().IndexOfAny(".[") >= 0)
        {
            check.Error(this, "by", $"one field of each entry of the answer, got '{By}'; write its name alone: id");
        }
        if (Batch && Concurrency is not null)
        {
            check.Error(this, "concurrency", "a batch is one call; remove this line");
        }
    }
}
