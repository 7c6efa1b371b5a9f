using System.CommandLine;
using Postern.Config;
using Postern.Runtime;
using Postern.Server.Listening;
using Postern.Wire;

namespace Postern.Server.Commands;

/// <summary>Says which gate and route would answer a request, and how, without sending it.</summary>
internal static class ExplainCommand
{
    public static Command Create()
    {
        var config = ConfigOption.Create();
        var method = new Argument<string>("METHOD") { Description = "GET, POST …" };
        var url = new Argument<string>("URL") { Description = "http://host/path?query, or the path alone." };
        var headers = new Option<string[]>("--header", "-H")
        {
            Description = "A header of the request; may be given often.",
            HelpName = "'Name: value'",
        };
        headers.Validators.Add(result =>
        {
            foreach (var token in result.Tokens)
            {
                if (token.Value.IndexOf(':') < 1)
                {
                    result.AddError($"A header is 'Name: value', got '{token.Value}'.");
                }
            }
        });
        var command = new Command("explain", """
            Say which gate and route answer a request, each stage in order, and the exact URL sent on; or why none answers.

            Example: postern explain --config postern.yaml GET '/web/products/7?version=v2' -H 'Accept: application/json'
            """) { config, method, url, headers };
        command.SetAction(result => Run(result.GetValue(config)!, result.GetValue(method)!, result.GetValue(url)!, result.GetValue(headers) ?? []));
        return command;
    }

    private static int Run(string file, string method, string url, string[] headers)
    {
        var (runtime, problems) = ConfigOption.Compile(file);
        ConfigOption.Print(problems);
        if (runtime is null)
        {
            return 1;
        }
        using (runtime)
        {
            var (host, target) = Split(url);
            var fields = headers.Select(h => h.Split(':', 2)).Select(h => (h[0].Trim(), h[1].Trim()));
            var listen = runtime.Snapshot.Config.Root.Written<GatewayOptions>().Listen ?? [];
            // What one listener refuses another may let through: the one whose port the URL names, else the first.
            var listener = listen.FirstOrDefault(l => l.Url.EndsWith(PortOf(host), StringComparison.Ordinal)) ?? listen.FirstOrDefault();
            var (text, answered) = Explain.Request(
                runtime.Snapshot, method.ToUpperInvariant(), host, target, fields, listener is null ? PathFaults.None : Listener.AllowedBy(listener.Paths));
            Console.Write(text);
            return answered ? 0 : 1;
        }
    }

    /// <summary><c>:8080</c>; without a port, HTTP's own.</summary>
    private static string PortOf(string host) =>
        host.LastIndexOf(':') is >= 0 and var colon && colon > host.LastIndexOf(']') ? host[colon..] : ":80";

    /// <summary>Host and request target as a client would send them; a <see cref="Uri"/> would normalise what is asked about.</summary>
    private static (string Host, string Target) Split(string url)
    {
        // The fragment is the client's own (RFC 9110 §4.2.5).
        url = url.Split('#', 2)[0];
        var scheme = url.StartsWith('/') ? -1 : url.IndexOf("://", StringComparison.Ordinal);
        if (scheme < 0)
        {
            return ("localhost", url);
        }
        var rest = url[(scheme + 3)..];
        var end = rest.AsSpan().IndexOfAny('/', '?');
        return end < 0 ? (rest, "/") : (rest[..end], rest[end] == '/' ? rest[end..] : "/" + rest[end..]);
    }
}
