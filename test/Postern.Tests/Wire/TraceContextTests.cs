using Microsoft.Extensions.Primitives;
using Postern.Wire;

namespace Postern.Tests.Wire;

public sealed class TraceContextTests
{
    private const string Id = "12345678901234567890123456789012";
    private const string Parent = "1234567890123456";
    private const string Good = $"00-{Id}-{Parent}-01";

    [Theory]
    [InlineData(Good, "01")]
    [InlineData($"00-{Id}-{Parent}-00", "00")]
    [InlineData($"00-{Id}-{Parent}-03", "01")]
    [InlineData($"00-{Id}-{Parent}-fe", "00")]
    [InlineData($"00-{Id}-{Parent}-ff", "01")]
    [InlineData($"00-{Id}-{Parent}-0b", "01")]
    [InlineData($" \t{Good} \t", "01")]
    [InlineData($"01-{Id}-{Parent}-01", "01")]
    [InlineData($"cc-{Id}-{Parent}-01", "01")]
    [InlineData($"fe-{Id}-{Parent}-00", "00")]
    [InlineData($"cc-{Id}-{Parent}-01-what-the-future-will-be-like", "01")]
    [InlineData($"cc-{Id}-{Parent}-01-", "01")]
    [InlineData($"01-{Id}-{Parent}-01-ÄÖÜ", "01")]
    public void A_valid_trace_is_continued_with_a_new_span_in_version_00(string received, string flags)
    {
        var trace = TraceContext.Continue(received, "a=1");
        Assert.True(trace.IsContinued);
        Assert.Equal(Id, trace.TraceId);
        Assert.Equal(Parent, trace.ParentId.ToString());
        Assert.Matches($"^00-{Id}-[0-9a-f]{{16}}-{flags}$", trace.TraceParent);
        Assert.DoesNotContain(Parent + "-", trace.TraceParent);
        Assert.Equal("a=1", trace.TraceState);
        Assert.Equal(flags == "01", trace.IsSampled);
    }

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    [InlineData($"00-{Id}-{Parent}-01.")]
    [InlineData($"00-{Id}-{Parent}-01-")]
    [InlineData($"00-{Id}-{Parent}-01-what-the-future-will-be-like")]
    [InlineData($"cc-{Id}-{Parent}-01.what-the-future-will-be-like")]
    [InlineData($"cc-{Id}-{Parent}-011")]
    [InlineData($"cc-{Id}-{Parent}-0")]
    [InlineData($"ff-{Id}-{Parent}-01")]
    [InlineData($"FF-{Id}-{Parent}-01")]
    [InlineData($".0-{Id}-{Parent}-01")]
    [InlineData($"0.-{Id}-{Parent}-01")]
    [InlineData($"0-{Id}-{Parent}-01")]
    [InlineData($"000-{Id}-{Parent}-01")]
    [InlineData($"CC-{Id}-{Parent}-01")]
    [InlineData($"00-00000000000000000000000000000000-{Parent}-01")]
    [InlineData($"00-{Id}-0000000000000000-01")]
    [InlineData($"cc-{Id}-0000000000000000-01")]
    [InlineData($"00-.2345678901234567890123456789012-{Parent}-01")]
    [InlineData($"00-1234567890123456789012345678901.-{Parent}-01")]
    [InlineData($"00-1234567890123456789012345678901A-{Parent}-01")]
    [InlineData($"00-1234567890123456789012345678901é-{Parent}-01")]
    [InlineData($"00-{Id}3-{Parent}-01")]
    [InlineData($"00-1234567890123456789012345678901-{Parent}-01")]
    [InlineData($"00-{Id}-.234567890123456-01")]
    [InlineData($"00-{Id}-123456789012345.-01")]
    [InlineData($"00-{Id}-123456789012345F-01")]
    [InlineData($"00-{Id}-{Parent}7-01")]
    [InlineData($"00-{Id}-123456789012345-01")]
    [InlineData($"00-{Id}-{Parent}-.0")]
    [InlineData($"00-{Id}-{Parent}-0.")]
    [InlineData($"00-{Id}-{Parent}-0A")]
    [InlineData($"00-{Id}-{Parent}-001")]
    [InlineData($"00-{Id}-{Parent}-1")]
    [InlineData($"00_{Id}_{Parent}_01")]
    [InlineData($"{Good},{Good}")]
    public void An_invalid_trace_is_begun_anew_without_its_state(string received)
    {
        var trace = TraceContext.Continue(received, "a=1");
        Assert.False(trace.IsContinued);
        Assert.True(trace.ParentId.IsEmpty);
        Assert.NotEqual(Id, trace.TraceId);
        Assert.Matches("^00-[0-9a-f]{32}-[0-9a-f]{16}-00$", trace.TraceParent);
        Assert.Equal(trace.TraceId, trace.TraceParent.Substring(3, 32));
        Assert.Null(trace.TraceState);
    }

    [Fact]
    public void Two_traceparents_or_none_begin_a_trace()
    {
        Assert.False(TraceContext.Continue(new StringValues([Good, Good]), "a=1").IsContinued);
        Assert.Null(TraceContext.Continue(StringValues.Empty, "a=1").TraceState);
    }

