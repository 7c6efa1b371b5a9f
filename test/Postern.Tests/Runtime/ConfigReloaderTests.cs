using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Runtime;
using Postern.Tests.Harness;

namespace Postern.Tests.Runtime;

/// <summary>Every way in which files change.</summary>
public sealed class ConfigReloaderTests : IAsyncDisposable
{
    private readonly TempFolder folder = new();
    private GatewayRuntime? runtime;
    private ConfigReloader? reloader;

    public async ValueTask DisposeAsync()
    {
        if (reloader is not null)
        {
            await reloader.DisposeAsync();
        }
        runtime?.Dispose();
        folder.Dispose();
    }

    [Fact]
    public async Task A_file_written_in_place()
    {
        Watch(folder.Write("postern.yaml", Root("one")));
        folder.Write("postern.yaml", Root("two"));
        await AnswersAsync("two");
    }

    [Fact]
    public async Task A_file_renamed_over_another()
    {
        Watch(folder.Write("postern.yaml", Root("one")));
        File.Move(folder.Write("postern.yaml.new", Root("two")), folder["postern.yaml"], overwrite: true);
        await AnswersAsync("two");
    }

    [Fact]
    public async Task A_directory_swapped_by_its_symlink_as_Kubernetes_does()
    {
        folder.Write("..v1/postern.yaml", Root("{ include: web.yaml }", include: true));
        folder.Write("..v1/web.yaml", Gate("one"));
        Directory.CreateSymbolicLink(folder["..data"], "..v1");
        File.CreateSymbolicLink(folder["postern.yaml"], "..data/postern.yaml");
        File.CreateSymbolicLink(folder["web.yaml"], "..data/web.yaml");
        Watch(folder["postern.yaml"]);

        folder.Write("..v2/postern.yaml", Root("{ include: web.yaml }", include: true));
        folder.Write("..v2/web.yaml", Gate("two"));
        Directory.CreateSymbolicLink(folder["..data_tmp"], "..v2");
        using (var move = Process.Start("mv", ["-T", folder["..data_tmp"], folder["..data"]]))
        {
            await move.WaitForExitAsync();
            Assert.Equal(0, move.ExitCode);
        }
        Directory.Delete(folder["..v1"], recursive: true);
        await AnswersAsync("two");
    }

    [Fact]
    public async Task A_file_that_is_only_included()
    {
        folder.Write("gates/web.yaml", Gate("one"));
        Watch(folder.Write("postern.yaml", Root("{ include: gates/web.yaml }", include: true)));
        folder.Write("gates/web.yaml", Gate("two"));
        await AnswersAsync("two");
    }

    [Fact]
    public async Task A_file_that_holds_a_secret()
    {
        folder.Write("secret", "one\n");
        Watch(folder.Write("postern.yaml", Root("\"${file:secret}\"")));
        folder.Write("secret", "two\n");
        await AnswersAsync("two");
    }

    [Fact]
    public async Task A_file_that_is_not_text()
    {
        File.Copy(Repository.File("test", "Postern.Tests", "Protos", "kinds.binpb"), folder["a.binpb"]);
        Watch(folder.Write("postern.yaml", Root("one") + "upstreams: { up: { url: http://127.0.0.1:1, protocol: grpc, descriptors: a.binpb } }\n"));
        folder.Write("a.binpb", "no set");
        await UntilAsync(() => runtime!.LastFailure is not null);
        File.Copy(Repository.File("samples", "shop", "protos", "shop.binpb"), folder["a.binpb"], overwrite: true);
        await UntilAsync(() => runtime!.LastFailure is null);
        Assert.Equal("one", await InMemory.AskAsync(runtime!, "/web/a"));
    }

    [Fact]
    public async Task A_file_that_was_missing_and_comes_back()
    {
        folder.Write("gates/web.yaml", Gate("one"));
        Watch(folder.Write("postern.yaml", Root("{ include: gates/web.yaml }", include: true)));
        File.Delete(folder["gates/web.yaml"]);
        await UntilAsync(() => runtime!.LastFailure is not null);
        Assert.Equal("one", await InMemory.AskAsync(runtime!, "/web/a"));
        folder.Write("gates/web.yaml", Gate("two"));
        await AnswersAsync("two");
        Assert.Null(runtime!.LastFailure);
    }

    [Fact]
    public async Task A_failure_in_the_hosts_own_code_does_not_end_the_watch()
    {
        var fails = false;
        Watch(folder.Write("postern.yaml", Root("one")), _ =>
        {
            if (fails)
            {
                fails = false;
                throw new InvalidOperationException();
            }
        });
        fails = true;
        folder.Write("postern.yaml", Root("two"));
        await AnswersAsync("two");
        Assert.False(fails);
    }

    private void Watch(string file, Action<GatewayBuilder>? build = null)
    {
        (runtime, var problems) = GatewayRuntime.Start(() => PosternExtensions.Load(file, build), NullLogger.Instance, TimeProvider.System);
        Assert.Empty(problems);
        reloader = new ConfigReloader(runtime!, NullLogger.Instance, TimeProvider.System);
    }

    private Task AnswersAsync(string body) => UntilAsync(() => InMemory.AskAsync(runtime!, "/web/a").GetAwaiter().GetResult() == body);

    private static async Task UntilAsync(Func<bool> holds)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        while (!holds())
        {
            await timer.WaitForNextTickAsync(patience.Token);
        }
    }

    private static string Root(string body, bool include = false) => $$"""
        version: 1
        telemetry: { accessLog: off }
        gates:
          web: {{(include ? body : $"{{ match: {{ path: /web }}, identity: off, routes: [ {{ get: /a, respond: {{ status: 200, body: {body} }} }} ] }}")}}

        """;

    private static string Gate(string body) => $"match: {{ path: /web }}\nidentity: off\nroutes:\n  - get: /a\n    respond: {{ status: 200, body: {body} }}\n";
}
