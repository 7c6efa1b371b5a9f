using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Postern.Config;
using Postern.Tests.Harness;
using Postern.Transforms.JmesPath;
using Postern.Transforms.Json;
using Postern.Transforms.Shaping;

namespace Postern.Tests.Backends.Composing;

/// <summary>
/// The example bodies that the mission starts from, through the shapes of its mobile gate: each web body must become the mobile
/// one. They lie beside the project, not in it; where they are absent, this is skipped.
/// </summary>
public sealed class MissionPayloadTests
{
    private const string DashboardShape = """
        user: "{id: user.id, name: user.name, avatarThumb: replace(user.avatar, '/full.', '/thumb_64.')}"
        recentOrders: "recentOrders[].{id: id, status: status, total: money(total, currency)}"
        unreadCount: "length(notifications[?!read])"
        notifications: "notifications[].{id: id, title: title, summary: text(body)}"
        """;

    private const string Documents =
        "documents[].{id: id, title: title, authorName: author.name, authorThumb: replace(author.avatar, '/full.', '/thumb_32.'), tags: tags[:2], canEdit: permissions.canEdit, updatedAgo: ago(lastEditedAt), hasAttachments: length(attachments) > `0`}";

    private const string DocumentsShape = $"""
        documents: "{Documents}"
        page: pagination.page
        hasMore: "pagination.page * pagination.pageSize < pagination.total"
        """;

    [Fact]
    public async Task The_web_s_dashboard_becomes_the_phone_s()
    {
        var web = Read("dashboard-web.json");
        await using var services = await KestrelUpstream.StartAsync(http2: false, context => SendAsync(context, context.Request.Path.Value switch
        {
            "/api/profile" => web["user"]!,
            "/api/orders" => web["recentOrders"]!,
            _ => web["notifications"]!,
        }));
        await using var gateway = await StartAsync(services, $$"""
                  - get: /web
                    compose: &dashboard
                      user:          { get: http://up/api/profile, timeout: 2s, required: true }
                      recentOrders:  { get: "http://up/api/orders?limit=5", timeout: 3s }
                      notifications: { get: http://up/api/unread, timeout: 1500ms, fallback: [] }
                  - get: /mobile
                    compose: *dashboard
                    shape:
            {{Indent(DashboardShape)}}
            """);
        using var client = gateway.Client();
        Assert.Equal(web.ToJsonString(Plain), await client.GetStringAsync("/web"));
        Assert.Equal(Read("dashboard-mobile.json").ToJsonString(Plain), await client.GetStringAsync("/mobile"));
    }

    /// <summary>Twenty orders weigh what the mission says a web dashboard weighs, and their phone's shape is under 30 %; fifty
    /// notifications of this size don't allow it, so the shop's, which carry what a phone doesn't show, are measured for that.</summary>
    [Fact]
    public async Task Twenty_orders_in_the_phone_s_shape_weigh_less_than_30_percent()
    {
        var web = Read("dashboard-web.json");
        var orders = new JsonArray([.. Enumerable.Range(0, 20).Select(_ => web["recentOrders"]![0]!.DeepClone())]);
        await using var services = await KestrelUpstream.StartAsync(http2: false, context => SendAsync(context, context.Request.Path.Value switch
        {
            "/api/profile" => web["user"]!,
            "/api/orders" => orders,
            _ => web["notifications"]!,
        }));
        await using var gateway = await StartAsync(services, $$"""
                  - get: /web
                    compose: &dashboard
                      user:          { get: http://up/api/profile, timeout: 2s, required: true }
                      recentOrders:  { get: http://up/api/orders, timeout: 3s }
                      notifications: { get: http://up/api/unread, timeout: 1500ms, fallback: [] }
                  - get: /mobile
                    compose: *dashboard
                    shape:
            {{Indent(DashboardShape)}}
            """);
        using var client = gateway.Client();
        var (all, some) = (await client.GetByteArrayAsync("/web"), await client.GetByteArrayAsync("/mobile"));
        Assert.InRange(all.Length, 4200, 5200);
        Assert.InRange((double)some.Length / all.Length, 0.1, 0.3);
    }