    [Fact]
    public void Ids_differ_and_are_never_zero()
    {
        var seen = new HashSet<string>();
        for (var i = 0; i < 10_000; i++)
        {
            var trace = TraceContext.Begin();
            Assert.True(seen.Add(trace.TraceId));
            Assert.True(seen.Add(trace.TraceParent.Substring(36, 16)));
        }
        Assert.DoesNotContain(new string('0', 16), seen);
        Assert.All(seen, id => Assert.Matches("^([0-9a-f]{16}){1,2}$", id));
    }

    public static TheoryData<string[], string?> States() => new()
    {
        { ["foo=1"], "foo=1" },
        { ["foo=1,bar=2"], "foo=1,bar=2" },
        { ["foo=1,bar=2", "rojo=1,congo=2", "baz=3"], "foo=1,bar=2,rojo=1,congo=2,baz=3" },
        { [""], null },
        { [" ,\t, "], null },
        { ["foo=1", ""], "foo=1" },
        { ["", "foo=1"], "foo=1" },
        { ["foo=1,,bar=2,"], "foo=1,bar=2" },
        { ["foo=1 \t , \t bar=2, \t baz=3"], "foo=1,bar=2,baz=3" },
        { ["\t foo=1 \t"], "foo=1" },
        { ["foo= 1"], "foo= 1" },
        { ["foo=a b"], "foo=a b" },
        { ["foo=1,foo=1"], null },
        { ["foo=1,foo=2"], null },
        { ["foo=1", "foo=2"], null },
        { ["foo=1,fo=1,fooo=1"], "foo=1,fo=1,fooo=1" },
        { ["foo=foo,bar=foo"], "foo=foo,bar=foo" },
        { ["abcdefghijklmnopqrstuvwxyz0123456789_-*/= !\"#$%&'()*+-./0123456789:;<>?@AZ[\\]^_`az{|}~"],
            "abcdefghijklmnopqrstuvwxyz0123456789_-*/= !\"#$%&'()*+-./0123456789:;<>?@AZ[\\]^_`az{|}~" },
        { ["a0_-*/@a-z0-9_-*/=1"], "a0_-*/@a-z0-9_-*/=1" },
        { ["0t@s=1"], "0t@s=1" },
        { ["foo =1"], null },
        { ["FOO=1"], null },
        { ["foo.bar=1"], null },
        { ["0foo=1"], null },
        { ["_foo=1"], null },
        { ["=1"], null },
        { ["foo"], null },
        { ["foo=,bar=3"], null },
        { ["foo= "], null },
        { ["foo=bar=baz"], null },
        { ["foo=a\tb"], null },
        { ["foo=é"], null },
        { ["foo=\u007f"], null },
        { ["foo@=1,bar=2"], null },
        { ["@foo=1,bar=2"], null },
        { ["foo@@bar=1,bar=2"], null },
        { ["foo@bar@baz=1,bar=2"], null },
        { ["foo@0bar=1"], null },
        { ["foo=1", new string('z', 256) + "=1"], "foo=1," + new string('z', 256) + "=1" },
        { ["foo=1", new string('z', 257) + "=1"], null },
        { ["foo=1", new string('t', 241) + "@" + new string('v', 14) + "=1"], "foo=1," + new string('t', 241) + "@" + new string('v', 14) + "=1" },
        { ["foo=1", new string('t', 242) + "@v=1"], null },
        { ["foo=1", "t@" + new string('v', 15) + "=1"], null },
        { ["foo=" + new string('v', 256)], "foo=" + new string('v', 256) },
        { ["foo=" + new string('v', 257)], null },
        { [Members(1, 32)], Members(1, 32) },
        { [Members(1, 20), Members(21, 32)], Members(1, 32) },
        { [Members(1, 33)], null },
        { [Members(1, 32) + ",,, ,"], Members(1, 32) },
        // 512 characters pass whole; the blanks between them don't count.
        { ["a=" + new string('v', 254) + " , b=" + new string('v', 253)], "a=" + new string('v', 254) + ",b=" + new string('v', 253) },
        { ["a=" + new string('v', 254) + ",b=" + new string('v', 254)], "a=" + new string('v', 254) },
        // Past that the long members go first, wherever they stand, then the last ones.
        { ["a=" + new string('v', 127) + "," + Many(5, 100)], Many(5, 100) },
        { ["a=" + new string('v', 126) + "," + Many(5, 100)], "a=" + new string('v', 126) + "," + Many(3, 100) },
        { [Many(6, 100)], Many(5, 100) },
    };

    [Theory]
    [MemberData(nameof(States))]
    public void The_state_is_sent_on_whole_or_shortened_or_not_at_all(string[] received, string? sent)
    {
        var trace = TraceContext.Continue(Good, new StringValues(received));
        Assert.Equal(sent, trace.TraceState);
        Assert.True(trace.IsContinued);
    }

    [Fact]
    public void A_state_that_needs_no_change_is_not_copied()
    {
        var state = new string("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE");
        Assert.Same(state, TraceContext.Continue(Good, state).TraceState);
    }

    private static string Members(int from, int to) => string.Join(',', Enumerable.Range(from, to - from + 1).Select(i => $"bar{i:00}={i:00}"));

    private static string Many(int count, int length) => string.Join(',', Enumerable.Range(0, count).Select(i => $"{(char)('b' + i)}=".PadRight(length, 'v')));
}
