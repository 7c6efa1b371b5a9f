using System.Security.Cryptography;
using System.Text;
using Postern.Edge.Authenticating;

namespace Postern.Tests.Edge.Authenticating;

public sealed class DigestTests
{
    [Theory]
    [InlineData("")]
    [InlineData("a")]
    [InlineData("eyJhbGciOiJSUzI1NiJ9.e30.c2ln")]
    public void It_is_the_SHA_256_of_the_characters(string credential)
    {
        var expected = Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(credential)));
        Assert.Equal(expected, Digest.Of(credential).ToString());
    }

    [Fact]
    public void It_is_the_SHA_256_of_the_longest_credential_too()
    {
        var credential = new string('x', Digest.MaxLength);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(credential))), Digest.Of(credential).ToString());
    }

    [Fact]
    public void Characters_beyond_ASCII_are_not_all_one()
    {
        Assert.NotEqual(Digest.Of("\u0100"), Digest.Of("\u00c4\u0080")); // the bytes of the one in UTF-8
        Assert.NotEqual(Digest.Of("a\u00e9"), Digest.Of("a?"));
        Assert.NotEqual(Digest.Of("a?"), Digest.Of("a\u0100"));
        Assert.NotEqual(Digest.Of("a\u0100"), Digest.Of("a\u0101"));
    }

    [Fact]
    public void It_is_read_as_it_is_written()
    {
        var digest = Digest.Of("a");
        Assert.True(Digest.TryParse(digest.ToString(), out var read));
        Assert.Equal(digest, read);
        Assert.Equal(digest.GetHashCode(), read.GetHashCode());
        Assert.True(digest.Equals((object)read));
        Assert.False(digest.Equals("a"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48b")]
    [InlineData("ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bbb")]
    [InlineData("ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bg")]
    public void Anything_but_64_hexadecimal_digits_is_not_read(string text) => Assert.False(Digest.TryParse(text, out _));

    [Fact]
    public void Two_that_differ_in_their_last_byte_differ()
    {
        Assert.True(Digest.TryParse(new string('0', 63) + "1", out var one));
        Assert.True(Digest.TryParse(new string('0', 63) + "2", out var two));
        Assert.NotEqual(one, two);
    }
}
