using Postern.Config;

namespace Postern.Pipeline;

/// <summary>
/// A stage with state that each taken configuration renews for all gates, those too that keep their last good one because
/// their own file has errors.
/// </summary>
internal interface ISharedStage : IStage
{
    /// <summary>Asks for the state, once per configuration and before any gate is compiled; reports what is wrong for all gates.</summary>
    void CompileShared(GatewayConfig config, StatePool state, Check check);

    /// <summary>The configuration is not taken, and the last good one goes on. What must not go on with it is renewed from what could be read.</summary>
    void KeepShared(GatewayConfig config, Check check, StatePool state);
}
