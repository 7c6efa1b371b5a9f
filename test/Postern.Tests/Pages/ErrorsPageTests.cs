using Postern.Pipeline;
using Postern.Tests.Harness;

namespace Postern.Tests.Pages;

public sealed class ErrorsPageTests
{
    [Fact]
    public void The_page_of_errors_is_what_the_table_says() =>
        Assert.Equal(ErrorsPage.Write(), File.ReadAllText(Repository.File("docs", "errors.md")).ReplaceLineEndings("\n"));

    [Fact]
    public void Every_failure_has_a_row_and_every_code_is_its_own()
    {
        Assert.Equal(Enum.GetValues<Failure>().Where(f => f != Failure.None).Order(), FailureTable.Rows.Select(r => r.Failure).Order());
        Assert.Equal(FailureTable.Rows.Length, FailureTable.Rows.Select(r => r.Code).Distinct().Count());
    }
}
