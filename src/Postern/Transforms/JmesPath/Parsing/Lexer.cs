using System.Text;
using Postern.Transforms.Json;

namespace Postern.Transforms.JmesPath.Parsing;

/// <summary>Takes an expression apart into words.</summary>
internal ref struct Lexer(string text)
{
    private static readonly (string Word, TokenKind Kind)[] Signs =
    [
        ("[?", TokenKind.Filter), ("[]", TokenKind.Flatten), ("||", TokenKind.Or), ("&&", TokenKind.And), ("==", TokenKind.Equal),
        ("!=", TokenKind.Unequal), ("<=", TokenKind.LessOrEqual), (">=", TokenKind.GreaterOrEqual), ("//", TokenKind.DivideWhole),
        (".", TokenKind.Dot), (",", TokenKind.Comma), (":", TokenKind.Colon), ("?", TokenKind.Question), ("*", TokenKind.Star),
        ("[", TokenKind.LeftBracket), ("]", TokenKind.RightBracket), ("{", TokenKind.LeftBrace), ("}", TokenKind.RightBrace),
        ("(", TokenKind.LeftParenthesis), (")", TokenKind.RightParenthesis), ("|", TokenKind.Pipe), ("&", TokenKind.Reference),
        ("!", TokenKind.Not), ("=", TokenKind.Assign), ("<", TokenKind.Less), (">", TokenKind.Greater), ("+", TokenKind.Plus),
        ("-", TokenKind.Minus), ("\u2212", TokenKind.Minus), ("\u2013", TokenKind.Minus), ("\u00D7", TokenKind.Times),
        ("/", TokenKind.Divide), ("\u00F7", TokenKind.Divide), ("%", TokenKind.Modulo), ("@", TokenKind.Current),
    ];

    private readonly List<Token> tokens = [];
    private int at;

    /// <summary>All words, and the end.</summary>
    public List<Token> Read()
    {
        while (at < text.Length)
        {
            if (text[at] is ' ' or '\t' or '\r' or '\n')
            {
                at++;
                continue;
            }
            Next();
        }
        Add(TokenKind.End, at);
        return tokens;
    }

    private void Next()
    {
        var start = at;
        switch (text[at])
        {
            case var c when IsNameStart(c):
                Add(TokenKind.Name, start, Name());
                return;
            case var c when char.IsAsciiDigit(c):
                while (at < text.Length && char.IsAsciiDigit(text[at]))
                {
                    at++;
                }
                Add(TokenKind.Number, start, text[start..at]);
                return;
            case '$':
                at++;
                var name = Name();
                Add(name.Length > 0 ? TokenKind.Variable : TokenKind.Root, start, name);
                return;
            case '"':
                QuotedName();
                return;
            case '\'':
                RawString();
                return;
            case '`':
                Literal();
                return;
        }
        foreach (var (word, kind) in Signs)
        {
            if (text.AsSpan(at).StartsWith(word, StringComparison.Ordinal))
            {
                at += word.Length;
                Add(kind, start);
                return;
            }
        }
        var width = Characters.Width(text, at);
        throw new Unreadable(start, $"'{text.Substring(at, width)}' means nothing", "a name with other characters than letters, digits and _ stands in double quotes: \"a-b\"");
    }

    private static bool IsNameStart(char c) => char.IsAsciiLetter(c) || c == '_';

    private string Name()
    {
        var start = at;
        if (at < text.Length && IsNameStart(text[at]))
        {
            while (at < text.Length && (IsNameStart(text[at]) || char.IsAsciiDigit(text[at])))
            {
                at++;
            }
        }
        return text[start..at];
    }

    private void QuotedName()
    {
        var start = at;
        ToEnd('"', "a name");
        var json = text[start..at];
        if (!JsonText.TryRead(Encoding.UTF8.GetBytes(json), out var read, out var problem))
        {
            throw new Unreadable(start, $"the name {json} isn't written as JSON writes texts ({problem})", "escapes are \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u0041");
        }
        Add(TokenKind.QuotedName, start, read.Root.AsString()!);
        read.Dispose();
    }

    private void RawString()
    {
        var start = at;
        ToEnd('\'', "a text");
        var said = text[(start + 1)..(at - 1)];
        if (said.Contains('\\'))
        {
            var plain = new StringBuilder();
            for (var i = 0; i < said.Length; i++)
            {
                i += said[i] == '\\' && i + 1 < said.Length && said[i + 1] is '\'' or '\\' ? 1 : 0;
                plain.Append(said[i]);
            }
            said = plain.ToString();
        }
        // As JSON, so that it is written without being escaped anew each time.
        Add(TokenKind.Literal, start, said, Quoted(said));
    }

    private void Literal()
    {
        var start = at;
        ToEnd('`', "a literal");
        var json = text[(start + 1)..(at - 1)].Replace("\\`", "`", StringComparison.Ordinal);
        if (!JsonText.TryRead(Encoding.UTF8.GetBytes(json), out var read, out var problem))
        {
            throw new Unreadable(start, $"`{Excerpt.Of(json)}` isn't JSON ({problem})", "between backticks stands JSON: `1`, `\"a\"`, `[1, 2]`; a text may stand in single quotes: 'a'");
        }
        Add(TokenKind.Literal, start, json, read.Root);
    }

    /// <summary>Goes on behind the closing quote; a backslash takes the next character with it.</summary>
    private void ToEnd(char quote, string what)
    {
        var start = at++;
        while (at < text.Length && text[at] != quote)
        {
            at += text[at] == '\\' ? 2 : 1;
        }
        if (at >= text.Length)
        {
            throw new Unreadable(start, $"{what} that isn't closed", $"a {quote} is missing at its end");
        }
        at++;
    }

    private static JsonValue Quoted(string said)
    {
        using var output = new JsonOutput(int.MaxValue);
        JsonStrings.Write(output, said);
        return JsonText.TryRead(output.Written.ToArray(), out var read, out _) ? read.Root : JsonValue.Of(said);
    }

    private readonly void Add(TokenKind kind, int start, string said = "", JsonValue value = default) => tokens.Add(new Token(kind, start, at, said, value));
}
