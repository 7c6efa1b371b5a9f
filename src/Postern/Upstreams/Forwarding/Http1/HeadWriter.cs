using System.Text;
using Microsoft.AspNetCore.Http;
using Postern.Pipeline;

namespace Postern.Upstreams.Forwarding.Http1;

/// <summary>Writes the head of a request, and what ends a chunked body. Framing is written here alone: fields that name it are skipped.</summary>
internal static class HeadWriter
{
    /// <summary>Request line, Host, fields, framing, empty line. Throws <see cref="Failure.BadRequest"/> at what would break them.</summary>
    public static void Write(ref SendBuffer to, UpstreamCall call, byte[] ownHost)
    {
        FieldRules.RequireLine(call);
        var method = call.Method.Method;
        var fields = call.Fields.Fields;
        var size = method.Length + call.Target.Length + (call.Host?.Length ?? ownHost.Length) + (call.Upgrade?.Length ?? 0) + 192;
        foreach (ref readonly var field in fields)
        {
            size += field.Name.Length + field.Value.Length + 4;
        }
        var all = to.Room(size);
        var rest = Put(Put(Put(Put(all, method), " "u8), call.Target), " HTTP/1.1\r\nHost: "u8);
        rest = Put(call.Host is { } host ? Put(rest, host) : Put(rest, ownHost), "\r\n"u8);
        var trailers = false;
        foreach (ref readonly var field in fields)
        {
            if (!FieldRules.IsOfTheConnection(field.Name))
            {
                if (!call.FieldsAreChecked)
                {
                    FieldRules.Require(field.Name, field.Value);
                }
                rest = Put(Put(Put(Put(rest, field.Name), ": "u8), field.Value), "\r\n"u8);
            }
            else if (FieldRules.TakesTrailers(field.Name, field.Value))
            {
                trailers = true;
            }
        }
        rest = PutFraming(rest, call, method);
        if (trailers)
        {
            // RFC 9110 §10.1.4: TE speaks of this connection, and Connection must say so.
            rest = Put(rest, call.Upgrade is null ? "TE: trailers\r\nConnection: TE\r\n"u8 : "TE: trailers\r\n"u8);
        }
        if (call.Upgrade is { } protocol)
        {
            FieldRules.Require("Upgrade", protocol);
            rest = Put(rest, trailers ? "Connection: TE, Upgrade\r\nUpgrade: "u8 : "Connection: Upgrade\r\nUpgrade: "u8);
            rest = Put(Put(rest, protocol), "\r\n"u8);
        }
        rest = Put(rest, "\r\n"u8);
        to.Advance(all.Length - rest.Length);
    }

    private static Span<byte> PutFraming(Span<byte> rest, UpstreamCall call, string method)
    {
        if (call.Body is not null && call.BodyLength is null)
        {
            rest = Put(rest, "Transfer-Encoding: chunked\r\n"u8);
        }
        // RFC 9110 §8.6: a method that means something by its content says so when there is none.
        else if (call.Body is not null || method is "POST" or "PUT" or "PATCH")
        {
            rest = Put(rest, "Content-Length: "u8);
            (call.Body is null ? 0 : call.BodyLength!.Value).TryFormat(rest, out var digits);
            rest = Put(rest[digits..], "\r\n"u8);
        }
        return call.ExpectContinue && HasBody(call) ? Put(rest, "Expect: 100-continue\r\n"u8) : rest;
    }

    /// <summary>Whether there is a body to send.</summary>
    public static bool HasBody(UpstreamCall call) => call.Body is not null && call.BodyLength != 0;

    /// <summary>The last chunk and the trailers.</summary>
    public static void WriteEnd(ref SendBuffer to, IHeaderDictionary? trailers)
    {
        to.Write("0\r\n"u8);
        if (trailers is not null)
        {
            foreach (var (name, values) in trailers)
            {
                if (FieldRules.IsOfTheConnection(name))
                {
                    continue;
                }
                foreach (var value in values)
                {
                    FieldRules.Require(name, value ?? "");
                    to.Write(name);
                    to.Write(": "u8);
                    to.Write(value ?? "");
                    to.Write("\r\n"u8);
                }
            }
        }
        to.Write("\r\n"u8);
    }

    private static Span<byte> Put(Span<byte> rest, ReadOnlySpan<byte> text)
    {
        text.CopyTo(rest);
        return rest[text.Length..];
    }

    private static Span<byte> Put(Span<byte> rest, string text) => rest[Encoding.Latin1.GetBytes(text, rest)..];
}
