using Microsoft.AspNetCore.Http;
using Postern.Wire;

namespace Postern.Pipeline;

/// <summary>
/// The request for which code runs, so that a client this code was given can say to upstreams what every call says. Work that
/// the code leaves behind finds none once the request has its answer: the server has the context then for somebody else's.
/// </summary>
internal sealed class CurrentRequest : IDisposable
{
    private static readonly AsyncLocal<CurrentRequest?> Local = new();

    private readonly Lock ending = new();
    private HttpContext? context;

    private CurrentRequest(HttpContext context) => this.context = context;

    /// <summary>From here on, in all that is awaited, the code runs for this request, until it is disposed.</summary>
    public static CurrentRequest Begin(HttpContext context) => Local.Value = new CurrentRequest(context);

    /// <summary>Adds to a call what the gateway says of the request; false where the code runs for none.</summary>
    public static bool Tell(FieldList fields)
    {
        if (Local.Value is not { } current)
        {
            return false;
        }
        lock (current.ending)
        {
            if (current.context is not { } context)
            {
                return false;
            }
            OwnFields.Add(context, Exchange.Of(context), fields);
            return true;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (ending)
        {
            context = null;
        }
        Local.Value = null;
    }
}
