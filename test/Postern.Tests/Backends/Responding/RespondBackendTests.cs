using Postern.Backends.Responding;
using Postern.Tests.Edge;
using Postern.Transforms;

namespace Postern.Tests.Backends.Responding;

public sealed class RespondBackendTests
{
    [Fact]
    public async Task The_headers_section_of_a_gate_holds_for_fixed_answers_too()
    {
        var one = new OneRoute();
        one.Gate.Sections.Set<HeadersSection>(h => h with
        {
            Headers = new()
            {
                Response = new() { Set = new Dictionary<string, string> { ["X-Frame-Options"] = "DENY" }, Remove = ["X-Old"] },
            },
        });
        one.Route.Sections.Set<RespondSection>(r => r with
        {
            Respond = new() { Status = 200, Headers = new Dictionary<string, string> { ["X-Old"] = "1", ["X-Own"] = "2" }, Body = "ok" },
        });
        var context = OneRoute.Request();
        await new RespondBackend().Compile(one.Scope())!(context);
        Assert.Equal("ok", OneRoute.Body(context));
        Assert.Equal("DENY", context.Response.Headers.XFrameOptions);
        Assert.Equal("2", context.Response.Headers["X-Own"]);
        Assert.False(context.Response.Headers.ContainsKey("X-Old"));
    }
}
