using System.Text;
using Postern.Pipeline;

namespace Postern.Upstreams.Forwarding.Http2;

/// <summary>
/// A call as the platform's client sends it, and how often. Of itself that client sends a request four times that is refused
/// unseen: an upstream that sheds load would get four times as much of it, whatever the budget for retries. So once more is enough,
/// and none where <c>retry</c> tries the call again. A request that came too late for a connection that the upstream was closing is
/// no such thing: nobody refused it, it goes on another one, and who judges the upstream hears nothing of it.
/// </summary>
internal sealed class Sending(UpstreamCall call, PipeContent? content, Wire wire, Uri target) : HttpRequestMessage(call.Method, target)
{
    /// <summary>How long, in milliseconds, the word that a connection closes may be here before the client behind heeds it.</summary>
    private const int Slack = 20;

    private string? first;
    private long writtenAt;
    private bool again;

    /// <summary>A field is written, and how. Each is asked for once when the head is written; that is all that shows that it is written anew.</summary>
    /// <exception cref="UpstreamException">It must not be.</exception>
    public Encoding Writes(string field)
    {
        if (first is null)
        {
            (first, writtenAt) = (field, Environment.TickCount64);
        }
        else if (field == first)
        {
            Repeat();
        }
        return Encoding.Latin1;
    }

    private void Repeat()
    {
        var late = wire.HasClosed(writtenAt - Slack);
        if (content?.HasBegun == true || (!late && (again || call.IsTriedAgain)))
        {
            throw new UpstreamException(Failure.UpstreamUnreachable, "the upstream refused the request unseen");
        }
        (again, writtenAt) = (again || !late, Environment.TickCount64);
    }
}
