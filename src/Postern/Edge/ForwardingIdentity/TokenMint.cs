using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Postern.Config;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;

namespace Postern.Edge.ForwardingIdentity;

/// <summary>
/// Makes the gateway's own tokens, one for all consumers of whom it says the same, and a new one shortly before the last one
/// ends. Who asks meanwhile waits for the one that is being made: a signature takes less time than a switch to another thread.
/// </summary>
internal sealed class TokenMint : ILive
{
    /// <summary>How many tokens are remembered beside those that their consumers hold.</summary>
    private const int Capacity = 4096;

    /// <summary>What a token says is no longer than this, in bytes: servers bound all fields of a request together, often to 8 KB.</summary>
    private const int MaxSaid = 4096;

    private readonly IdentityTokenOptions options;
    private readonly IReadOnlyList<SigningKey> keys;
    private readonly KeyRing ring;
    private readonly Counter minted;
    private readonly TimeSpan margin;
    private readonly BoundedCache<string, Minted> tokens = new(Capacity);
    private readonly Lock[] making = [.. Enumerable.Range(0, 16).Select(_ => new Lock())];
    private TimeProvider time = TimeProvider.System;

    private TokenMint(IdentityTokenOptions options, KeyRing ring, MetricRegistry metrics)
    {
        (this.options, this.ring) = (options, ring);
        keys = [.. (options.Key ?? []).Select(k => SigningKey.Read(k.Text).Key).OfType<SigningKey>()];
        minted = metrics.Counter("postern_identity_tokens_minted_total", "Tokens that the gateway signed for its upstreams.");
        margin = TimeSpan.FromTicks(Math.Min(TimeSpan.FromSeconds(10).Ticks, options.Lifetime.Ticks / 6));
    }

    /// <summary>A token, and when it is time for the next, in <see cref="Now"/>'s ticks.</summary>
    public sealed record Minted(string Token, long RenewAt);

    /// <summary>The mint of these options, which must be sound; it lives on over reloads while they are the same.</summary>
    public static TokenMint Of(RouteScope scope, IdentityTokenOptions options)
    {
        var ring = scope.State.Keep("identityKeys", "", static () => new KeyRing());
        var metrics = MetricRegistry.Of(scope.State);
        return scope.State.Keep("identityTokens", ConfigText.Fingerprint(options), () => new TokenMint(options, ring, metrics));
    }

    /// <inheritdoc/>
    public string? NotReady => null;

    /// <summary>The present moment in UTC, as ticks.</summary>
    public long Now => time.GetUtcNow().UtcTicks;

    /// <summary>The published keys.</summary>
    public byte[] KeySet() => Keys().KeySet(Elapsed);

    /// <inheritdoc/>
    public void Start(TimeProvider time, ILogger logger)
    {
        this.time = time;
        ring.Use(this, keys, options.Lifetime, Elapsed);
    }

    /// <inheritdoc/>
    public void Dispose() => ring.Drop(this);

    /// <summary>The token for one consumer at one gate; null where it would be too long to send.</summary>
    public Minted? Token(Consumer consumer, string gate)
    {
        var says = Says(consumer, gate);
        if (says.Length > MaxSaid)
        {
            return null;
        }
        var key = Encoding.UTF8.GetString(says);
        lock (making[(uint)key.GetHashCode() % (uint)making.Length])
        {
            if (tokens.Find(key) is { } known && Now < known.RenewAt)
            {
                return known;
            }
            var made = Make(says);
            tokens.Set(key, made);
            minted.Add();
            return made;
        }
    }

    private TimeSpan Elapsed => time.GetElapsedTime(0);

    /// <summary>The ring, which a reload that has just begun to serve may not have started yet.</summary>
    private KeyRing Keys()
    {
        if (ring.Signer(Elapsed) is null)
        {
            ring.Use(this, keys, options.Lifetime, Elapsed);
        }
        return ring;
    }

    private Minted Make(ReadOnlySpan<byte> says)
    {
        // RFC 7519 §4.1.4, §4.1.6: whole seconds since 1970.
        var now = time.GetUtcNow();
        var issued = now.ToUnixTimeSeconds();
        var ends = issued + (long)options.Lifetime.TotalSeconds;
        var moments = string.Create(CultureInfo.InvariantCulture, $$""","iat":{{issued}},"exp":{{ends}}}""");
        byte[] payload = [.. says[..^1], .. Encoding.ASCII.GetBytes(moments)];
        return new Minted(Keys().Signer(Elapsed)!.Sign(payload), DateTimeOffset.FromUnixTimeSeconds(ends).UtcTicks - margin.Ticks);
    }

    /// <summary>All that the token says but when: a JSON object, the same text for whom it says the same of.</summary>
    private ReadOnlySpan<byte> Says(Consumer consumer, string gate)
    {
        var text = new ArrayBufferWriter<byte>(512);
        using var json = new Utf8JsonWriter(text);
        json.WriteStartObject();
        json.WriteString("iss"u8, options.Issuer);
        json.WriteString("sub"u8, consumer.Id);
        if (options.Audience is [var only])
        {
            json.WriteString("aud"u8, only);
        }
        else if (options.Audience is { Count: > 1 } several)
        {
            Write(json, "aud", several);
        }
        // RFC 8693 §4.2; what has a space in it is no scope, and would be read as two.
        if (string.Join(' ', consumer.Scopes.Where(s => s.Length > 0 && !s.Contains(' '))) is { Length: > 0 } scope)
        {
            json.WriteString("scope"u8, scope);
        }
        if (consumer.Roles.Count > 0)
        {
            Write(json, "roles", consumer.Roles);
        }
        if (consumer.Tier is not null)
        {
            json.WriteString("tier"u8, consumer.Tier);
        }
        if (consumer.Issuer is not null)
        {
            json.WriteString("idp"u8, consumer.Issuer);
        }
        json.WriteString("way"u8, consumer.Way);
        json.WriteString("gate"u8, gate);
        json.WriteEndObject();
        json.Flush();
        return text.WrittenSpan;
    }

    private static void Write(Utf8JsonWriter json, string name, IReadOnlyList<string> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
        {
            json.WriteStringValue(value);
        }
        json.WriteEndArray();
    }
}
