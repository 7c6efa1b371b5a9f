namespace Postern.Pipeline;

/// <summary>What a request may hold while it is in progress; see <see cref="Exchange.Hold"/>.</summary>
internal interface IPermits
{
    /// <summary>The request has ended.</summary>
    /// <param name="key">What was held, in the words of whoever gave it.</param>
    void Return(string key);
}
