using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Shop;

/// <summary>Who buys. The profile is that of the caller, whom the gateway names.</summary>
internal sealed class Users(GatewayTokens tokens)
{
    public static readonly User[] All =
    [
        Of("usr_a41c7", "Mira", "Okafor", "Designs small rooms and the things that go into them.", "2022-11-03"),
        Of("usr_b80e2", "Tomas", "Lind", "Runs the workshop; answers mail in the evening.", "2023-02-18"),
        Of("usr_c35d9", "Yuki", "Arai", "Writes about paper, pens and patience.", "2023-06-30"),
        Of("usr_d16f4", "Ines", "Duarte", "Buys for a hotel with forty rooms.", "2024-01-09"),
        Of("usr_e72b8", "Paul", "Becker", "Keeps the books, and most of the mugs.", "2024-09-21"),
    ];

    public void Map(WebApplication app)
    {
        app.MapMethods("/api/profile", Answers.Read, context => Caller.IdOf(context) is { } id
            ? context.Response.SendFoundAsync(Array.Find(All, u => u.Id == id), ShopJson.Plain.User, $"profile of {id}")
            : Caller.RefuseAsync(context));
        app.MapMethods("/api/caller", Answers.Read, CallerAsync);
        app.MapMethods("/users/{id}", Answers.Read, context =>
            context.Response.SendFoundAsync(Array.Find(All, u => u.Id == context.Parameter("id")), ShopJson.Plain.User, $"user {context.Parameter("id")}"));
    }

    /// <summary>What this service was told of the caller, and whether it holds: fields are believed, a token is verified.</summary>
    private async Task CallerAsync(HttpContext context)
    {
        var token = context.Request.Headers["X-Postern-Identity"].ToString();
        var claims = token.Length == 0 ? null : await tokens.VerifyAsync(token, context.RequestAborted);
        await context.Response.SendAsync(200, new JsonObject
        {
            ["userId"] = Caller.IdOf(context),
            ["roles"] = Caller.RolesOf(context),
            ["token"] = token.Length == 0 ? "none" : claims is null ? "not valid" : "verified",
            ["claims"] = claims,
        });
    }

    private static User Of(string id, string first, string last, string bio, string joined)
    {
        var handle = $"{first}{last}".ToLowerInvariant();
        return new User(id, $"{first} {last}", $"{first}.{last}@shop.example".ToLowerInvariant(), $"https://cdn.shop.example/avatars/{id}/full.jpg", bio,
            $"{joined}T00:00:00Z", new SocialLinks($"https://code.example/{handle}", $"https://people.example/in/{handle}"));
    }
}

internal sealed record User(string Id, string Name, string Email, string Avatar, string Bio, string JoinedAt, SocialLinks SocialLinks);

internal sealed record SocialLinks(string Code, string People);
