using Postern.Config;

namespace Postern.Tests.Config;

public sealed class RedisUrlTests
{
    [Theory]
    [InlineData("redis://127.0.0.1", "127.0.0.1", 6379, false, null, null, 0)]
    [InlineData("redis://cache.internal:6380/2", "cache.internal", 6380, false, null, null, 2)]
    [InlineData("rediss://cache:6380/", "cache", 6380, true, null, null, 0)]
    [InlineData("REDIS://cache", "cache", 6379, false, null, null, 0)]
    [InlineData("redis://[::1]:6380/15", "::1", 6380, false, null, null, 15)]
    [InlineData("redis://[::1]", "::1", 6379, false, null, null, 0)]
    [InlineData("redis://:secret@cache", "cache", 6379, false, null, "secret", 0)]
    [InlineData("redis://default:secret@cache", "cache", 6379, false, null, "secret", 0)]
    [InlineData("rediss://gate%40way:p%40ss%2Fw%3Ard+%25@cache:6380/2", "cache", 6380, true, "gate@way", "p@ss/w:rd+%", 2)]
    [InlineData("redis://user:a:b@cache", "cache", 6379, false, "user", "a:b", 0)]
    public void What_a_URL_says_is_read(string text, string host, int port, bool tls, string? user, string? password, int database)
    {
        var url = RedisUrl.Parse(text, out var problem);
        Assert.Null(problem);
        Assert.Equal(new RedisUrl(host, port, tls, user, password, database), url);
        Assert.DoesNotContain("secret", url!.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("cache:6379")]
    [InlineData("http://cache")]
    [InlineData("redis://")]
    [InlineData("redis:///2")]
    [InlineData("redis://cache:0")]
    [InlineData("redis://cache:65536")]
    [InlineData("redis://cache:x")]
    [InlineData("redis://cache:")]
    [InlineData("redis://::1")]
    [InlineData("redis://[::1")]
    [InlineData("redis://[::1]6379")]
    [InlineData("redis://a,b")]
    [InlineData("redis://a b")]
    [InlineData("redis://cache/x")]
    [InlineData("redis://cache/-1")]
    [InlineData("redis://cache/1/2")]
    [InlineData("redis://cache?db=2")]
    [InlineData("redis://cache/2#x")]
    [InlineData("redis://hunter2@cache")]
    [InlineData("redis://hunter2:@cache")]
    [InlineData("redis://:hunt%er2@cache")]
    [InlineData("redis://:hunt/er2@cache")]
    [InlineData("redis://:hunt@er2@cache")]
    [InlineData("redis://:hunt#er2@cache")]
    public void What_is_no_URL_of_a_Redis_is_refused_without_what_may_be_secret(string text)
    {
        Assert.Null(RedisUrl.Parse(text, out var problem));
        Assert.DoesNotContain("hunt", problem);
        Assert.Contains("; ", problem);
    }
}
