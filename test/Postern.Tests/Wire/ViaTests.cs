using Microsoft.Extensions.Primitives;
using Postern.Wire;

namespace Postern.Tests.Wire;

public sealed class ViaTests
{
    [Theory]
    [InlineData("", 0)]
    [InlineData("1.1 postern", 1)]
    [InlineData("2 postern", 1)]
    [InlineData("HTTP/1.1 postern", 1)]
    [InlineData("1.1 Postern", 1)]
    [InlineData("1.1\tpostern", 1)]
    [InlineData("1.1  postern  ", 1)]
    [InlineData("1.1 postern (home)", 1)]
    [InlineData("1.1 postern(home)", 1)]
    [InlineData("1.1 postern,1.1 postern , 2 postern", 3)]
    [InlineData("1.0 fred, 1.1 postern", 1)]
    [InlineData("1.0 fred, 1.1 p.example.net", 0)]
    [InlineData("postern", 0)]
    [InlineData("postern 1.1", 0)]
    [InlineData("1.1 postern.example", 0)]
    [InlineData("1.1 postern:80", 0)]
    [InlineData("1.1 apostern", 0)]
    [InlineData("1.1 fred (by 1.1 postern, really)", 0)]
    [InlineData("1.1 fred (1.1 postern, 1.1 postern), 1.1 postern", 1)]
    [InlineData("1.1 fred (a (1.1 postern, b), 1.1 postern), 1.1 postern", 1)]
    [InlineData("1.1 fred (a \\), 1.1 postern, \\(), 1.1 postern", 1)]
    [InlineData("1.1 fred (never closed, 1.1 postern, 1.1 postern", 2)]
    [InlineData("1.1 fred (\\", 0)]
    [InlineData("1.1 fred (postern \\", 0)]
    [InlineData(",,1.1 postern,,", 1)]
    [InlineData("1.1 fred), 1.1 postern", 1)]
    public void Passes_are_counted_by_entry(string field, int passes) => Assert.Equal(passes, Via.CountPasses(field));

    [Fact]
    public void Every_field_counts()
    {
        Assert.Equal(3, Via.CountPasses(new StringValues(["1.1 postern", "1.1 x", "1.1 postern, 2 postern"])));
        Assert.Equal(0, Via.CountPasses(StringValues.Empty));
    }

    [Theory]
    [InlineData("HTTP/1.1", "1.1 postern")]
    [InlineData("HTTP/1.0", "1.0 postern")]
    [InlineData("HTTP/2", "2 postern")]
    [InlineData("HTTP/3", "3 postern")]
    public void The_entry_names_the_protocol_received(string protocol, string entry)
    {
        Assert.Equal(entry, Via.Entry(protocol));
        Assert.Equal(1, Via.CountPasses(entry));
    }
}
