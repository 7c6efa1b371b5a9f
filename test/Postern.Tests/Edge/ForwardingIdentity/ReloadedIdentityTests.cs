using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Edge.ForwardingIdentity;
using Postern.Runtime;
using Postern.Tests.Harness;
using Postern.Tests.Runtime;

namespace Postern.Tests.Edge.ForwardingIdentity;

/// <summary>What a reload does to the gateway's own fields and to its keys.</summary>
public sealed class ReloadedIdentityTests : IDisposable
{
    private readonly TempFolder folder = new();
    private readonly SteppedTime time = new();
    private GatewayRuntime? runtime;

    public void Dispose()
    {
        runtime?.Dispose();
        folder.Dispose();
    }

    [Fact]
    public void A_gate_that_keeps_an_older_configuration_keeps_its_fields_out_of_reach()
    {
        Start("headers: { X-User-Id: sub }\n  token: { header: X-Token, issuer: i }");
        Assert.True(Reserved("x-user-id", "X-TOKEN", "X-Postern-Identity"));
        Write("headers: { X-Subject: sub }", web: "respnod: 200");
        Assert.Equal("web", Assert.Single(runtime!.Reload()).Gate);
        // One gate tells its upstreams the old names, the other the new.
        Assert.True(Reserved("X-User-Id", "X-Token", "X-Subject", "X-Postern-Identity"));
        Write("headers: { X-Subject: sub }");
        Assert.Empty(runtime.Reload());
        Assert.True(Reserved("X-Subject", "X-Postern-Identity"));
        Assert.False(Reserved("X-User-Id"));
        Assert.False(Reserved("X-Token"));
    }

    [Fact]
    public async Task A_changed_file_brings_its_key_beside_the_old_one_and_takes_that_away_when_it_is_not_needed()
    {
        var (first, second) = (WriteKey(), "");
        Start("token: { issuer: i, key: identity.key }");
        Assert.Equal([first], await KeysAsync());
        second = WriteKey();
        Assert.Empty(runtime!.Reload());
        Assert.Equal([first, second], await KeysAsync());
        time.Advance(KeyRing.Ahead);
        Assert.Equal([first, second], await KeysAsync());
        time.Advance(KeyRing.Skew + TimeSpan.FromSeconds(60));
        Assert.Equal([second], await KeysAsync());
    }

    [Fact]
    public async Task A_spoilt_key_file_is_told_and_what_ran_runs_on()
    {
        var first = WriteKey();
        Start("token: { issuer: i, key: identity.key }");
        folder.Write("identity.key", "-----BEGIN PRIVATE KEY-----\nhalf");
        var problem = Assert.Single(runtime!.Reload());
        Assert.Equal("forwardIdentity.token.key", problem.Path);
        Assert.DoesNotContain("half", problem.Message, StringComparison.Ordinal);
        Assert.Equal([first], await KeysAsync());
        var second = WriteKey();
        Assert.Empty(runtime.Reload());
        Assert.Equal([first, second], await KeysAsync());
    }

    [Fact]
    public async Task Keys_that_are_published_first_and_then_come_first_sign_at_once()
    {
        var (first, second) = (WriteKey("a.key"), WriteKey("b.key"));
        Start("token: { issuer: i, key: [a.key, b.key] }");
        Assert.Equal([first, second], await KeysAsync());
        time.Advance(KeyRing.Ahead);
        Write("token: { issuer: i, key: [b.key, a.key] }");
        Assert.Empty(runtime!.Reload());
        Write("token: { issuer: i, key: b.key }");
        Assert.Empty(runtime.Reload());
        // The other one's last token ends before it goes.
        Assert.Equal([first, second], await KeysAsync());
        time.Advance(KeyRing.Skew + TimeSpan.FromSeconds(60));
        Assert.Equal([second], await KeysAsync());
    }

    [Fact]
    public async Task Other_options_of_the_token_leave_a_made_key_alone()
    {
        Start("token: { issuer: i }");
        var keys = await KeysAsync();
        Write("token: { issuer: other, header: X-Token, lifetime: 5m }");
        Assert.Empty(runtime!.Reload());
        Assert.Equal(keys, await KeysAsync());
    }

    [Fact]
    public async Task Without_tokens_there_are_no_keys()
    {
        Start("token: { issuer: i }");
        Assert.Single(await KeysAsync());
        Write("headers: { X-User-Id: sub }");
        Assert.Empty(runtime!.Reload());
        Assert.Contains("route-not-found", await InMemory.AskAsync(runtime, "/.well-known/jwks.json"), StringComparison.Ordinal);
    }

    private void Start(string forward)
    {
        Write(forward);
        (runtime, var problems) = GatewayRuntime.Start(() => PosternExtensions.Load(folder["postern.yaml"], null), NullLogger.Instance, time);
        Assert.True(runtime is not null, string.Join('\n', problems));
    }

    private void Write(string forward, string web = "respond: 200")
    {
        folder.Write("web.yaml", $"match: {{ path: /web }}\nidentity: off\nroutes:\n  - get: /a\n    {web}\n");
        folder.Write("postern.yaml", $$"""
            version: 1
            telemetry: { accessLog: off }
            forwardIdentity:
              {{forward}}
            gates:
              web: { include: web.yaml }
              mobile: { match: { path: /mobile }, identity: off, routes: [{ get: /a, respond: 200 }] }
            """);
    }

    /// <summary>Writes a new key; its id.</summary>
    private string WriteKey(string file = "identity.key")
    {
        using var made = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        folder.Write(file, made.ExportPkcs8PrivateKeyPem());
        return Postern.Edge.ForwardingIdentity.SigningKey.Read(made.ExportPkcs8PrivateKeyPem()).Key!.Id;
    }

    private bool Reserved(params string[] names) => Array.TrueForAll(names, runtime!.Snapshot.Reserved.Contains);

    private async Task<string[]> KeysAsync()
    {
        using var set = JsonDocument.Parse(await InMemory.AskAsync(runtime!, "/.well-known/jwks.json"));
        return [.. set.RootElement.GetProperty("keys").EnumerateArray().Select(k => k.GetProperty("kid").GetString()!)];
    }
}
