using Microsoft.AspNetCore.Http;
using Postern.Config;
using Postern.Pipeline;
using Postern.Runtime;
using Postern.Wire;

namespace Postern.Tests.Runtime;

public sealed class RouteTableTests
{
    private static readonly string[] Shop =
    [
        "GET /", "GET /products", "POST /products", "GET /products/new", "GET /products/{id:int}", "GET /products/{id}",
        "DELETE /products/{id}", "GET /products/{id}/reviews", "GET /files/{**rest}", "GET /files/readme", "ANY /echo",
        "GET /echo", "GET /a/{x}/c", "GET /a/b/{**rest}", "GET /caf\u00e9", "GET /slash/", "GET /u/{id:guid}", "GET /u/{name:alpha}",
        "GET /u/{big:long}", "HEAD /products/new", "OPTIONS /products",
    ];

    [Theory]
    [InlineData("GET", "/", "GET /")]
    [InlineData("GET", "/products", "GET /products")]
    [InlineData("POST", "/products", "POST /products")]
    [InlineData("OPTIONS", "/products", "OPTIONS /products")]
    [InlineData("GET", "/products/new", "GET /products/new")]
    [InlineData("GET", "/products/%6Eew", "GET /products/new")]
    [InlineData("GET", "/products/7", "GET /products/{id:int}", "7")]
    [InlineData("GET", "/products/99999999999", "GET /products/{id}", "99999999999")]
    [InlineData("GET", "/products/abc", "GET /products/{id}", "abc")]
    [InlineData("GET", "/products/a%20b", "GET /products/{id}", "a%20b")]
    [InlineData("DELETE", "/products/7", "DELETE /products/{id}", "7")]
    [InlineData("DELETE", "/products/new", "DELETE /products/{id}", "new")]
    [InlineData("GET", "/products/new/reviews", "GET /products/{id}/reviews", "new")]
    [InlineData("HEAD", "/products/new", "HEAD /products/new")]
    [InlineData("HEAD", "/products", "GET /products")]
    [InlineData("GET", "/files", "GET /files/{**rest}", "")]
    [InlineData("GET", "/files/", "GET /files/{**rest}", "")]
    [InlineData("GET", "/files/a/b%2Ec/", "GET /files/{**rest}", "a/b%2Ec/")]
    [InlineData("GET", "/files/readme", "GET /files/readme")]
    [InlineData("GET", "/files/readme/x", "GET /files/{**rest}", "readme/x")]
    [InlineData("PATCH", "/echo", "ANY /echo")]
    [InlineData("GET", "/echo", "GET /echo")]
    [InlineData("HEAD", "/echo", "GET /echo")]
    [InlineData("GET", "/a/b/c", "GET /a/b/{**rest}", "c")]
    [InlineData("GET", "/a/z/c", "GET /a/{x}/c", "z")]
    [InlineData("GET", "/caf%C3%A9", "GET /caf\u00e9")]
    [InlineData("GET", "/slash/", "GET /slash/")]
    [InlineData("GET", "/u/3f2504e0-4f89-11d3-9a0c-0305e82c3301", "GET /u/{id:guid}", "3f2504e0-4f89-11d3-9a0c-0305e82c3301")]
    [InlineData("GET", "/u/bob", "GET /u/{name:alpha}", "bob")]
    [InlineData("GET", "/u/-5", "GET /u/{big:long}", "-5")]
    public void The_most_specific_route_answers(string method, string path, string route, params string[] values)
    {
        var (found, exchange) = Match(Shop, method, path);
        Assert.Equal(route, found?.Label);
        Assert.Equal(values, found!.Template.Parameters.Select((_, i) => path[exchange.Parameters[i]]));
    }

    [Theory]
    [InlineData("GET", "/nothing")]
    [InlineData("GET", "/Products")]
    [InlineData("GET", "/products/")]
    [InlineData("GET", "/slash")]
    [InlineData("GET", "/a/b")]
    [InlineData("GET", "/u/b0b")]
    [InlineData("GET", "/products/7/reviews/1")]
    public void What_no_template_fits_is_not_found(string method, string path)
    {
        var (found, exchange) = Match([.. Shop.Where(r => !r.Contains("/a/b"))], method, path);
        Assert.Null(found);
        Assert.Null(exchange.Allow);
    }

