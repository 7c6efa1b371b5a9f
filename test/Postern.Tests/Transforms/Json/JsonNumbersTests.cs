using System.Globalization;
using System.Numerics;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Postern.Transforms.Json;

namespace Postern.Tests.Transforms.Json;

public class JsonNumbersTests
{
    private static readonly Gen<string> Numbers =
        from negative in Gen.Elements("", "-")
        from whole in Gen.Elements("0", "1", "9", "10", "99", "100", "12345678901234567890", "79228162514264337593543950335", "79228162514264337593543950336")
        from fraction in Gen.Elements("", "", ".0", ".5", ".05", ".10", ".00000000000000000000000000001", ".12345678901234567890123456789")
        from exponent in Gen.Elements("", "", "", "e0", "e1", "E-1", "e+5", "e-28", "e28", "e-40", "e40")
        select negative + whole + fraction + exponent;

    [Fact]
    public void Numbers_of_any_length_are_compared_exactly() => Prop.ForAll(Numbers.ToArbitrary(), Numbers.ToArbitrary(), (a, b) =>
    {
        Assert.Equal(Exactly(a).CompareTo(Exactly(b)), Math.Sign(JsonNumbers.Compare(Value(a), Value(b))));
        Assert.Equal(0, JsonNumbers.Compare(Value(a), Value(a)));
    }).Check(FsCheck.Config.QuickThrowOnFailure.WithMaxTest(2000));

    [Fact]
    public void What_fits_a_decimal_is_taken_as_one_and_nothing_is_rounded() => Prop.ForAll(Numbers.ToArbitrary(), number =>
    {
        if (JsonNumbers.TryDecimal(Encoding.UTF8.GetBytes(number), out var value))
        {
            Assert.Equal(0, Exactly(number).CompareTo(Exactly(value.ToString(CultureInfo.InvariantCulture))));
        }
    }).Check(FsCheck.Config.QuickThrowOnFailure.WithMaxTest(2000));

    [Theory]
    [InlineData("1e999999999999999999999", "1e999999999999999999998", 0)]
    [InlineData("1e400", "9e399", 1)]
    [InlineData("-1e400", "1", -1)]
    [InlineData("0e999999999", "-0.000", 0)]
    [InlineData("9007199254740993", "9007199254740992", 1)]
    [InlineData("100000000000000000000000000000001", "100000000000000000000000000000000", 1)]
    [InlineData("1e-400", "0", 1)]
    public void Numbers_no_type_holds_are_compared_too(string a, string b, int order) => Assert.Equal(order, JsonNumbers.Compare(Value(a), Value(b)));

    [Theory]
    [InlineData("0.1", "Plus", "0.2", "0.3")]
    [InlineData("149.99", "Times", "3", "449.97")]
    [InlineData("1", "Minus", "0.9", "0.1")]
    [InlineData("12345678901234567890", "Plus", "1", "12345678901234567891")]
    [InlineData("2", "Divide", "3", "0.6666666666666666")]
    [InlineData("1", "Divide", "8", "0.125")]
    [InlineData("10", "Divide", "5", "2")]
    [InlineData("150.00", "Plus", "0", "150")]
    [InlineData("10", "Modulo", "3", "1")]
    [InlineData("-10", "Modulo", "3", "-1")]
    [InlineData("10", "DivideWhole", "3", "3")]
    [InlineData("-10", "DivideWhole", "3", "-4")]
    [InlineData("10", "DivideWhole", "-3", "-4")]
    [InlineData("-10", "DivideWhole", "-3", "3")]
    [InlineData("7.5", "DivideWhole", "2.5", "3")]
    [InlineData("9", "DivideWhole", "3", "3")]
    [InlineData("0", "Minus", "0", "0")]
    [InlineData("79228162514264337593543950335", "Plus", "79228162514264337593543950335", "1.5845632502852868E+29")]
    [InlineData("79228162514264337593543950335", "Times", "10", "7.922816251426434E+29")]
    [InlineData("1e-28", "Times", "3e-28", "3E-56")]
    [InlineData("1e28", "Divide", "1e-28", "1E+56")]
    [InlineData("1e300", "Times", "1e10", "1E+310")]
    public void It_reckons_exactly_where_that_is_possible(string a, string by, string b, string result)
    {
        var value = JsonNumbers.Work(Value(a), Enum.Parse<Operator>(by), Value(b));

        Assert.Equal(result == "1E+310" ? "not-a-number" : result, value.IsError ? value.Why : Written(value));
    }

    [Theory]
    [InlineData("Divide")]
    [InlineData("Modulo")]
    [InlineData("DivideWhole")]
    public void What_is_divided_by_nothing_is_no_number(string by)
    {
        foreach (var zero in new[] { "0", "-0.0", "0e5", "1e-400" })
        {
            Assert.Equal("not-a-number", JsonNumbers.Work(Value("1"), Enum.Parse<Operator>(by), Value(zero)).Why);
        }
    }

    [Fact]
    public void No_two_numbers_throw_whatever_is_done_with_them() => Prop.ForAll(Numbers.ToArbitrary(), Numbers.ToArbitrary(), (a, b) =>
    {
        foreach (var by in Enum.GetValues<Operator>())
        {
            var value = JsonNumbers.Work(Value(a), by, Value(b));
            if (!value.IsError)
            {
                Assert.True(JsonScanner.IsNumber(Encoding.UTF8.GetBytes(Written(value))), $"{a} {by} {b} = {Written(value)}");
            }
        }
    }).Check(FsCheck.Config.QuickThrowOnFailure.WithMaxTest(2000));

    [Theory]
    [InlineData("1", true)]
    [InlineData("-1.50e+3", true)]
    [InlineData("12345678901234567890123456789012345678901234567890", true)]
    [InlineData("1 ", false)]
    [InlineData(" 1", false)]
    [InlineData("+1", false)]
    [InlineData("1.", false)]
    [InlineData("01", false)]
    [InlineData("1e999", false)]
    [InlineData("١", false)]
    [InlineData("", false)]
    [InlineData("-", false)]
    public void A_text_is_a_number_if_JSON_says_so(string text, bool isNumber) => Assert.Equal(isNumber, JsonNumbers.TryRead(text, out _));

    private static JsonValue Value(string json) => JsonText.Fixed(json);

    private static string Written(in JsonValue value)
    {
        using var output = new JsonOutput(1000);
        value.Write(output);
        return Encoding.UTF8.GetString(output.Written);
    }

    /// <summary>A number as a whole one: all of them times ten to the hundredth.</summary>
    private static BigInteger Exactly(string number)
    {
        var parts = number.Split('e', 'E');
        var point = parts[0].IndexOf('.', StringComparison.Ordinal);
        var digits = BigInteger.Parse(parts[0].Replace(".", "", StringComparison.Ordinal), CultureInfo.InvariantCulture);
        var scale = (parts.Length > 1 ? int.Parse(parts[1], CultureInfo.InvariantCulture) : 0) - (point < 0 ? 0 : parts[0].Length - point - 1);
        return digits * BigInteger.Pow(10, 100 + scale);
    }
}
