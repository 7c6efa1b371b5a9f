namespace Postern.Config;

/// <summary>
/// Which records may be written where: the union of their properties is what a mapping may say there. Taken from the
/// feature list, so that reading, the JSON schema and the reference page know every feature without naming one.
/// </summary>
internal sealed record Grammar(IReadOnlyList<Type> Root, IReadOnlyList<Type> Upstream, IReadOnlyList<Type> Route);
