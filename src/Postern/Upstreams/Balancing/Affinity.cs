using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Postern.Pipeline;

namespace Postern.Upstreams.Balancing;

/// <summary>
/// Binds clients to destinations by a cookie. Its value is made from the destination's name by a keyed hash, so that instances of a
/// fleet agree on it and it says nothing to those who read it. A client whose destination can't be called is bound to the one that
/// serves it instead.
/// </summary>
internal sealed class Affinity(AffinityOptions options)
{
    private const int Bytes = 12;

    private readonly string attributes = "; Path=/; HttpOnly; SameSite=" + options.SameSite
        + (options.MaxAge is { } age ? string.Create(CultureInfo.InvariantCulture, $"; Max-Age={(long)age.TotalSeconds}") : "");

    /// <summary>What each destination is called in cookies; null for all, without affinity.</summary>
    public static Func<Destination, string?> Tags(string upstream, AffinityOptions? options)
    {
        if (options is null)
        {
            return static _ => null;
        }
        var key = Encoding.UTF8.GetBytes(options.Secret ?? "postern");
        return destination =>
        {
            var hash = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes($"{upstream} {destination.Name}"));
            return Convert.ToHexStringLower(hash.AsSpan(0, Bytes));
        };
    }

    /// <summary>The member that the call's client is bound to, if it may be called.</summary>
    public Member? Find(UpstreamCall call, Choice choice) =>
        CookieText.Find(call.Fields, options.Cookie) is { IsEmpty: false } tag ? choice.Bound(tag) : null;

    /// <summary>Binds the client to the member that answered.</summary>
    public void Bind(UpstreamCall call, UpstreamReply reply, Member member)
    {
        // A client over plain http would never send a cookie back that is for https only.
        var secure = options.SameSite == SameSite.None || call.Exchange?.ForwardedProto == "https";
        reply.Fields.Add("Set-Cookie", $"{options.Cookie}={member.Tag}{attributes}{(secure ? "; Secure" : "")}");
    }
}
