namespace Postern.Transforms.Json;

/// <summary>Writes a text that is known to be JSON without the white space between its values.</summary>
internal static class JsonCompact
{
    public static void Write(ReadOnlySpan<byte> json, JsonOutput output)
    {
        var start = 0;
        for (var at = 0; at < json.Length; at++)
        {
            switch (json[at])
            {
                case (byte)'"':
                    at++;
                    while (json[at] != '"')
                    {
                        at += json[at] == '\\' ? 2 : 1;
                    }
                    break;
                case (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t':
                    output.Write(json[start..at]);
                    start = at + 1;
                    break;
            }
        }
        output.Write(json[start..]);
    }
}
