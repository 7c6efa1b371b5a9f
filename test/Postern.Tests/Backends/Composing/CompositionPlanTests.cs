using Postern.Tests.Harness;

namespace Postern.Tests.Backends.Composing;

/// <summary>What <c>postern explain</c> draws of a composed route.</summary>
[Collection("tool")]
public sealed class CompositionPlanTests
{
    [Fact]
    public async Task The_plan_is_drawn_with_who_waits_for_whom_and_what_becomes_of_failures()
    {
        using var folder = new TempFolder();
        folder.Write("postern.yaml", """
            version: 1
            upstreams: { svc: { url: "http://10.0.0.5:5003", timeout: 3s } }
            gates:
              web:
                identity: off
                meta: _meta
                forward: [authorization, query]
                routes:
                  - get: /page/{id}
                    timeout: 4s
                    compose:
                      last: { post: http://svc/last, with: { a: user.id, b: id }, fallback: [], when: $query.x, timeout: 1s }
                      user: { get: "http://svc/users/{id}", required: true, forward: [] }
                      many: { get: "http://svc/m/{each}", each: user.ids, limit: 5, concurrency: 2 }
                      once: { get: "http://svc/m?i={each}", each: user.ids, batch: true, by: id }
            """);

        var (code, output, error) = await RunningTool.RunAsync(folder.Path, "explain", "GET", "http://localhost/page/7");

        Assert.Equal((0, ""), (code, error));
        Assert.Contains("""
            compose  4 sources, all within 4s, 16MB together
                     1. user  GET http://svc/users/{id}, required
                     2. last  POST http://svc/last, waits for user, where its 'when' holds, timeout 1s, forwards Authorization, query, a fallback where it fails
                     2. many  GET http://svc/m/{each}, waits for user, a call for each of at most 5 values, 2 at once, forwards Authorization, query, null where it fails
                     2. once  GET http://svc/m?i={each}, waits for user, one call for at most 20 values, put in order by id, forwards Authorization, query, null where it fails
                     answers last, user, many, once, and _meta
            upstream svc
            """, output);
    }
}
