namespace Postern.Transforms.Wording;

/// <summary>What is wrong with an argument that a configuration holds.</summary>
/// <param name="What">In a few words: <c>no field 'tt' of a date</c>.</param>
/// <param name="Fix">What to write instead.</param>
internal sealed record Mistake(string What, string Fix);
