using System.Text;
using Postern.Pipeline;

namespace Postern.Upstreams.Forwarding.Http2;

/// <summary>
/// A call as the platform's client sends it, and how often. Of itself that client sends a request four times that is refused
/// unseen: an upstream that sheds load would get four times as much of it, whatever the budget for retries. So once more is enough,
/// for a connection that was closing at that moment; and none where <c>retry</c> tries the call again.
/// </summary>
internal sealed class Sending(UpstreamCall call, PipeContent? content, Uri target) : HttpRequestMessage(call.Method, target)
{
    private string? first;
    private bool again;

    /// <summary>A field is written, and how. Each is asked for once when the head is written; that is all that shows that it is written anew.</summary>
    /// <exception cref="UpstreamException">It must not be.</exception>
    public Encoding Writes(string field)
    {
        if (first is null)
        {
            first = field;
        }
        else if (field == first)
        {
            if (again || call.IsTriedAgain || content?.HasBegun == true)
            {
                throw new UpstreamException(Failure.UpstreamUnreachable, "the upstream refused the request unseen");
            }
            again = true;
        }
        return Encoding.Latin1;
    }
}
