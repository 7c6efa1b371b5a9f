using Postern.Pipeline;
namespace Postern.Upstreams.Forwarding;
internal sealed class Destination { public string Name=""; public int InFlight; public static string? Problem(string u)=>null; public static Destination Of(UpstreamScope s,string u,ForwardingOptions o)=>new(); }
internal static class ForwardingHandler { public static readonly System.Net.Http.HttpRequestOptionsKey<Destination> DestinationKey = new("x"); }
