using System.Text;

namespace Postern.Pipeline;

/// <summary>The page of errors, <c>docs/errors.md</c>, from <see cref="FailureTable"/>.</summary>
internal static class ErrorsPage
{
    /// <summary>Failures that only the admin port answers with.</summary>
    private static readonly Failure[] Admin = [Failure.ForeignOrigin, Failure.ForeignHost, Failure.ReloadRefused];

    /// <summary>The whole page, as Markdown.</summary>
    public static string Write()
    {
        var page = new StringBuilder();
        page.Append($$"""
            # Errors

            <!-- Generated: postern schema --errors > docs/errors.md -->

            Every answer that Postern makes itself is a problem of [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457), with
            `Content-Type: application/problem+json`. Errors of a service go through as the service made them.

            ```json
            {
              "type": "{{Answer.TypePrefix}}route-not-found",
              "title": "Not found",
              "status": 404,
              "detail": "No route of this gateway answers to this URL.",
              "code": "route-not-found",
              "traceId": "4bf92f3577b34da6a3ce929d0e0e4736"
            }
            ```

            `code` is stable: programs may rely on it. The access log and the metrics (`error_type`) carry it too. `detail` is for
            people and may become more exact. `traceId` leads to the request in logs and traces. No answer names an address of a
            service or shows a stack trace. An answer that has already begun can't be taken back: then the connection is ended, so
            that no client takes half of it for the whole.

            ## Requests


            """.ReplaceLineEndings("\n"));
        Table(page, FailureTable.Rows.Where(r => !Admin.Contains(r.Failure)));
        page.Append("\n## The admin port\n\n");
        Table(page, FailureTable.Rows.Where(r => Admin.Contains(r.Failure)));
        return page.ToString();
    }

    private static void Table(StringBuilder page, IEnumerable<FailureRow> rows)
    {
        page.Append("| Status | Code | Title | What it means |\n|---|---|---|---|\n");
        foreach (var row in rows)
        {
            page.Append($"| {row.Status} | `{row.Code}` | {row.Title} | {row.Detail.Replace("|", "\\|")} |\n");
        }
    }
}
