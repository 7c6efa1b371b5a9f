using Postern.Config;

namespace Postern.Tests;

public sealed class ByteSizeTests
{
    [Theory]
    [InlineData("0", 0)]
    [InlineData("512B", 512)]
    [InlineData("64KB", 65536)]
    [InlineData("1.5MB", 1572864)]
    public void A_size_has_a_unit(string text, long bytes)
    {
        Assert.True(ByteSize.TryParse(text, out var size));
        Assert.Equal(bytes, size.Bytes);
    }

    [Theory]
    [InlineData("10")]
    [InlineData("10 MB")]
    [InlineData("-1KB")]
    [InlineData("MB")]
    public void Anything_else_is_no_size(string text) => Assert.False(ByteSize.TryParse(text, out _));
}
