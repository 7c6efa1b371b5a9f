using Postern.Wire;

namespace Postern.Tests.Wire;

public sealed class RequestTargetTests
{
    [Theory]
    [InlineData("/", "/", "")]
    [InlineData("/a/b", "/a/b", "")]
    [InlineData("/a?b=c", "/a", "?b=c")]
    [InlineData("/a?", "/a", "?")]
    [InlineData("/?x", "/", "?x")]
    [InlineData("/a?b?c/d", "/a", "?b?c/d")]
    [InlineData("/a%2Fb?q=%2e%2e", "/a%2Fb", "?q=%2e%2e")]
    [InlineData("//host/a", "//host/a", "")]
    [InlineData("/http://x/", "/http://x/", "")]
    [InlineData("http://host/a/b?x", "/a/b", "?x")]
    [InlineData("HTTP://Host:8080/a", "/a", "")]
    [InlineData("https://host", "/", "")]
    [InlineData("http://host?x=1", "/", "?x=1")]
    [InlineData("http://host/?x=/y", "/", "?x=/y")]
    [InlineData("WS://host/chat", "/chat", "")]
    [InlineData("wss://[::1]:443/chat?a", "/chat", "?a")]
    [InlineData("http://10.0.0.1/..", "/..", "")]
    [InlineData("http://host//b", "//b", "")]
    public void A_target_is_split_as_bytes(string target, string path, string query)
    {
        Assert.True(RequestTarget.TrySplit(target, out var actualPath, out var actualQuery));
        Assert.Equal((path, query), (actualPath, actualQuery));
    }

    [Theory]
    [InlineData("")]
    [InlineData("*")]
    [InlineData("example.com:443")]
    [InlineData("a/b")]
    [InlineData("?x")]
    [InlineData("\\a")]
    [InlineData("ftp://host/a")]
    [InlineData("http:/host/a")]
    [InlineData("http:///a")]
    [InlineData("http://")]
    [InlineData("http://?x")]
    [InlineData("http://user@host/a")]
    [InlineData("http://user:pw@host/a")]
    [InlineData("http://host\\evil/a")]
    [InlineData("http://host#f")]
    [InlineData("http://ho st/a")]
    [InlineData("http://host:99999/a")]
    [InlineData("http://host:8o/a")]
    [InlineData("http://[::1/a")]
    [InlineData("http://[1.2.3.4]/a")]
    [InlineData("http://%65vil/a")]
    public void Any_other_form_is_refused(string target) => Assert.False(RequestTarget.TrySplit(target, out _, out _));