    [Fact]
    public async Task The_web_s_documents_become_the_phone_s()
    {
        var web = Read("documents-web.json");
        await using var services = await KestrelUpstream.StartAsync(http2: false, context => SendAsync(context, web));
        await using var gateway = await StartAsync(services, $$"""
                  - get: /web
                    to: http://up/documents
                  - get: /mobile
                    to: http://up/documents
                    shape:
            {{Indent(DocumentsShape)}}
            """);
        using var client = gateway.Client();
        // How long ago it was depends on the day of this test.
        var (expected, got) = (Read("documents-mobile.json"), JsonNode.Parse(await client.GetStringAsync("/mobile"))!);
        Assert.Matches("^[0-9]+(d|w|mo|y)$", (string)got["documents"]![0]!["updatedAgo"]!);
        got["documents"]![0]!["updatedAgo"] = (string)expected["documents"]![0]!["updatedAgo"]!;
        Assert.Equal(expected.ToJsonString(Plain), got.ToJsonString(Plain));
    }

    [Fact]
    public void Two_days_after_the_last_edit_the_documents_become_the_phone_s_to_the_letter()
    {
        var web = Encoding.UTF8.GetBytes(Read("documents-web.json").ToJsonString(Plain));
        var shape = Shape.Compile(
            Inline.Of(("documents", Documents), ("page", "pagination.page"), ("hasMore", "pagination.page * pagination.pageSize < pagination.total")), new Check(), new ShapeSection(), "shape")!;
        var time = new SteppedTime();
        time.Advance(new DateTimeOffset(2025, 7, 31, 18, 0, 0, TimeSpan.Zero) - DateTimeOffset.UnixEpoch);
        Assert.True(JsonText.TryRead(web, out var text, out var problem), problem);
        using (text)
        {
            using var output = new JsonOutput(1 << 20);
            shape.Write(text.Root, new Evaluation(null) { Time = time }, output);
            Assert.Equal(Read("documents-mobile.json").ToJsonString(Plain), Encoding.UTF8.GetString(output.Written));
        }
    }

    [Fact]
    public async Task Ten_documents_in_the_phone_s_shape_weigh_less_than_40_percent()
    {
        var web = Read("documents-web.json");
        var ten = (JsonArray)web["documents"]!;
        for (var n = 1; n < 10; n++)
        {
            ten.Add(ten[0]!.DeepClone());
        }
        await using var services = await KestrelUpstream.StartAsync(http2: false, context => SendAsync(context, web));
        await using var gateway = await StartAsync(services, $$"""
                  - get: /web
                    to: http://up/documents
                  - get: /mobile
                    to: http://up/documents
                    shape:
            {{Indent(DocumentsShape)}}
            """);
        using var client = gateway.Client();
        var (all, some) = (await client.GetByteArrayAsync("/web"), await client.GetByteArrayAsync("/mobile"));
        Assert.InRange(all.Length, 7000, 9000);
        Assert.InRange((double)some.Length / all.Length, 0.1, 0.4);
    }

    private static readonly JsonSerializerOptions Plain = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static Task<TestGateway> StartAsync(KestrelUpstream services, string routes) => TestGateway.StartAsync($$"""
        upstreams: { up: { url: {{services.Url}} } }
        gates:
          pages:
            identity: off
            routes:
        {{routes}}
        """);

    private static string Indent(string lines) => string.Join('\n', lines.Split('\n').Select(l => new string(' ', 12) + l));

    private static Task SendAsync(HttpContext context, JsonNode body)
    {
        var bytes = Encoding.UTF8.GetBytes(body.ToJsonString(Plain));
        (context.Response.ContentType, context.Response.ContentLength) = ("application/json", bytes.Length);
        return context.Response.Body.WriteAsync(bytes).AsTask();
    }

    private static JsonNode Read(string name)
    {
        var file = Repository.File("..", "shared", "facts", "payloads", name);
        Assert.SkipUnless(File.Exists(file), $"{name} is not beside the project.");
        return JsonNode.Parse(File.ReadAllText(file))!;
    }
}
