using System.Security.Claims;
using System.Text.Json;
using Postern.Pipeline;

namespace Postern.Tests.Pipeline;

public sealed class ConsumerTests
{
    [Fact]
    public void No_claim_of_a_token_stands_in_for_the_id_the_name_or_the_roles_that_the_gateway_found()
    {
        var claims = JsonSerializer.SerializeToElement(new Dictionary<string, object>
        {
            [ClaimTypes.NameIdentifier] = "root",
            [ClaimTypes.Name] = "root",
            [ClaimTypes.Role] = new[] { "admin" },
            ["sub"] = "u1",
        });
        var user = new Consumer { Id = "u1", Way = "customers", Roles = ["reader"], Claims = claims }.Principal;
        Assert.Equal("u1", user.FindFirstValue(ClaimTypes.NameIdentifier));
        Assert.Equal("u1", user.Identity!.Name);
        Assert.True(user.IsInRole("reader"));
        Assert.False(user.IsInRole("admin"));
        Assert.Equal("u1", user.FindFirstValue("sub"));
    }
}
