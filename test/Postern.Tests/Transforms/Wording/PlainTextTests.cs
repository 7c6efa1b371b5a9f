using System.Diagnostics;
using System.Text;
using Postern.Transforms.Wording;

namespace Postern.Tests.Transforms.Wording;

public sealed class PlainTextTests
{
    [Theory]
    [InlineData("<p>Your order <strong>ord_f91a</strong> has been delivered.</p>", "Your order ord_f91a has been delivered.")]
    [InlineData("plain", "plain")]
    [InlineData("", "")]
    [InlineData("   ", "")]
    [InlineData("<br>", "")]
    [InlineData("a\n\t b\u00a0\u2003c", "a b c")]
    [InlineData("<p>a</p><p>b</p>", "a b")]
    [InlineData("a<br/>b<BR>c", "a b c")]
    [InlineData("<ul><li>one<li>two</ul>", "one two")]
    [InlineData("<td>a</td><td>b</td>", "a b")]
    [InlineData("un<b>break</b>able <i>word</i>s", "unbreakable words")]
    [InlineData("a<my-element>b</my-element>", "ab")]
    [InlineData("<!-- gone -->a<!-- > -->b<!---->c<!-->d<!--->e<!-- x --!>f<!-- ---->g", "abcdefg")]
    [InlineData("a<!-- never closed > b", "a")]
    [InlineData("a<!DOCTYPE html>b<?xml version='1.0'?>c</ bogus>d", "abcd")]
    [InlineData("a<script>if (1 < 2) { alert('</p>'); }</script>b", "ab")]
    [InlineData("a<SCRIPT type=x>x</scriptx></script >b", "ab")]
    [InlineData("a<style>p > a { }</style>b<title>T</title>c", "abc")]
    [InlineData("a<script>never closed", "a")]
    [InlineData("a</script>b", "ab")]
    [InlineData("<a title=\"1 > 0\" href='x>y'>link</a>", "link")]
    [InlineData("<a title= \"1 > 0\">link</a>", "link")]
    [InlineData("<a it's>link</a>", "link")]
    [InlineData("<a title=it's>link</a>", "link")]
    [InlineData("a<b title=\"never closed>b", "a")]
    [InlineData("a<b never closed", "a")]
    [InlineData("1 < 2 and 3 > 2", "1 < 2 and 3 > 2")]
    [InlineData("a<", "a<")]
    [InlineData("a</", "a</")]
    [InlineData("a<3 b", "a<3 b")]
    [InlineData("<<b>i>", "<i>")]
    [InlineData("&lt;b&gt; &amp;amp; &quot;x&quot; &apos;y&apos;", "<b> &amp; \"x\" 'y'")]
    [InlineData("caf&eacute; &euro;5 &hellip; &mdash; &thetasym;", "café €5 … — ϑ")]
    [InlineData("a&nbsp;&nbsp;b", "a b")]
    [InlineData("&amp &copy 2025 &ampx; R&D a&b; &nosuchthing; & &;", "& © 2025 &ampx; R&D a&b; &nosuchthing; & &;")]
    [InlineData("&#65;&#x42;&#X43;&#68 &#x1F600;", "ABCD 😀")]
    [InlineData("&#0;&#xD800;&#x110000;&#99999999999999999999;", "\ufffd\ufffd\ufffd\ufffd")]
    [InlineData("&#128;&#150;&#x9f;", "€–Ÿ")]
    [InlineData("&#; &#x; &#xg;", "&#; &#x; &#xg;")]
    [InlineData("a&#10;&#9;b&#1;c", "a b c")]
    [InlineData("\ud83d\ude00 <b>ok</b>", "😀 ok")]
    public void A_reader_sees_text(string html, string expected) => Assert.Equal(expected, PlainText.Of(html));

    [Fact]
    public void No_tag_and_no_comment_that_stood_there_is_left()
    {
        var random = new Random(7);
        string[] pieces = ["word", " ", "\n", "<b>", "</b>", "<p class=\"a>b\">", "</p>", "<br/>", "<!-- c -->", "<script>s()</script>", "<style>s{}</style>", "&amp;", "&#65;", "é", "<img src='x'>", "<h1\n>", "</h1 >"];
        for (var i = 0; i < 2000; i++)
        {
            var html = string.Concat(Enumerable.Range(0, random.Next(30)).Select(_ => pieces[random.Next(pieces.Length)]));
            var text = PlainText.Of(html);
            Assert.DoesNotContain('<', text);
            Assert.DoesNotContain("s()", text, StringComparison.Ordinal);
            Assert.DoesNotContain("  ", text, StringComparison.Ordinal);
            Assert.Equal(text.Trim(), text);
            Assert.Equal(html.Split("word").Length, text.Split("word").Length);
        }
    }

    [Fact]
    public void Any_rubbish_gives_text_that_is_no_longer()
    {
        var random = new Random(11);
        const string Letters = "<>/!-?&;#xX'\"= \n\0abpscriptSTYLE09\ud83d\ude00\ud800é";
        for (var i = 0; i < 20_000; i++)
        {
            var html = new StringBuilder();
            for (var n = random.Next(60); n > 0; n--)
            {
                html.Append(Letters[random.Next(Letters.Length)]);
            }
            Assert.True(PlainText.Of(html.ToString()).Length <= html.Length);
        }
    }

    [Theory]
    [InlineData("<")]
    [InlineData("<!")]
    [InlineData("<!--")]
    [InlineData("<!----")]
    [InlineData("-->")]
    [InlineData("<a ")]
    [InlineData("<a b=\"")]
    [InlineData("<script>")]
    [InlineData("<script></scrip")]
    [InlineData("</")]
    [InlineData("&")]
    [InlineData("&#")]
    [InlineData("&#9")]
    [InlineData("&aaaaaaaaa")]
    [InlineData("&a;")]
    [InlineData("<p>")]
    public void Hostile_markup_takes_time_in_proportion(string piece)
    {
        // Quadratic, a text four times as long would take sixteen times as long: minutes for this one.
        var html = string.Concat(Enumerable.Repeat(piece, 4_000_000 / piece.Length));
        _ = PlainText.Of(html[..100_000]);
        var watch = Stopwatch.StartNew();
        _ = PlainText.Of(html);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(10), $"{watch.Elapsed}");
    }
}