    [Fact]
    public void An_ordinary_target_is_not_copied()
    {
        var target = new string("/products/7");
        Assert.True(RequestTarget.TrySplit(target, out var path, out _));
        Assert.Same(target, path);
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/a")]
    [InlineData("/a/")]
    [InlineData("/a.b/c..d")]
    [InlineData("/a/...")]
    [InlineData("/a/..b")]
    [InlineData("/a../b")]
    [InlineData("/a/.well-known")]
    [InlineData("/.well-known/x")]
    [InlineData("/a/..b;x")]
    [InlineData("/%41/%7e/%25")]
    [InlineData("/%252e%252e/%252f")]
    [InlineData("/%e2%82%ac/%C3%A9")]
    [InlineData("/%E9")]
    [InlineData("/a;v=1/b,c/(d)/'e'/f!$&*+=:@g~_-")]
    [InlineData("/%2e%2e%2ea")]
    [InlineData("/a%2eb")]
    [InlineData("/a?b/..//%2f", "?x=..&y=//&z=%2f%5c%00\\&w=%zz%")]
    public void An_unambiguous_path_has_no_fault(string path, string query = "")
    {
        path = path.Split('?')[0];
        Assert.Equal(PathFaults.None, RequestTarget.Inspect(path, query));
    }

    [Theory]
    [InlineData("/a%2fb", "EncodedSlash")]
    [InlineData("/a%2Fb", "EncodedSlash")]
    [InlineData("/%2F", "EncodedSlash")]
    [InlineData("/a%5cb", "EncodedBackslash")]
    [InlineData("/a%5C", "EncodedBackslash")]
    [InlineData("/a\\b", "Backslash")]
    [InlineData("/\\", "Backslash")]
    [InlineData("//", "DoubleSlash")]
    [InlineData("//a", "DoubleSlash")]
    [InlineData("/a//b", "DoubleSlash")]
    [InlineData("/a//", "DoubleSlash")]
    [InlineData("/.", "DotSegments")]
    [InlineData("/..", "DotSegments")]
    [InlineData("/../a", "DotSegments")]
    [InlineData("/a/./b", "DotSegments")]
    [InlineData("/a/..", "DotSegments")]
    [InlineData("/a/../b", "DotSegments")]
    [InlineData("/%2e", "DotSegments")]
    [InlineData("/a/%2e%2e/b", "DotSegments")]
    [InlineData("/a/%2E%2e", "DotSegments")]
    [InlineData("/a/.%2E/b", "DotSegments")]
    [InlineData("/a/%2e./b", "DotSegments")]
    [InlineData("/a/..;x/b", "DotSegments")]
    [InlineData("/a/..;", "DotSegments")]
    [InlineData("/a/.;x=y", "DotSegments")]
    [InlineData("/a/%2e%2e;jsession=1/b", "DotSegments")]
    [InlineData("/a/..%3bx/b", "DotSegments")]
    [InlineData("/a%2f..%2fb", "EncodedSlash, DotSegments")]
    [InlineData("/a%2f%2e%2e", "EncodedSlash, DotSegments")]
    [InlineData("/a\\..\\b", "Backslash, DotSegments")]
    [InlineData("/a%5c..", "EncodedBackslash, DotSegments")]
    [InlineData("/a%", "InvalidEncoding")]
    [InlineData("/a%2", "InvalidEncoding")]
    [InlineData("/a%zz", "InvalidEncoding")]
    [InlineData("/%%41", "InvalidEncoding")]
    [InlineData("/%u002e", "InvalidEncoding")]
    [InlineData("/%2g/b", "InvalidEncoding")]
    [InlineData("/%c0%ae%c0%ae/a", "InvalidEncoding")]
    [InlineData("/%c0%af", "InvalidEncoding")]
    [InlineData("/%C1%9C", "InvalidEncoding")]
    [InlineData("/%e0%80%af", "InvalidEncoding")]
    [InlineData("/%f0%80%80%af", "InvalidEncoding")]
    [InlineData("/a%00b", "Other")]
    [InlineData("/a b", "Other")]
    [InlineData("/a\tb", "Other")]
    [InlineData("/a\0", "Other")]
    [InlineData("/a\u007f", "Other")]
    [InlineData("/a#b", "Other")]
    [InlineData("/ä", "Other")]
    [InlineData("a", "Other")]
    [InlineData("", "Other")]
    [InlineData("/%2f//../%5c\\%00%", "EncodedSlash, EncodedBackslash, Backslash, DoubleSlash, DotSegments, InvalidEncoding, Other")]
    public void Every_doubtful_spelling_is_found(string path, string faults) =>
        Assert.Equal(Enum.Parse<PathFaults>(faults), RequestTarget.Inspect(path, ""));

    [Theory]
    [InlineData("?a b")]
    [InlineData("?a#b")]
    [InlineData("?a\0")]
    [InlineData("?a\r\nX: y")]
    [InlineData("?ä")]
    [InlineData("?a\u007f")]
    public void A_query_with_what_no_URL_has_is_found(string query) => Assert.Equal(PathFaults.Other, RequestTarget.Inspect("/a", query));

    [Fact]
    public void The_client_is_told_every_fault()
    {
        Assert.Equal("The path has an encoded slash (%2f).", RequestTarget.Describe(PathFaults.EncodedSlash));
        Assert.Equal("The path has an empty segment (//) and a dot segment (. or ..).", RequestTarget.Describe(PathFaults.DoubleSlash | PathFaults.DotSegments));
        foreach (var fault in Enum.GetValues<PathFaults>().Where(f => f != PathFaults.None))
        {
            Assert.NotEqual(RequestTarget.Describe(PathFaults.None), RequestTarget.Describe(fault));
        }
    }
}
