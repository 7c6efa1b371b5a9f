using System.Text;
using System.Text.Json;
using Postern.Pipeline;

namespace Postern.Tests.Pipeline;

public sealed class AnswerTests
{
    [Theory]
    [InlineData("The token's key is not known.", "The token's key is not known.")]
    [InlineData("für \"alle\" + mehr", "für \\\"alle\\\" + mehr")]
    [InlineData("a\r\n\0\u007f", "a\\r\\n\\u0000\\u007F")]
    [InlineData("isn't <script>", "isn\\u0027t \\u003Cscript\\u003E")]
    [InlineData("a & b", "a \\u0026 b")]
    public void A_problem_reads_as_it_is_said_and_holds_no_tag(string detail, string written)
    {
        var body = Encoding.UTF8.GetString(Answer.Problem(FailureTable.Of(Failure.InvalidToken), detail, "4bf92f3577b34da6a3ce929d0e0e4736").WrittenSpan);
        Assert.Contains($"\"detail\":\"{written}\",", body, StringComparison.Ordinal);
        Assert.Equal(detail, JsonDocument.Parse(body).RootElement.GetProperty("detail").GetString());
    }
}
