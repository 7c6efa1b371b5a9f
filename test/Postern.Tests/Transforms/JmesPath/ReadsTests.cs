using Postern.Transforms.JmesPath;

namespace Postern.Tests.Transforms.JmesPath;

/// <summary>What an expression reads is known before it is evaluated: it says which sources must have answered.</summary>
public class ReadsTests
{
    [Theory]
    [InlineData("user.name", "user")]
    [InlineData("@.user.name", "user")]
    [InlineData("$.user", "user")]
    [InlineData("\"user\".name", "user")]
    [InlineData("user | orders", "user")]
    [InlineData("user | $.orders", "orders user")]
    [InlineData("user.[name, $.orders]", "orders user")]
    [InlineData("{a: user.name, b: [orders[0].id]}", "orders user")]
    [InlineData("{a: user} | a.orders", "user")]
    [InlineData("orders[*].id", "orders")]
    [InlineData("orders[].{id: id, who: $.user.name}", "orders user")]
    [InlineData("orders[?id == $.user.id].total", "orders user")]
    [InlineData("orders[1:3].x[]", "orders")]
    [InlineData("orders.*.x", "orders")]
    [InlineData("user.name || fallback", "fallback user")]
    [InlineData("user && orders", "orders user")]
    [InlineData("!user", "user")]
    [InlineData("user ? orders : stock", "orders stock user")]
    [InlineData("a + b * -c", "a b c")]
    [InlineData("a < b", "a b")]
    [InlineData("length(orders)", "orders")]
    [InlineData("sort_by(orders, &total)", "orders")]
    [InlineData("map(&[id, $.user.id], orders)", "orders user")]
    [InlineData("user.length(name)", "user")]
    [InlineData("@.length(user)", "user")]
    [InlineData("let $u = user in orders[*].[id, $u.name]", "orders user")]
    [InlineData("let $r = @ in $r.user.name", "user")]
    [InlineData("let $r = $ in orders[*].[$r.user]", "orders user")]
    [InlineData("let $r = @ in orders", "orders")]
    [InlineData("@ | $ | user", "user")]
    [InlineData("(@).user", "user")]
    [InlineData("`{\"user\": 1}`.user", "")]
    [InlineData("'x'", "")]
    [InlineData("$query.user", "", "query")]
    [InlineData("orders[?id == $params.id] | [0].{who: $claims.sub, p: $params.id}", "orders", "claims params")]
    [InlineData("let $query = user in $query.page", "user")]
    [InlineData("[let $query = user in $query.page, $query]", "user", "query")]
    [InlineData("let $a = $b, $c = $a in $c", "", "a b")]
    public void What_is_read_by_name(string expression, string roots, string variables = "")
    {
        var read = Parse(expression);

        Assert.Equal(roots, string.Join(' ', read.Roots.Order(StringComparer.Ordinal)));
        Assert.Equal(variables, string.Join(' ', read.Variables.Order(StringComparer.Ordinal)));
        Assert.False(read.ReadsWholeRoot);
    }

    [Theory]
    [InlineData("@")]
    [InlineData("$")]
    [InlineData("*")]
    [InlineData("*.id")]
    [InlineData("[*]")]
    [InlineData("[]")]
    [InlineData("[0]")]
    [InlineData("[?a]")]
    [InlineData("$[0]")]
    [InlineData("keys(@)")]
    [InlineData("length($)")]
    [InlineData("user.[$]")]
    [InlineData("orders[*].{all: $}")]
    [InlineData("map(&$, orders)")]
    [InlineData("{all: @}")]
    [InlineData("@ == user")]
    [InlineData("@ || user")]
    [InlineData("(@ || user).name")]
    [InlineData("(user ? @ : orders).name")]
    [InlineData("let $r = @ in [$r]")]
    [InlineData("let $r = @ in $r")]
    [InlineData("!@")]
    [InlineData("user && @")]
    public void What_is_read_as_a_whole(string expression) => Assert.True(Parse(expression).ReadsWholeRoot);

    private static Expression Parse(string expression)
    {
        var read = Expression.Parse(expression, out var error);
        Assert.True(read is not null, error?.Message);
        return read;
    }
}
