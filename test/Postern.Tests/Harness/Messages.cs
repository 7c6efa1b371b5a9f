namespace Postern.Tests.Harness;

/// <summary>Requests in the version of HTTP that a client speaks; those made by hand would be HTTP/1.1 whatever it says.</summary>
internal static class Messages
{
    public static HttpRequestMessage Message(this HttpClient client, string method, string path, HttpContent? content = null) =>
        new(new HttpMethod(method), AsIs(client.BaseAddress!, path))
        {
            Version = client.DefaultRequestVersion,
            VersionPolicy = client.DefaultVersionPolicy,
            Content = content,
        };

    /// <summary>Sends a path that the platform would otherwise normalise.</summary>
    public static Task<HttpResponseMessage> SendAsync(this HttpClient client, string method, string path, HttpContent? content = null, CancellationToken cancel = default) =>
        client.SendAsync(client.Message(method, path, content), HttpCompletionOption.ResponseHeadersRead, cancel);

    private static Uri AsIs(Uri address, string path) =>
        new($"http://{address.Authority}{path}", new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
}

/// <summary>A body that doesn't say how long it is, written as the test says.</summary>
internal sealed class StreamedContent(Func<Stream, Task> write) : HttpContent
{
    protected override Task SerializeToStreamAsync(Stream stream, System.Net.TransportContext? context) => write(stream);

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }
}
