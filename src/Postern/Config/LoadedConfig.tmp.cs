namespace Postern.Config;
internal sealed record LoadedConfig(GatewayConfig Config, Check Check, IReadOnlyDictionary<string, string> Texts);
internal static class ConfigText { public static string Render(GateConfig g) => g.Name; }
internal static class ConfigFile { public static LoadedConfig Load(string p, Grammar g) => throw new System.Exception(); }
