namespace Postern.Server.Listening;

/// <summary>An address can't be listened on; the message is the line a user reads.</summary>
internal sealed class ListenException(string message, Exception? inner = null) : Exception(message, inner);
