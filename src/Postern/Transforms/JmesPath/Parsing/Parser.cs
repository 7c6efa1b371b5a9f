using Postern.Transforms.JmesPath.Nodes;
using Postern.Transforms.Json;

namespace Postern.Transforms.JmesPath.Parsing;

/// <summary>
/// Reads an expression by the strength of its operators, weakest first: <c>|</c>, <c>? :</c>, <c>||</c>, <c>&amp;&amp;</c>,
/// comparisons, <c>+ -</c>, <c>* / // %</c>, the unary ones, <c>[]</c>, then what follows a value: <c>[?…]</c>, <c>.</c>, <c>[…]</c>.
/// What is constant is worked out here, once.
/// </summary>
internal sealed class Parser
{
    private readonly string text;
    private readonly List<Token> tokens;
    private readonly Scope scope;
    private int at;
    private int depth;
    private Unreadable? doubt;

    private Parser(string text, Scope scope) => (this.text, tokens, this.scope) = (text, new Lexer(text).Read(), scope);

    private Token Here => tokens[at];

    /// <summary>The whole expression, how many variables it binds, and what in it hardly means what it says; null where nothing is.</summary>
    /// <param name="text">The expression.</param>
    /// <param name="variables">Names of variables that it may read without binding them; null for any.</param>
    /// <exception cref="Unreadable">It is none.</exception>
    public static (Node Node, int Slots, string? Doubt) Parse(string text, IReadOnlyCollection<string>? variables)
    {
        var scope = new Scope(variables);
        var parser = new Parser(text, scope);
        var node = parser.Expression(0);
        if (parser.Here.Kind != TokenKind.End)
        {
            throw parser.Unexpected("the end, or an operator");
        }
        return (node, scope.Slots, parser.doubt?.In(text).Message);
    }

    private Node Expression(int strength)
    {
        if (++depth > JmesPath.Expression.MaxDepth)
        {
            throw TooDeep();
        }
        var start = at;
        var node = Follow(Constants.Fold(Operand(), tokens[start]), strength);
        depth--;
        return node;
    }

    /// <summary>Everything behind a value that binds stronger than what stands before it.</summary>
    private Node Follow(Node left, int strength)
    {
        while (Strength.Of(Here.Kind) > strength)
        {
            var start = at;
            left = Constants.Fold(Operation(left), tokens[start]);
            if (left.Depth > JmesPath.Expression.MaxDepth)
            {
                throw TooDeep();
            }
        }
        return left;
    }

    /// <summary>A value, or an operator that stands before one.</summary>
    private Node Operand()
    {
        var token = Here;
        at++;
        switch (token.Kind)
        {
            case TokenKind.Literal:
                return new Literal(token.Value);
            case TokenKind.Name when token.Text == "let" && Here.Kind == TokenKind.Variable:
                return LetExpression();
            case TokenKind.Name when token.Text is "true" or "false" or "null":
                doubt ??= new Unreadable(token.Start, $"a field named '{token.Text}'", $"the value stands between backticks: `{token.Text}`");
                return Named(token);
            case TokenKind.Name or TokenKind.QuotedName:
                return Named(token);
            case TokenKind.Current:
                return Current.Instance;
            case TokenKind.Root:
                return new Root();
            case TokenKind.Variable:
                return scope.Find(token);
            case TokenKind.Not:
                return new Not(Expression(Strength.Unary));
            case TokenKind.Plus or TokenKind.Minus:
                var signed = Expression(Strength.Unary);
                Constants.CheckNumber(signed, token);
                return new Signed(signed, token.Kind == TokenKind.Minus);
            case TokenKind.Star:
                return new ValuesOf(Current.Instance, Follow(Current.Instance, Strength.Projected));
            case TokenKind.LeftParenthesis:
                var inner = Expression(0);
                Take(TokenKind.RightParenthesis, "')'");
                return inner;
            case TokenKind.LeftBrace:
                return Fields();
            case TokenKind.LeftBracket when IsSpecifier():
            case TokenKind.Filter or TokenKind.Flatten:
                at--;
                return Operation(Current.Instance);
            case TokenKind.LeftBracket:
                return Entries();
            default:
                at--;
                throw Unexpected("a value");
        }
    }

