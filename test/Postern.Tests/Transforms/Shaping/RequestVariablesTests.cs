using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Postern.Pipeline;
using Postern.Transforms.Json;
using Postern.Transforms.Shaping;

namespace Postern.Tests.Transforms.Shaping;

/// <summary>What expressions learn of a request, and what they never do.</summary>
public sealed class RequestVariablesTests
{
    private readonly DefaultHttpContext context = new();
    private readonly Exchange exchange = new();

    [Theory]
    [InlineData("?page=2&sort=name", """{"page":"2","sort":"name"}""")]
    [InlineData("?page=2&page=3", """{"page":"2"}""")]
    [InlineData("?q=a+b%20c%2Bd", """{"q":"a b c+d"}""")]
    [InlineData("?q=%F0%9F%98%80&%C3%A9=1", """{"q":"😀","é":"1"}""")]
    [InlineData("?q=100%&r=%ff&s=%zz", """{"q":"100%","r":"%ff","s":"%zz"}""")]
    [InlineData("?a&b=&=c&&d==x", """{"a":"","b":"","d":"=x"}""")]
    [InlineData("?a=%22%5C%0A%00", """{"a":"\"\\\n\u0000"}""")]
    [InlineData("?", "{}")]
    [InlineData("", "{}")]
    public void A_query_is_decoded_and_the_first_of_a_name_counts(string query, string expected)
    {
        exchange.Query = query;
        Assert.Equal(expected, Ask("query"));
    }

    [Fact]
    public void A_route_parameter_is_decoded_and_what_cannot_be_stays()
    {
        exchange.Path = "/a/x%20y+z/%ff/r/%C3%A9/s";
        exchange.Parameters[0] = 3..10;
        exchange.Parameters[1] = 11..14;
        exchange.Parameters[2] = 15..exchange.Path.Length;
        Assert.Equal("""{"id":"x y+z","bad":"%ff","rest":"r/é/s"}""", Ask("params", "id", "bad", "rest"));
        using var variables = new RequestVariables(context, exchange, ["id", "bad", "rest"]);
        Assert.Equal("r/é/s", variables.Parameter("rest").AsString());
        Assert.True(variables.Parameter("nope").IsNull);
    }

    [Fact]
    public void Fields_are_named_in_lower_case_and_the_first_value_counts()
    {
        context.Request.Headers["Accept-Language"] = "de, en;q=0.5";
        context.Request.Headers["X-Many"] = new(["one", "two"]);
        context.Request.Headers["X-Empty"] = "";
        Assert.Equal("""{"accept-language":"de, en;q=0.5","x-many":"one","x-empty":""}""", Ask("headers"));
    }

