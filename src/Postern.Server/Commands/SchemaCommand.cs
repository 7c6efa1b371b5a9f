using System.CommandLine;
using Postern.Config.Schema;
using Postern.Pipeline;

namespace Postern.Server.Commands;

/// <summary>Prints what the language allows, for editors and for readers.</summary>
internal static class SchemaCommand
{
    public static Command Create()
    {
        var gate = new Option<bool>("--gate") { Description = "The schema of a gate's own file, the kind that 'include' names." };
        var reference = new Option<bool>("--reference") { Description = "The reference page (Markdown) instead." };
        var errors = new Option<bool>("--errors") { Description = "The page of errors (Markdown) instead." };
        var command = new Command("schema", """
            Print the JSON schema of the configuration language. An editor that is given it completes and checks keys.

            Example: postern schema > postern.schema.json
            """) { gate, reference, errors };
        command.SetAction(result =>
        {
            Console.Write(result.GetValue(errors) ? ErrorsPage.Write()
                : result.GetValue(reference) ? ReferencePage.Write(Features.Grammar)
                : JsonSchema.Write(Features.Grammar, gate: result.GetValue(gate)));
            return 0;
        });
        return command;
    }
}
