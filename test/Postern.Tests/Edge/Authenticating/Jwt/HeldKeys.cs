using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.Tokens;
using Postern.Edge.Authenticating.Jwt;
using Postern.Edge.Authenticating.Jwt.Keys;
using Postern.Tests.Harness;

namespace Postern.Tests.Edge.Authenticating.Jwt;

/// <summary>A source whose keys a test holds in its hand. It counts the signatures that its keys verify, and can keep one waiting.</summary>
internal sealed class HeldKeys : IKeySource
{
    private readonly List<VerificationKey> keys = [];
    private int verifications, refetches;

    /// <summary>Signatures that were computed.</summary>
    public int Verifications => Volatile.Read(ref verifications);

    /// <summary>Refetches that were asked for.</summary>
    public int Refetches => Volatile.Read(ref refetches);

    /// <summary>What a refetch does.</summary>
    public Func<Task> OnRefetch { get; set; } = () => Task.CompletedTask;

    /// <summary>Called by whoever computes a signature, before it does.</summary>
    public Action OnVerify { get; set; } = () => { };

    public string? NotReady { get; set; }

    public int RetryAfter => 7;

    public bool HasKeys => keys.Count > 0;

    /// <summary>Publishes a key for every algorithm of its kind.</summary>
    public VerificationKey Add(SigningKey key) => Add(key.Kid, key.Algorithm.StartsWith("HS", StringComparison.Ordinal)
        ? (new SymmetricSecurityKey(Bytes(key)), KeyKind.Secret)
        : PublicKeyPem.Read(key.Pem, out _) is { } pem ? (pem.Key, pem.Kind) : throw new InvalidOperationException());

    public VerificationKey? Find(string? kid, string algorithm)
    {
        var fitting = keys.FindAll(k => k.Fits(algorithm) && (kid is null || k.Id == kid));
        return fitting.Count == 1 ? fitting[0] : null;
    }

    public void Start(TimeProvider time, ILogger logger) { }

    public Task RefetchAsync()
    {
        Interlocked.Increment(ref refetches);
        return OnRefetch();
    }

    public void Withdraw(VerificationKey key)
    {
        keys.Remove(key);
        key.Retire();
    }

    public void Dispose() { }

    private VerificationKey Add(string kid, (SecurityKey Key, KeyKind Kind) key)
    {
        key.Key.CryptoProviderFactory = new CryptoProviderFactory { CacheSignatureProviders = false, CustomCryptoProvider = new Counting(this) };
        var held = new VerificationKey { Id = kid, Key = key.Key, Algorithms = Algorithm.For(key.Kind), Material = "" };
        keys.Add(held);
        return held;
    }

    private static byte[] Bytes(SigningKey key) => Base64UrlEncoder.DecodeBytes(key.Jwk()["k"]!.GetValue<string>());

    private sealed class Counting(HeldKeys keys) : ICryptoProvider
    {
        public bool IsSupportedAlgorithm(string algorithm, params object[] args) => args.Any(a => a is SecurityKey);

        public object Create(string algorithm, params object[] args)
        {
            var key = args.OfType<SecurityKey>().First();
            SignatureProvider inner = key is SymmetricSecurityKey ? new SymmetricSignatureProvider(key, algorithm, false) : new AsymmetricSignatureProvider(key, algorithm, false);
            return new CountingProvider(keys, inner, key, algorithm);
        }

        public void Release(object cryptoInstance) => ((IDisposable)cryptoInstance).Dispose();
    }

    private sealed class CountingProvider(HeldKeys keys, SignatureProvider inner, SecurityKey key, string algorithm) : SignatureProvider(key, algorithm)
    {
        public override byte[] Sign(byte[] input) => throw new CryptographicException();

        public override bool Verify(byte[] input, byte[] signature)
        {
            Interlocked.Increment(ref keys.verifications);
            keys.OnVerify();
            return inner.Verify(input, signature);
        }

        protected override void Dispose(bool disposing) => inner.Dispose();
    }
}
