using System.Text.Encodings.Web;
using System.Text.Json;

namespace Bench;

/// <summary>What the services of a shop answer: a dashboard's three bodies, and a page of ten documents. Without a space, as services write it.</summary>
internal static class ShopBodies
{
    // Services leave < and > as they are.
    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly string[] Goods = ["Standing Desk", "Ergonomic Keyboard", "Desk Lamp", "Monitor Arm", "Footrest"];
    private static readonly string[] People = ["Ines Okafor", "Ravi Lindqvist", "Mara Duarte", "Tom Hale"];
    private static readonly string[] Tags = ["finance", "quarterly", "revenue", "planning", "hiring"];

    public static string Profile { get; } = Text(new
    {
        id = "usr_a41c7",
        name = People[0],
        email = "ines.okafor@example.com",
        avatar = "https://cdn.example.com/avatars/usr_a41c7/full.jpg",
        bio = "Product designer who likes small teams.",
        joinedAt = "2023-04-02T00:00:00Z",
        socialLinks = new { github = "https://github.com/inesokafor", linkedin = "https://linkedin.com/in/inesokafor" },
    });

    public static string Orders { get; } = Text(Enumerable.Range(0, 5).Select(i => new
    {
        id = $"ord_{0xb20c + 977 * i:x}",
        status = i == 0 ? "shipped" : "delivered",
        total = 149.99m + 35.5m * i,
        currency = "USD",
        items = Enumerable.Range(0, 1 + i % 2).Select(n => new { name = Goods[(i + n) % Goods.Length], qty = 1 + n, price = 149.99m - 20 * n }),
        trackingUrl = $"https://tracking.example.com/ord_{0xb20c + 977 * i:x}",
        createdAt = $"2025-07-{28 - 3 * i:00}T14:30:00Z",
    }));

    public static string Unread { get; } = Text(Enumerable.Range(0, 3).Select(i => new
    {
        id = $"ntf_{0x3b2a + 613 * i:x}",
        title = "Order Delivered",
        body = $"<p>Your order <strong>ord_{0xb20c + 977 * (i + 1):x}</strong> has been delivered.</p>",
        read = false,
        createdAt = $"2025-07-{30 - i:00}T09:15:00Z",
    }));

    public static string Documents { get; } = Text(new
    {
        documents = Enumerable.Range(0, 10).Select(i => new
        {
            id = $"doc_{0x29fa + 431 * i:x}",
            title = $"Q{1 + i % 4} {(i % 2 == 0 ? "Revenue" : "Hiring")} Analysis",
            content_preview = "Revenue showed an increase of 12 % over the quarter before, most of it from…",
            author = new { id = $"usr_{i % 4}", name = People[i % 4], email = $"{People[i % 4].Replace(' ', '.').ToLowerInvariant()}@example.com", avatar = $"https://cdn.example.com/avatars/usr_{i % 4}/full.jpg", department = "Finance" },
            collaborators = Enumerable.Range(1, 2).Select(n => new { id = $"usr_{(i + n) % 4}", name = People[(i + n) % 4], role = n == 1 ? "editor" : "viewer" }),
            tags = Enumerable.Range(0, 3).Select(n => Tags[(i + n) % Tags.Length]),
            permissions = new { canEdit = i % 3 != 0, canShare = true, canDelete = false },
            versions = 14 - i,
            currentVersion = $"v{14 - i}",
            wordCount = 3420 + 17 * i,
            lastEditedAt = $"2025-07-{29 - i:00}T16:45:00Z",
            createdAt = $"2025-07-{11 - i:00}T09:00:00Z",
            attachments = Enumerable.Range(0, i % 3).Select(n => new { name = $"chart-{n}.png", size = 245000 + n, url = $"https://cdn.example.com/files/chart-{n}.png" }),
        }),
        pagination = new { page = 1, pageSize = 10, total = 142 },
        facets = new
        {
            tags = Tags.Select((name, i) => new { name, count = 45 - 7 * i }),
            authors = People.Select((name, i) => new { id = $"usr_{i}", name, count = 12 + i }),
        },
    });

    private static string Text<T>(T value) => JsonSerializer.Serialize(value, Plain);
}