    [Theory]
    [InlineData("PUT", "/products", "GET, HEAD, POST, OPTIONS")]
    [InlineData("POST", "/products/7", "GET, HEAD, DELETE")]
    [InlineData("POST", "/files/x", "GET, HEAD")]
    public void A_known_path_with_another_method_names_those_it_has(string method, string path, string allow)
    {
        var (found, exchange) = Match(Shop, method, path);
        Assert.Null(found);
        Assert.Equal(allow.Split(", ").Order(), exchange.Allow!.Split(", ").Order());
    }

    [Fact]
    public void The_route_that_asks_for_more_wins()
    {
        var table = new RouteTable();
        table.Add(Route("GET", "/p", null, "plain"));
        table.Add(Route("GET", "/p", Query(("version", Is("v2"))), "v2"));
        table.Add(Route("GET", "/p", Query(("version", Is("v2")), ("beta", new ConditionOptions { Exists = true })), "both"));
        table.Add(Route("GET", "/p", Query(("version", new ConditionOptions { Prefix = "v" })), "prefix"));
        Assert.Equal("plain", Match(table, "GET", "/p", "").Label);
        Assert.Equal("v2", Match(table, "GET", "/p", "?version=v2").Label);
        Assert.Equal("v2", Match(table, "GET", "/p", "?version=%762").Label);
        Assert.Equal("prefix", Match(table, "GET", "/p", "?version=v3").Label);
        Assert.Equal("both", Match(table, "GET", "/p", "?beta&version=v2").Label);
        Assert.Equal("plain", Match(table, "GET", "/p", "?Version=v2").Label);
    }

    [Fact]
    public void Routes_that_one_request_could_satisfy_equally_tie()
    {
        var table = new RouteTable();
        Assert.Null(table.Add(Route("GET", "/p/{id}", null, "a")));
        Assert.NotNull(table.Add(Route("GET", "/p/{name}", null, "b")));
        Assert.Null(table.Add(Route("POST", "/p/{name}", null, "c")));
        Assert.Null(table.Add(Route("GET", "/p/{id}", Query(("v", Is("1"))), "d")));
        Assert.Null(table.Add(Route("GET", "/p/{id}", Query(("v", Is("2"))), "e")));
        Assert.NotNull(table.Add(Route("GET", "/p/{id}", Query(("w", Is("2"))), "f")));
        Assert.Null(table.Add(Route("GET", "/p/{id}", Query(("v", new ConditionOptions { Exists = true })), "g")));
        Assert.Null(table.Add(Route("GET", "/p/{id}", Query(("v", new ConditionOptions { Exists = false })), "h")));
    }

    private static ConditionOptions Is(string value) => new() { Is = value };

    private static WhenOptions Query(params (string, ConditionOptions)[] conditions) =>
        new() { Query = conditions.ToDictionary(c => c.Item1, c => c.Item2) };

    private static CompiledRoute Route(string method, string template, WhenOptions? when, string label) => new(
        method, PathTemplate.Parse(template).Template!, new Conditions(when, null), _ => Task.CompletedTask, new Origin(null, 0, 0, ""), [])
    {
        Label = label,
    };

    private static (CompiledRoute? Route, Exchange Exchange) Match(string[] routes, string method, string path)
    {
        var table = new RouteTable();
        foreach (var route in routes)
        {
            var (verb, template) = (route.Split(' ')[0], route.Split(' ')[1]);
            Assert.Null(table.Add(Route(verb == "ANY" ? "*" : verb, template, null, route)));
        }
        var context = new DefaultHttpContext();
        context.Request.Method = method;
        var exchange = new Exchange { Path = path };
        return (table.Match(context, exchange), exchange);
    }

    private static CompiledRoute Match(RouteTable table, string method, string path, string query)
    {
        var context = new DefaultHttpContext();
        (context.Request.Method, context.Request.QueryString) = (method, new QueryString(query));
        return table.Match(context, new Exchange { Path = path, Query = query })!;
    }
}
