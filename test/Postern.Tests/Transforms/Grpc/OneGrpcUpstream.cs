using System.Buffers;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Config.Yaml;
using Postern.Pipeline;
using Postern.Pipeline.Telemetry;
using Postern.Tests.Harness;
using Postern.Tests.Transforms.Protobuf;
using Postern.Transforms.Grpc;
using Postern.Transforms.Json;
using Postern.Upstreams;
using Postern.Wire;

namespace Postern.Tests.Transforms.Grpc;

/// <summary>An upstream that speaks gRPC, with its whole chain, called without a client or a server in front.</summary>
internal sealed class OneGrpcUpstream : IDisposable
{
    private readonly StatePool state = new();
    private readonly TempFolder folder = new();

    public OneGrpcUpstream(string url, string keys = "", string? descriptors = null)
    {
        var loaded = ConfigFile.Load(folder.Write("postern.yaml", $$"""
            version: 1
            upstreams:
              up: { url: {{url}}, protocol: grpc, descriptors: {{descriptors ?? Mapping.File}}{{keys}} }
            """), Features.Grammar);
        Handle = UpstreamCompiler.Compile(new UpstreamScope(loaded.Config, Assert.Single(loaded.Config.Upstreams), state, loaded.Check));
        Assert.Empty(loaded.Check.Problems);
        state.Start(TimeProvider.System, NullLogger.Instance);
        state.Commit();
    }

    public UpstreamHandle Handle { get; }

    public string Metrics
    {
        get
        {
            var text = new ArrayBufferWriter<byte>();
            PrometheusText.Write(MetricRegistry.Of(state), text);
            return Encoding.UTF8.GetString(text.WrittenSpan);
        }
    }

    public GrpcMethod Find(string name) => GrpcMethod.TryFind(Handle, state, name, out var method, out var error) ? method : throw new InvalidOperationException(error);

    /// <summary>What is wrong with a method's name.</summary>
    public string Mistake(string name) => GrpcMethod.TryFind(Handle, state, name, out _, out var error) ? "" : error ?? "told";

    /// <summary>A call's answer as JSON; or its status as HTTP and gRPC have it, its fault, and what is wrong.</summary>
    public async Task<string> CallAsync(string json, string method = "kinds.Echo/Say", int most = 1 << 20, (string, string)? field = null, TimeSpan? timeout = null, CancellationToken cancel = default)
    {
        Assert.True(JsonText.TryRead(Encoding.UTF8.GetBytes(json), out var input, out var wrong), wrong);
        using (input)
        {
            var call = new UpstreamCall { Timeout = timeout };
            if (field is var (name, value))
            {
                call.Fields.Add(name, value);
            }
            var reply = await Find(method).CallAsync(call, input.Root, most, cancel).WaitAsync(RunningTool.Patience, CancellationToken.None);
            using (reply.Json)
            {
                return reply.Json is { } answer ? Encoding.UTF8.GetString(answer.Bytes.Span) : $"{reply.HttpStatus} {GrpcStatuses.Name(reply.Status)} {reply.Fault}: {reply.Problem}";
            }
        }
    }

    public void Dispose()
    {
        state.Commit();
        folder.Dispose();
    }
}
