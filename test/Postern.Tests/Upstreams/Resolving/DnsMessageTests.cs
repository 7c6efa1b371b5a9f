using System.Net;
using Postern.Upstreams.Resolving;

namespace Postern.Tests.Upstreams.Resolving;

/// <summary>Messages as bytes, honest and not.</summary>
public sealed class DnsMessageTests
{
    private const ushort Id = 0x1234;

    [Fact]
    public void A_question_has_these_bytes() => Assert.Equal(
        "12340100000100000000000106" + "6f7264657273" + "0474657374" + "00" + "00010001" + "00002904d0000000000000",
        Convert.ToHexStringLower(DnsMessage.Query(Id, "orders.test", DnsType.A)));

    [Fact]
    public void An_answer_with_names_cut_short_is_read()
    {
        // The alias points at the question's "test", the address's name at the alias.
        var answer = Read("c00c0005000100000e10" + "0006" + "03" + "777777" + "c013" + "c0290001000100000005" + "0004" + "0a000001", answers: 2);
        Assert.Equal(0, answer!.Code);
        var (found, ttl) = answer.Of("ORDERS.test", DnsType.A);
        Assert.Equal(IPAddress.Parse("10.0.0.1"), Assert.Single(found).Address);
        Assert.Equal(TimeSpan.FromSeconds(5), ttl);
    }

    [Fact]
    public void Aliases_that_go_round_in_circles_lead_nowhere()
    {
        var answer = Read("c00c0005000100000e10" + "0002" + "c00c", answers: 1);
        Assert.Empty(answer!.Of("orders.test", DnsType.A).Found);
    }

    [Theory]
    [InlineData("c01d000100010000000500040a000001", "a name that points at itself")]
    [InlineData("c0ff000100010000000500040a000001", "a name that points beyond the end")]
    [InlineData("c00c000100010000000500ff0a000001", "a record longer than the message")]
    [InlineData("c00c00010001000000050003" + "0a0000", "an address of three bytes")]
    [InlineData("c00c0021000100000005000400010001", "a service without a target")]
    [InlineData("c00c0001000100", "half a record")]
    [InlineData("", "fewer records than it says")]
    public void Bytes_that_are_no_records_are_no_answer(string record, string why)
    {
        Assert.True(why.Length > 0);
        Assert.Null(Read(record, answers: 1));
    }

    [Fact]
    public void An_answer_to_another_question_is_none()
    {
        var message = Convert.FromHexString("1234818000010000000000000" + "66f726465727304746573740000010001");
        Assert.NotNull(DnsMessage.Read(message, Id, "orders.test", DnsType.A));
        Assert.Null(DnsMessage.Read(message, Id + 1, "orders.test", DnsType.A));
        Assert.Null(DnsMessage.Read(message, Id, "orders.text", DnsType.A));
        Assert.Null(DnsMessage.Read(message, Id, "orders.test", DnsType.Aaaa));
        message[2] = 1;
        Assert.Null(DnsMessage.Read(message, Id, "orders.test", DnsType.A));
    }

    [Fact]
    public void No_bytes_whatever_are_too_much()
    {
        var (random, query) = (new Random(7), DnsMessage.Query(Id, "orders.test", DnsType.A));
        for (var i = 0; i < 20_000; i++)
        {
            var message = new byte[random.Next(0, 200)];
            random.NextBytes(message);
            query.AsSpan(0, Math.Min(message.Length, i % 2 == 0 ? 2 : 29)).CopyTo(message);
            if (message.Length > 7)
            {
                message[2] |= 0x80;
                (message[6], message[7]) = (0, (byte)random.Next(4));
            }
            DnsMessage.Read(message, Id, "orders.test", DnsType.A)?.Of("orders.test", DnsType.A);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("a..b")]
    [InlineData("a.b.")]
    [InlineData("ä.test")]
    [InlineData("a b.test")]
    public void What_is_no_name_is_never_asked_for(string name) => Assert.NotNull(DnsMessage.Problem(name));

    private static DnsAnswer? Read(string records, int answers) => DnsMessage.Read(
        Convert.FromHexString($"12348180000100{answers:x2}00000000" + "066f726465727304746573740000010001" + records), Id, "orders.test", DnsType.A);
}
