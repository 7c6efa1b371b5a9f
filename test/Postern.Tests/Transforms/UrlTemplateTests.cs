using Postern.Pipeline;
using Postern.Transforms;

namespace Postern.Tests.Transforms;

public sealed class UrlTemplateTests
{
    [Theory]
    [InlineData("/users/{id}", "/web/u/a%2Bb", "", "/users/a%2Bb")]
    [InlineData("/users/{id}/x", "/web/u/1", "?a=1", "/users/1/x?a=1")]
    [InlineData("/users?id={id}", "/web/u/1", "", "/users?id=1")]
    [InlineData("/users?id={id}&x=y", "/web/u/a%20b", "?z=1", "/users?id=a%20b&x=y&z=1")]
    [InlineData("?id={id}", "/web/u/1", "", "/u/1?id=1")]
    [InlineData("/users?", "/web/u/1", "?", "/users?")]
    [InlineData("/users?", "/web/u/1", "?a", "/users?a")]
    [InlineData("", "/web/u/1", "", "/u/1")]
    public void The_parameter_is_filled_in_wherever_it_stands(string template, string path, string query, string sent) =>
        Assert.Equal(sent, Fill(template, path, query));

    [Theory]
    [InlineData("/web/u/1&admin=1", "/users?id=1%26admin%3D1")]
    [InlineData("/web/u/a+b;c", "/users?id=a%2Bb%3Bc")]
    public void A_parameter_in_a_query_begins_no_other_parameter(string path, string sent) =>
        Assert.Equal(sent, Fill("/users?id={id}", path, ""));

    private static string Fill(string template, string path, string query)
    {
        var (url, error) = UrlTemplate.Parse(template, ["id"]);
        Assert.Null(error);
        var exchange = new Exchange { Path = path, Query = query, PrefixLength = "/web".Length };
        exchange.Parameters[0] = "/web/u/".Length..path.Length;
        return url!.Fill(exchange);
    }
}
