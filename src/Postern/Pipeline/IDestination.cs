namespace Postern.Pipeline;

/// <summary>Who is called, for those who may not know more of it.</summary>
internal interface IDestination
{
    /// <summary><c>host:port</c>.</summary>
    string Name { get; }
}
