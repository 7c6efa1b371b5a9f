using System.Text.Json.Nodes;

namespace Bench;

/// <summary>The aggregators in bench/node: their packages, exactly as the lock file has them, and their TypeScript compiled.</summary>
internal static class NodePackages
{
    private static readonly Version Oldest = new(20, 19);

    /// <summary>Makes them ready where that is still to be done; why they can't run, or null.</summary>
    public static async Task<string?> MissingAsync(Place place)
    {
        if (Shell.Find("node") is null)
        {
            return "node is not installed (Debian: nodejs npm)";
        }
        var version = await Shell.VersionAsync(["node", "--version"]);
        if (!Version.TryParse(version, out var installed) || installed < Oldest)
        {
            return $"it takes Node {Oldest} or later, here is {version}";
        }
        var directory = Folder(place);
        if (Age(directory, "node_modules/.package-lock.json") < Age(directory, "package-lock.json") && await InstallAsync(directory) is { } failed)
        {
            return failed;
        }
        if (Age(directory, "obj/nest.js") < Sources(directory).Max(s => Age(directory, s)))
        {
            await Shell.RunAsync("node", Path.Combine(directory, "node_modules", "typescript", "bin", "tsc"), "-p", directory);
        }
        return null;
    }

    /// <summary>A program of them.</summary>
    public static string Program(Place place, string name) => Path.Combine(Folder(place), "obj", name);

    /// <summary>As package.json has it.</summary>
    public static string VersionOf(Place place, string package) =>
        JsonNode.Parse(File.ReadAllText(Path.Combine(Folder(place), "package.json")))!["dependencies"]![package]!.GetValue<string>();

    private static async Task<string?> InstallAsync(string directory)
    {
        if (Shell.Find("npm") is null)
        {
            return "npm is not installed (Debian: npm)";
        }
        Console.Error.WriteLine("bench: npm ci in bench/node");
        try
        {
            await Shell.RunAsync("npm", "ci", "--prefix", directory, "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-timeout=30000");
            return null;
        }
        catch (BenchException e)
        {
            Console.Error.WriteLine($"bench: {e.Message}");
            return "npm ci failed in bench/node";
        }
    }

    private static string Folder(Place place) => Path.Combine(place.Root, "bench", "node");

    private static IEnumerable<string> Sources(string directory) =>
        Directory.EnumerateFiles(directory).Where(f => f.EndsWith(".js", StringComparison.Ordinal) || f.EndsWith(".ts", StringComparison.Ordinal) || f.EndsWith("tsconfig.json", StringComparison.Ordinal));

    /// <summary>When it was written; long ago where it isn't there.</summary>
    private static DateTime Age(string directory, string file) => File.GetLastWriteTimeUtc(Path.Combine(directory, file));
}
