using System.Reflection;
using System.Runtime.CompilerServices;
using Postern.Config;

namespace Postern.Backends.Composing.Handlers;

/// <summary>A route that code answers. C# alone can write it: no file has a key for it.</summary>
public sealed record HandlerSection : Options
{
    /// <summary>The code.</summary>
    [RouteOnly] public HandlerOptions? Handler { get; init; }
}

/// <summary>A delegate that answers a route.</summary>
public sealed record HandlerOptions : Options, IWorded
{
    /// <summary>Takes a delegate that is bound like one of ASP.NET Core's minimal APIs.</summary>
    public HandlerOptions(Delegate code) => Code = code;

    /// <summary>The delegate.</summary>
    public Delegate Code { get; }

    /// <summary>What is shown of it.</summary>
    string IWorded.Word => Name;

    /// <summary>The method's name; of a lambda, the name of the method in which it stands.</summary>
    internal string Name
    {
        get
        {
            var (method, type) = (Code.Method, Code.Method.DeclaringType);
            while (type is { IsNested: true } && type.IsDefined(typeof(CompilerGeneratedAttribute)))
            {
                type = type.DeclaringType;
            }
            var name = method.Name is ['<', .. var rest] && rest.IndexOf('>') is > 0 and var end ? $"lambda in {type?.Name}.{rest[..end].Trim('<', '$')}" : $"{type?.Name}.{method.Name}";
            return $"{name}({string.Join(", ", method.GetParameters().Select(p => $"{p.ParameterType.Name} {p.Name}"))})";
        }
    }

    /// <inheritdoc/>
    public bool Equals(HandlerOptions? other) => other is not null && Code.Equals(other.Code);

    /// <inheritdoc/>
    public override int GetHashCode() => Code.GetHashCode();
}
