using Postern.Pipeline;

namespace Postern.Runtime;

/// <summary>
/// What the host around the gateway wants from its configuration, by name: compiled at each reload like a route, with the
/// state that routes have too, and kept in the snapshot. Its errors are errors of what all gates share.
/// </summary>
internal sealed class HostParts : Dictionary<string, Func<RouteScope, object?>>;
