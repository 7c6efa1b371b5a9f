using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Http;
using Postern.Pipeline;
using Postern.Transforms.JmesPath;
using Postern.Transforms.Json;

namespace Postern.Transforms.Shaping;

/// <summary>
/// What expressions may ask of the client's request: <c>$params $query $headers $cookies $claims $consumer $body</c>. Each is
/// made when first asked for, so what no expression mentions costs nothing. The caller's credential is in none of them: it goes
/// on where <c>forward</c> says so, and nowhere else. Calls that run in parallel may ask at once. What it gave ends with it.
/// </summary>
/// <param name="context">The request.</param>
/// <param name="exchange">What the gateway knows of it.</param>
/// <param name="parameters">The names of the route's parameters, in the template's order.</param>
internal sealed class RequestVariables(HttpContext context, Exchange exchange, IReadOnlyList<string> parameters) : IVariables, IDisposable
{
    /// <summary>What may be asked for; every other name that an expression doesn't bind itself is a mistake.</summary>
    public static readonly string[] Names = ["params", "query", "headers", "cookies", "claims", "consumer", "body"];

    private static readonly JsonFieldNames ConsumerNames = new(["id", "name", "tier", "scopes", "roles", "way"]);

    private readonly Lock making = new();
    private JsonValue?[]? made;
    private List<WrittenFields>? written;
    private JsonText? claims;

    /// <summary>The client's body as <c>$body</c>, where whoever makes the calls has read it; else null. Kept by whoever read it.</summary>
    public JsonValue Body { get; set; }

    /// <inheritdoc/>
    public JsonValue Find(string name)
    {
        var index = Array.IndexOf(Names, name);
        if (index < 0)
        {
            return JsonValue.Error("undefined-variable");
        }
        if (name == "body")
        {
            return Body;
        }
        lock (making)
        {
            return (made ??= new JsonValue?[Names.Length])[index] ??= Make(name);
        }
    }

    /// <summary>A route parameter by its name, decoded; null where the route has none of that name.</summary>
    public JsonValue Parameter(string name)
    {
        for (var i = 0; i < parameters.Count; i++)
        {
            if (parameters[i] == name)
            {
                return JsonValue.Of(Parameter(i));
            }
        }
        return JsonValue.Null;
    }

    /// <summary>Gives the memory back; no value is read after that.</summary>
    public void Dispose()
    {
        lock (making)
        {
            written?.ForEach(w => w.Dispose());
            written = null;
            claims?.Dispose();
            claims = null;
            made = null;
        }
    }

    private JsonValue Make(string name) => name switch
    {
        "params" => Params(),
        "query" => Query(),
        "headers" => Headers(),
        "cookies" => Cookies(),
        "claims" => Claims(),
        _ => Consumer(),
    };

    /// <summary>What can't be decoded stays as it came; who sends it on encodes it.</summary>
    private string Parameter(int index) => Uri.UnescapeDataString(exchange.Path.AsSpan(exchange.Parameters[index]));

    private JsonValue Params()
    {
        var fields = Begin();
        for (var i = 0; i < parameters.Count; i++)
        {
            fields.Add(parameters[i], Parameter(i));
        }
        return fields.End();
    }

    private JsonValue Query()
    {
        var fields = Begin();
        var query = exchange.Query.AsSpan();
        query = query.StartsWith('?') ? query[1..] : query;
        foreach (var range in query.Split('&'))
        {
            var pair = query[range];
            var equals = pair.IndexOf('=');
            var name = FormText(equals < 0 ? pair : pair[..equals]);
            if (name.Length > 0 && !name.Equals(exchange.CredentialParameter, StringComparison.OrdinalIgnoreCase))
            {
                fields.Add(name, equals < 0 ? "" : FormText(pair[(equals + 1)..]));
            }
        }
        return fields.End();
    }

    private static string FormText(ReadOnlySpan<char> text) =>
        text.Contains('+') ? Uri.UnescapeDataString(text.ToString().Replace('+', ' ')) : Uri.UnescapeDataString(text);

    private JsonValue Headers()
    {
        var fields = Begin();
        foreach (var (name, values) in context.Request.Headers)
        {
            if (values.Count > 0 && !IsCredential(name))
            {
                fields.Add(name.ToLowerInvariant(), FieldBytes.AsText(values[0] ?? ""));
            }
        }
        return fields.End();
    }

    /// <summary>Cookies are their own variable; a pseudo-header is no field.</summary>
    private bool IsCredential(string name) =>
        name.StartsWith(':') || name.Equals("Cookie", StringComparison.OrdinalIgnoreCase)
        || name.Equals("Authorization", StringComparison.OrdinalIgnoreCase) || name.Equals("Proxy-Authorization", StringComparison.OrdinalIgnoreCase)
        || name.Equals(exchange.CredentialField, StringComparison.OrdinalIgnoreCase) || exchange.Reserved.Contains(name);

    /// <summary>RFC 6265 §4.2: what a cookie's value means is between the service and the client, so nothing in it is decoded but its quotes.</summary>
    private JsonValue Cookies()
    {
        var fields = Begin();
        foreach (var field in context.Request.Headers.Cookie)
        {
            var cookies = field.AsSpan();
            foreach (var range in cookies.Split(';'))
            {
                var pair = cookies[range].Trim(" \t");
                var equals = pair.IndexOf('=');
                if (equals <= 0)
                {
                    continue;
                }
                var value = pair[(equals + 1)..].Trim(" \t");
                value = value is ['"', .., '"'] ? value[1..^1] : value;
                fields.Add(pair[..equals].Trim(" \t").ToString(), FieldBytes.AsText(value.ToString()));
            }
        }
        return fields.End();
    }

    /// <summary>All that is known of the caller, as the bytes that the token or the introspection gave.</summary>
    private JsonValue Claims()
    {
        if (exchange.Consumer is not { } consumer)
        {
            return JsonValue.Null;
        }
        var bytes = JsonMarshal.GetRawUtf8Value(consumer.Claims).ToArray();
        return JsonText.TryRead(bytes, out claims, out _) ? claims.Root : JsonValue.Error("invalid-claims");
    }

    private JsonValue Consumer() => exchange.Consumer is not { } consumer ? JsonValue.Null : JsonValue.Of(new JsonFields(ConsumerNames,
    [
        JsonValue.Of(consumer.Id), JsonValue.Of(consumer.Name), JsonValue.Of(consumer.Tier ?? exchange.Tier),
        List(consumer.Scopes), List(consumer.Roles), JsonValue.Of(consumer.Way),
    ]));

    private static JsonValue List(IReadOnlyList<string> texts)
    {
        var items = new JsonValue[texts.Count];
        for (var i = 0; i < items.Length; i++)
        {
            items[i] = JsonValue.Of(texts[i]);
        }
        return JsonValue.Of(items);
    }

    private WrittenFields Begin()
    {
        var fields = new WrittenFields();
        (written ??= new List<WrittenFields>(2)).Add(fields);
        return fields;
    }
}
