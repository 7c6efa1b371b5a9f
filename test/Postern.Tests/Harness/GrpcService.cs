using System.Diagnostics;
using System.Text.Json;
using Postern.Tests.Transforms.Protobuf;

namespace Postern.Tests.Harness;

/// <summary>A gRPC server of another make (@grpc/grpc-js), a process of its own: <c>test/node/grpc.mjs</c> with the services of <c>Protos/kinds.proto</c>.</summary>
internal sealed class GrpcService : IAsyncDisposable
{
    private readonly Process process;

    private GrpcService(Process process) => this.process = process;

    /// <summary>Why there can be none here; null where there can.</summary>
    public static string? Missing => NodeScript.Missing("@grpc/grpc-js") ?? NodeScript.Missing("@bufbuild/protobuf");

    public string Url { get; private set; } = "";

    public static async Task<GrpcService> StartAsync()
    {
        var service = new GrpcService(Process.Start(new ProcessStartInfo(NodeScript.Node!, [Repository.File("test", "node", "grpc.mjs"), Mapping.File])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!);
        service.Url = $"http://127.0.0.1:{(await service.NextAsync()).GetProperty("port").GetInt32()}";
        return service;
    }

    /// <summary>The next thing that it tells of a call.</summary>
    public async Task<JsonElement> NextAsync()
    {
        var line = await process.StandardOutput.ReadLineAsync().WaitAsync(RunningTool.Patience);
        Assert.True(line is not null, "The gRPC service ended.");
        return JsonDocument.Parse(line).RootElement;
    }

    /// <summary>Kills it; its port is then nobody's.</summary>
    public async Task KillAsync()
    {
        process.Kill();
        await process.WaitForExitAsync().WaitAsync(RunningTool.Patience);
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            await KillAsync();
        }
        process.Dispose();
    }
}