    [Theory]
    [InlineData("Grüße")]
    [InlineData("日本")]
    public void A_field_in_UTF_8_is_text_however_the_server_read_it(string text)
    {
        context.Request.Headers["X-Name"] = Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(text));
        context.Request.Headers["X-Read"] = text;
        context.Request.Headers["X-Old"] = "caf\u00e9";
        Assert.Equal($$"""{"x-name":"{{text}}","x-read":"{{text}}","x-old":"café"}""", Ask("headers"));
    }

    [Fact]
    public void The_callers_credential_is_nowhere()
    {
        var headers = context.Request.Headers;
        headers.Authorization = "Bearer secret";
        headers["Proxy-Authorization"] = "Basic secret";
        headers.Cookie = "session=secret";
        headers["X-Api-Key"] = "secret";
        headers["X-User-Id"] = "secret";
        headers["X-Plain"] = "seen";
        exchange.Reserved = new ReservedFields(["X-User-Id"]);
        exchange.CredentialField = "x-api-key";
        exchange.CredentialParameter = "key";
        exchange.Query = "?Key=secret&%6bey=secret&a=1";
        Assert.Equal("""{"x-plain":"seen"}""", Ask("headers"));
        Assert.Equal("""{"a":"1"}""", Ask("query"));
    }

    [Fact]
    public void Cookies_come_as_they_are_without_their_quotes()
    {
        context.Request.Headers.Cookie = new(["a=1; b=\"two words\" ;c=x=y;a=2", "d=%20; novalue; =x; e=; f=\""]);
        Assert.Equal("""{"a":"1","b":"two words","c":"x=y","d":"%20","e":"","f":"\""}""", Ask("cookies"));
    }

    [Fact]
    public void Claims_are_the_bytes_that_came_and_the_consumer_what_the_gateway_made_of_them()
    {
        exchange.Consumer = Caller("""{"sub":"anna", "big":12345678901234567890123,"n":"\u00e9"}""");
        Assert.Equal("""{"sub":"anna", "big":12345678901234567890123,"n":"\u00e9"}""", Ask("claims"));
        Assert.Equal("""{"id":"anna","name":null,"tier":"pro","scopes":["a","b"],"roles":[],"way":"customers"}""", Ask("consumer"));
        exchange.Consumer = null;
        Assert.Equal(("null", "null"), (Ask("claims"), Ask("consumer")));
    }

    [Fact]
    public void A_tier_that_only_the_limits_know_is_said()
    {
        exchange.Consumer = new Consumer { Id = "anna", Way = "w", Claims = JsonElement.Parse("{}") };
        exchange.Tier = "free";
        Assert.Contains("\"tier\":\"free\"", Ask("consumer"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_body_is_what_the_reader_of_the_body_says()
    {
        using var variables = new RequestVariables(context, exchange, []) { Body = JsonValue.Of("x") };
        Assert.Equal("x", variables.Find("body").AsString());
        Assert.Equal("null", Ask("body"));
    }

    [Theory]
    [InlineData("param")]
    [InlineData("Query")]
    [InlineData("")]
    public void Another_name_is_an_error(string name)
    {
        using var variables = new RequestVariables(context, exchange, []);
        Assert.Equal("undefined-variable", variables.Find(name).Why);
    }

    [Fact]
    public void All_names_are_known()
    {
        using var variables = new RequestVariables(context, exchange, []);
        Assert.All(RequestVariables.Names, n => Assert.False(variables.Find(n).IsError));
    }

    [Fact]
    public void More_than_fits_is_left_out_and_names_stay_single()
    {
        exchange.Query = "?" + string.Join('&', Enumerable.Range(0, 5000).Select(i => $"p{i % 300}={i}"));
        using var variables = new RequestVariables(context, exchange, []);
        Assert.Equal(WrittenFields.MaxFields, variables.Find("query").Count);
        Assert.Equal("7", variables.Find("query").Field("p7").AsString());
        context.Request.Headers["X-Long"] = new string('x', WrittenFields.MaxBytes);
        context.Request.Headers["X-Short"] = "y";
        Assert.Equal("""{"x-short":"y"}""", Ask("headers"));
    }

    [Fact]
    public void Names_that_are_no_text_are_no_way_to_break_the_object()
    {
        exchange.Query = "?\ud800=1&\ud801=2";
        using var variables = new RequestVariables(context, exchange, []);
        Assert.True(variables.Find("query").IsError);
    }

    [Fact]
    public async Task Calls_in_parallel_get_the_same()
    {
        exchange.Query = "?a=1";
        using var variables = new RequestVariables(context, exchange, []);
        var answers = await Task.WhenAll(Enumerable.Range(0, 32).Select(_ => Task.Run(() => variables.Find("query").Field("a").AsString())));
        Assert.All(answers, a => Assert.Equal("1", a));
    }

    private static Consumer Caller(string claims) => new() { Id = "anna", Tier = "pro", Scopes = ["a", "b"], Way = "customers", Claims = JsonElement.Parse(claims) };

    private string Ask(string name, params string[] parameters)
    {
        using var variables = new RequestVariables(context, exchange, parameters);
        using var output = new JsonOutput(1 << 20);
        variables.Find(name).Write(output);
        return Encoding.UTF8.GetString(output.Written);
    }
}
