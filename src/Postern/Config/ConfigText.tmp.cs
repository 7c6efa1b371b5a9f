namespace Postern.Config;
internal static class ConfigText { public static string Render(GateConfig g) => g.Name; }
