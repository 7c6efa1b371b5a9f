using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Postern.Config;
using Shop;

namespace Postern.Server.Commands;

/// <summary><c>postern token</c>: a token for <c>curl</c>, from the authorization server of the demo that runs.</summary>
internal sealed class TokenCommand(TextWriter output, TextWriter error)
{
    private const int LongestAnswer = 64 * 1024;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    public static Command Create(TextWriter output, TextWriter error)
    {
        var sub = new Option<string>("--sub") { Description = "Whom it is for.", HelpName = "ID", DefaultValueFactory = _ => "usr_a41c7" };
        var scopes = Words("--scopes", "What it allows (scope).", "orders.read orders.write documents.read");
        var roles = Words("--roles", "What its bearer is.", "customer");
        var plan = new Option<string?>("--plan") { Description = "The bearer's plan, by which the gateway knows the tier: free, pro, enterprise. [default: pro]", HelpName = "PLAN" };
        var opaque = new Option<bool>("--opaque") { Description = "A token that only its issuer can read, instead of a JWT." };
        var expires = new Option<string>("--expires") { Description = "How long it is good, at most 24h.", HelpName = "DURATION", DefaultValueFactory = _ => "1h" };
        var url = new Option<string>("--url") { Description = "The demo's authorization server.", HelpName = "URL", DefaultValueFactory = _ => ShopServices.PreferredAuthorizationUrl };
        expires.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && !(Scalars.TryDuration(token.Value, out var lasts) && lasts >= TimeSpan.FromSeconds(1) && lasts <= TimeSpan.FromHours(24)))
            {
                result.AddError($"--expires is a duration from 1s to 24h, got '{token.Value}'.");
            }
        });
        url.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && !(Uri.TryCreate(token.Value, UriKind.Absolute, out var address) && address.Scheme is "http" or "https"))
            {
                result.AddError($"--url is an http URL such as {ShopServices.PreferredAuthorizationUrl}, got '{token.Value}'.");
            }
        });
        var command = new Command("token", """
            Print a token for the running demo ('postern demo'), for curl. The demo's authorization server gives one to anyone.

            Example: postern token --sub usr_b80e2 --scopes orders.read --expires 10m
            Example: curl -H "Authorization: Bearer $(postern token)" http://127.0.0.1:8080/web/profile
            """) { sub, scopes, roles, plan, opaque, expires, url };
        command.SetAction((parsed, cancellation) =>
        {
            Scalars.TryDuration(parsed.GetValue(expires)!, out var lasts);
            var form = new Dictionary<string, string>
            {
                ["sub"] = parsed.GetValue(sub)!,
                ["format"] = parsed.GetValue(opaque) ? "opaque" : "jwt",
                ["expires_in"] = ((long)lasts.TotalSeconds).ToString(CultureInfo.InvariantCulture),
            };
            Say(form, "scope", parsed.GetValue(scopes));
            Say(form, "roles", parsed.GetValue(roles));
            Say(form, "plan", parsed.GetValue(plan) is { } named ? [named] : null);
            return new TokenCommand(output, error).RunAsync(parsed.GetValue(url)!.TrimEnd('/'), form, cancellation);
        });
        return command;
    }

    /// <summary>The command as it is typed in a shell anywhere on this machine, for the demo whose server is at <paramref name="url"/>.</summary>
    public static string ForShell(string url) =>
        $"{Program()} token{(url == ShopServices.PreferredAuthorizationUrl ? "" : $" --url {url}")}";

    /// <summary><c>postern</c> where the shell would find this very program by that name, else its path.</summary>
    private static string Program()
    {
        if (Environment.ProcessPath is not { } running)
        {
            return "postern";
        }
        if (Path.GetFileNameWithoutExtension(running) == "dotnet")
        {
            return $"{Quoted(running)} {Quoted(typeof(TokenCommand).Assembly.Location)}";
        }
        var named = Path.Combine(Path.GetDirectoryName(running)!, "postern");
        var here = File.Exists(named) ? named : running;
        var found = Environment.GetEnvironmentVariable("PATH")?.Split(Path.PathSeparator).Select(d => Path.Combine(d, "postern")).FirstOrDefault(File.Exists);
        return found is not null && Target(found) == Target(here) ? "postern" : Quoted(here);
    }

    private static string Target(string path) => File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? Path.GetFullPath(path);

    private static string Quoted(string path) => path.All(c => char.IsAsciiLetterOrDigit(c) || "/._-+".Contains(c)) ? path : $"'{path.Replace("'", @"'\''")}'";

    private static Option<string[]?> Words(string name, string what, string otherwise) => new(name)
    {
        Description = $"{what} Words, apart by spaces or commas. [default: {otherwise}]",
        HelpName = "WORDS",
        AllowMultipleArgumentsPerToken = true,
    };

    private static void Say(Dictionary<string, string> form, string field, string[]? words)
    {
        if (words is { Length: > 0 })
        {
            form[field] = string.Join(' ', words.SelectMany(w => w.Split([' ', ','], StringSplitOptions.RemoveEmptyEntries)));
        }
    }

    private async Task<int> RunAsync(string url, Dictionary<string, string> form, CancellationToken cancellation)
    {
        using var handler = new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false };
        using var client = new HttpClient(handler) { Timeout = Patience, MaxResponseContentBufferSize = LongestAnswer };
        try
        {
            using var content = new FormUrlEncodedContent(form);
            using var answer = await client.PostAsync(url + "/token", content, cancellation);
            using var json = JsonDocument.Parse(await answer.Content.ReadAsByteArrayAsync(cancellation));
            if (Text(json, "access_token") is { } token && answer.IsSuccessStatusCode)
            {
                await output.WriteLineAsync(token);
                return 0;
            }
            if (Text(json, "error_description") is { } why)
            {
                await error.WriteLineAsync($"{url}: {why}");
                return 1;
            }
        }
        catch (JsonException)
        {
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            await error.WriteLineAsync($"{url}: no demo answers there; start one with 'postern demo', or say --url as it printed it");
            return 1;
        }
        await error.WriteLineAsync($"{url}: what answers there is not the demo's authorization server; say --url as 'postern demo' printed it");
        return 1;
    }

    private static string? Text(JsonDocument json, string name) =>
        json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