    /// <summary>An operator with a value before it.</summary>
    private Node Operation(Node left)
    {
        var token = Here;
        at++;
        switch (token.Kind)
        {
            case TokenKind.Dot:
                return Dotted(left);
            case TokenKind.LeftBracket:
                return Bracketed(left);
            case TokenKind.Flatten:
                return new Flattened(left, Follow(Current.Instance, Strength.Of(TokenKind.Flatten)));
            case TokenKind.Filter:
                var condition = Expression(0);
                Take(TokenKind.RightBracket, "']'");
                return new ItemsOf(left, Follow(Current.Instance, Strength.Of(TokenKind.Filter)), condition);
            case TokenKind.Question:
                var yes = Expression(0);
                Take(TokenKind.Colon, "':'");
                return new Choice(left, yes, Expression(Strength.Of(TokenKind.Question) - 1));
        }
        var operand = at;
        var right = Expression(Strength.Of(token.Kind));
        if (Strength.IsArithmetic(token.Kind))
        {
            Constants.CheckNumber(left, token);
            Constants.CheckNumber(right, tokens[operand]);
        }
        return token.Kind switch
        {
            TokenKind.Pipe => new Pipe(left, right),
            TokenKind.Or => new Or(left, right),
            TokenKind.And => new And(left, right),
            TokenKind.Equal => new Equality(left, right, equal: true),
            TokenKind.Unequal => new Equality(left, right, equal: false),
            TokenKind.Less => new Ordering(left, right, less: true, orEqual: false),
            TokenKind.LessOrEqual => new Ordering(left, right, less: true, orEqual: true),
            TokenKind.Greater => new Ordering(left, right, less: false, orEqual: false),
            TokenKind.GreaterOrEqual => new Ordering(left, right, less: false, orEqual: true),
            TokenKind.Plus => new Arithmetic(left, right, Operator.Plus),
            TokenKind.Minus => new Arithmetic(left, right, Operator.Minus),
            TokenKind.Divide => new Arithmetic(left, right, Operator.Divide),
            TokenKind.DivideWhole => new Arithmetic(left, right, Operator.DivideWhole),
            TokenKind.Modulo => new Arithmetic(left, right, Operator.Modulo),
            _ => new Arithmetic(left, right, Operator.Times),
        };
    }

    /// <summary>Behind a dot: a name, a function, <c>*</c>, <c>[a, b]</c> or <c>{a: b}</c>.</summary>
    private Node Dotted(Node left)
    {
        var token = Here;
        at++;
        switch (token.Kind)
        {
            case TokenKind.Star:
                return new ValuesOf(left, Follow(Current.Instance, Strength.Projected));
            case TokenKind.LeftBracket:
                return new Within(left, Entries());
            case TokenKind.LeftBrace:
                return new Within(left, Fields());
            case TokenKind.Name or TokenKind.QuotedName:
                return Named(token) switch
                {
                    FieldPath field when left is FieldPath path => path.Then(field),
                    FieldPath field => new FieldPath(left, field.Names),
                    var call => new Within(left, call),
                };
            default:
                at--;
                throw Unexpected("a name, a function, '*', '[' or '{' behind '.'");
        }
    }

    /// <summary>A name, or a function where parentheses follow.</summary>
    private Node Named(Token token)
    {
        if (Here.Kind != TokenKind.LeftParenthesis)
        {
            return new FieldPath(Current.Instance, [new Name(token.Text)]);
        }
        if (token.Kind == TokenKind.QuotedName)
        {
            throw new Unreadable(token.Start, $"the function \"{token.Text}\" in quotes", $"write {token.Text}(…)");
        }
        at++;
        return FunctionOf(token);
    }

    private FunctionCall FunctionOf(Token name)
    {
        var arguments = new List<Node>();
        var places = new List<Token>();
        while (Here.Kind != TokenKind.RightParenthesis)
        {
            if (arguments.Count > 0)
            {
                Take(TokenKind.Comma, "',' or ')'");
            }
            places.Add(Here);
            if (Here.Kind == TokenKind.Reference)
            {
                at++;
                arguments.Add(new Reference(Expression(0)));
                continue;
            }
            arguments.Add(Expression(0));
        }
        at++;
        return Arguments.Check(name, [.. arguments], places);
    }

    /// <summary>Whether an index, a slice or <c>[*]</c> follows the bracket.</summary>
    private bool IsSpecifier() => Here.Kind switch
    {
        TokenKind.Number or TokenKind.Colon => true,
        TokenKind.Minus => tokens[at + 1].Kind == TokenKind.Number,
        TokenKind.Star => tokens[at + 1].Kind == TokenKind.RightBracket,
        _ => false,
    };

    private Node Bracketed(Node left)
    {
        if (Here.Kind == TokenKind.Star)
        {
            at++;
            Take(TokenKind.RightBracket, "']'");
            return new ItemsOf(left, Follow(Current.Instance, Strength.Projected));
        }
        if (!IsSpecifier())
        {
            throw Unexpected("a number, ':' or '*' behind '['", "a list of expressions stands behind a dot: a.[b, c]");
        }
        var start = at;
        var first = Number();
        if (Here.Kind != TokenKind.Colon)
        {
            Take(TokenKind.RightBracket, "']' or ':'");
            return new ItemAt(left, first!.Value);
        }
        at++;
        var stop = Number();
        int? step = null;
        if (Here.Kind == TokenKind.Colon)
        {
            at++;
            step = Number();
        }
        Take(TokenKind.RightBracket, "']'");
        if (step == 0)
        {
            throw new Unreadable(tokens[start].Start, "a slice in steps of 0", "leave the step out, or write 1 or -1") { Code = "invalid-value" };
        }
        return new Slice(left, new Bounds(first, stop, step ?? 1), Follow(Current.Instance, Strength.Projected));
    }

