using Postern.Transforms.Json;

namespace Postern.Transforms.JmesPath.Parsing;

/// <summary>A word of the language.</summary>
internal enum TokenKind : byte
{
    End,
    Name,
    QuotedName,
    Variable,
    Root,
    Current,
    Number,
    Literal,
    Dot,
    Comma,
    Colon,
    Question,
    Star,
    LeftBracket,
    RightBracket,
    Flatten,
    Filter,
    LeftBrace,
    RightBrace,
    LeftParenthesis,
    RightParenthesis,
    Pipe,
    Or,
    And,
    Reference,
    Not,
    Assign,
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Plus,
    Minus,
    Times,
    Divide,
    DivideWhole,
    Modulo,
}

/// <summary>One word as it stands in an expression.</summary>
/// <param name="Kind">Which word.</param>
/// <param name="Start">Its first character.</param>
/// <param name="End">Behind its last.</param>
/// <param name="Text">Of a name or a variable, what it says.</param>
/// <param name="Value">Of a literal, its value.</param>
internal readonly record struct Token(TokenKind Kind, int Start, int End, string Text, JsonValue Value);
