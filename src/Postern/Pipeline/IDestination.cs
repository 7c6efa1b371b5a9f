namespace Postern.Pipeline;

/// <summary>Who is called, for those who may not know more of it.</summary>
internal interface IDestination
{
    /// <summary><c>host:port</c>.</summary>
    string Name { get; }

    /// <summary>Its host alone.</summary>
    string Host { get; }

    /// <summary>Its port alone, a number as telemetry carries it.</summary>
    object Port { get; }
}