    /// <summary>A number in brackets, if one is there; one too large is the largest.</summary>
    private int? Number()
    {
        var negative = Here.Kind == TokenKind.Minus && tokens[at + 1].Kind == TokenKind.Number && tokens[at + 1].Start == Here.End;
        at += negative ? 1 : 0;
        if (Here.Kind != TokenKind.Number)
        {
            return null;
        }
        var number = int.TryParse(Here.Text, out var value) ? value : int.MaxValue;
        at++;
        return negative ? -number : number;
    }

    /// <summary><c>[a, b]</c>, behind its bracket.</summary>
    private ListOf Entries()
    {
        var entries = new List<Node> { Expression(0) };
        while (Here.Kind == TokenKind.Comma)
        {
            at++;
            entries.Add(Expression(0));
        }
        Take(TokenKind.RightBracket, "',' or ']'");
        return new ListOf([.. entries]);
    }

    /// <summary><c>{a: b}</c>, behind its brace.</summary>
    private ObjectOf Fields()
    {
        var names = new List<string>();
        var values = new List<Node>();
        while (true)
        {
            var name = Here;
            if (name.Kind is not (TokenKind.Name or TokenKind.QuotedName))
            {
                throw Unexpected("a name");
            }
            if (names.Contains(name.Text))
            {
                throw new Unreadable(name.Start, $"the name '{name.Text}' twice in one object", "leave one out, or call it otherwise");
            }
            at++;
            Take(TokenKind.Colon, "':'");
            names.Add(name.Text);
            values.Add(Expression(0));
            if (Here.Kind != TokenKind.Comma)
            {
                Take(TokenKind.RightBrace, "',' or '}'");
                return new ObjectOf([.. names], [.. values]);
            }
            at++;
        }
    }

    /// <summary>Behind <c>let</c>.</summary>
    private Let LetExpression()
    {
        var names = new List<string>();
        var values = new List<Node>();
        do
        {
            at += names.Count > 0 ? 1 : 0;
            var name = Here;
            Take(TokenKind.Variable, "a variable");
            Take(TokenKind.Assign, "'='");
            names.Add(name.Text);
            values.Add(Expression(0));
        }
        while (Here.Kind == TokenKind.Comma);
        if (Here is not { Kind: TokenKind.Name, Text: "in" })
        {
            throw Unexpected("',' or 'in'");
        }
        at++;
        var slots = scope.Open(names);
        var body = Expression(0);
        scope.Close(names.Count);
        return new Let(slots, [.. values], body);
    }

    private void Take(TokenKind kind, string what)
    {
        if (Here.Kind != kind)
        {
            throw Unexpected(what);
        }
        at++;
    }

    private Unreadable TooDeep() => new(Here.Start, "too much within one another", $"at most {JmesPath.Expression.MaxDepth} levels");

    private bool Behind(TokenKind kind) => at > 0 && tokens[at - 1].Kind == kind;

    private Unreadable Unexpected(string wanted, string fix = "")
    {
        if (fix.Length == 0)
        {
            fix = Here.Kind switch
            {
                TokenKind.Number when Behind(TokenKind.Dot) => $"an entry of a list is a[{Here.Text}]",
                TokenKind.Number => $"a number that is a value stands between backticks: `{Here.Text}`",
                TokenKind.Assign => "two values are compared by ==",
                TokenKind.Dot when at == 0 => "no '.' stands before the first name",
                TokenKind.Name when Here.Text is "and" or "or" => $"it is written {(Here.Text == "and" ? "&&" : "||")}",
                TokenKind.Greater when Behind(TokenKind.Less) => "that two values differ is !=",
                TokenKind.Question when Behind(TokenKind.Question) => "what stands in for null is behind ||: a || 'b'",
                TokenKind.Reference => "& stands only before an argument of a function",
                TokenKind.LeftBrace => "an object of expressions stands behind a dot: a.{b: c}",
                TokenKind.Literal or TokenKind.Variable when Behind(TokenKind.Dot) => "behind | anything may stand: a | 'b'",
                _ => "",
            };
        }
        return Here.Kind == TokenKind.End
            ? new Unreadable(Here.Start, $"{wanted} expected, but it ends", fix)
            : new Unreadable(Here.Start, $"{wanted} expected, got {Excerpt.Of(text[Here.Start..Here.End])}", fix);
    }
}
