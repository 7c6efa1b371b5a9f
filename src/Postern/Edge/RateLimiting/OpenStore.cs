namespace Postern.Edge.RateLimiting;

/// <summary>A store in use, and the requests that wait for its answers.</summary>
internal sealed record OpenStore(ILimitStore Store, StoreCalls Calls)
{
    /// <summary>Gives both up.</summary>
    public async Task CloseAsync()
    {
        Calls.Dispose();
        try
        {
            if (Store is IAsyncDisposable closes)
            {
                await closes.DisposeAsync();
            }
            else
            {
                (Store as IDisposable)?.Dispose();
            }
        }
        catch (Exception) // It is given up anyway.
        {
        }
    }
}
