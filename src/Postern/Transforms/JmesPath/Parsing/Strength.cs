namespace Postern.Transforms.JmesPath.Parsing;

/// <summary>How strongly operators bind; what is no operator between values doesn't.</summary>
internal static class Strength
{
    /// <summary>Those before a value: stronger than those between two, weaker than what follows one.</summary>
    public const int Unary = 8;

    /// <summary>What a projection takes with it.</summary>
    public const int Projected = 20;

    public static int Of(TokenKind kind) => kind switch
    {
        TokenKind.Pipe => 1,
        TokenKind.Question => 2,
        TokenKind.Or => 3,
        TokenKind.And => 4,
        TokenKind.Equal or TokenKind.Unequal or TokenKind.Less or TokenKind.LessOrEqual or TokenKind.Greater or TokenKind.GreaterOrEqual => 5,
        TokenKind.Plus or TokenKind.Minus => 6,
        TokenKind.Star or TokenKind.Times or TokenKind.Divide or TokenKind.DivideWhole or TokenKind.Modulo => 7,
        TokenKind.Flatten => 9,
        TokenKind.Filter => 21,
        TokenKind.Dot => 40,
        TokenKind.LeftBracket => 55,
        _ => 0,
    };

    /// <summary>Whether numbers stand on both sides.</summary>
    public static bool IsArithmetic(TokenKind kind) => Of(kind) is 6 or 7;
}
