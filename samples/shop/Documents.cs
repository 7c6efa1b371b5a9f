using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Shop;

/// <summary>
/// What the shop's people write: a first page of ten, or of as many as <c>?limit=</c> says. The <c>Link</c> to the next page names the host that the request
/// named, and the prefix it says it came through: behind a gateway that tells it both, the link works.
/// </summary>
internal static class Documents
{
    private static readonly string[] Titles =
    [
        "Autumn catalogue, first draft", "Supplier visits in May", "Why returns went up", "Packing without plastic", "Opening hours in winter",
        "A price list for hotels", "What the fern needs", "Photographs: a guide", "Minutes of 14 July", "Insurance, renewed",
    ];

    private static readonly string[] Tags = ["catalogue", "suppliers", "quality", "packaging", "hours", "sales", "plants", "style", "minutes", "office"];

    private static readonly Document[] All = [.. Enumerable.Range(0, Titles.Length).Select(Made)];

    private static readonly Facets Counts = new([new("catalogue", 11), new("suppliers", 9), new("office", 21)], [new(Users.All[0].Id, Users.All[0].Name, 17), new(Users.All[1].Id, Users.All[1].Name, 12)]);

    public static void Map(WebApplication app)
    {
        app.MapMethods("/documents", Answers.Read, context =>
        {
            var prefix = context.Request.Headers["X-Forwarded-Prefix"].ToString();
            context.Response.Headers.Link = $"<http://{context.Request.Host}{prefix}/documents?page=2>; rel=\"next\"";
            var size = context.Number("limit", All.Length, 1, All.Length);
            return context.Response.SendAsync(200, new DocumentPage([.. All.Take(size)], new Pagination(1, size, 64), Counts), ShopJson.Plain.DocumentPage);
        });
        app.MapMethods("/documents/{id}", Answers.Read, context =>
            context.Response.SendFoundAsync(Array.Find(All, d => d.Id == context.Parameter("id")), ShopJson.Plain.Document, $"document {context.Parameter("id")}"));
        app.MapMethods("/documents/{id}/attachments/{name}", Answers.Read, context => AttachmentAsync(context));
    }

    private static Task AttachmentAsync(HttpContext context)
    {
        var (id, name) = (context.Parameter("id"), context.Parameter("name"));
        var found = Array.Find(All, d => d.Id == id)?.Attachments.FirstOrDefault(a => a.Name == name);
        return context.Response.SendFoundAsync(found, ShopJson.Plain.Attachment, $"attachment {name} of document {id}");
    }

    private static Document Made(int n)
    {
        var (author, editor, viewer) = (Users.All[n % 5], Users.All[(n + 1) % 5], Users.All[(n + 3) % 5]);
        var id = $"doc_{4100 + n * 37}";
        Attachment[] attachments = n % 2 == 0 ? [new("figures.png", 48_000 + n * 1_100, $"https://cdn.shop.example/files/{id}/figures.png")] : [];
        return new Document(
            id, Titles[n], $"{Titles[n]}: what we know so far, what we still have to find out, who looks into it until when, and what we do once we know. The rest is for those who were there…",
            new Author(author.Id, author.Name, author.Email, author.Avatar, n % 2 == 0 ? "Buying" : "Office"),
            [new(editor.Id, editor.Name, "editor"), new(viewer.Id, viewer.Name, "viewer")],
            [Tags[n], Tags[(n + 3) % 10], Tags[(n + 6) % 10]], new Permissions(n % 3 != 2, true, n % 5 == 0),
            3 + n, $"v{3 + n}", 400 + n * 173, $"2025-07-{29 - n:d2}T16:45:00Z", $"2025-06-{28 - n:d2}T09:00:00Z", attachments);
    }
}

internal sealed record Document(
    string Id, string Title, [property: JsonPropertyName("content_preview")] string ContentPreview, Author Author, Collaborator[] Collaborators, string[] Tags, Permissions Permissions,
    int Versions, string CurrentVersion, int WordCount, string LastEditedAt, string CreatedAt, Attachment[] Attachments);

internal sealed record Author(string Id, string Name, string Email, string Avatar, string Department);

internal sealed record Collaborator(string Id, string Name, string Role);

internal sealed record Permissions(bool CanEdit, bool CanShare, bool CanDelete);

internal sealed record Attachment(string Name, int Size, string Url);

internal sealed record Pagination(int Page, int PageSize, int Total);

internal sealed record Facets(TagCount[] Tags, AuthorCount[] Authors);

internal sealed record TagCount(string Name, int Count);

internal sealed record AuthorCount(string Id, string Name, int Count);

internal sealed record DocumentPage(Document[] Documents, Pagination Pagination, Facets Facets);
