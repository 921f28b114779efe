//! The grammar of conditions: text to a syntax tree with places. Names and units are judged later,
//! by [`resolve`](super::resolve).

use std::ops::Range;

use winnow::ModalResult;
use winnow::ascii::multispace0;
use winnow::combinator::{Infix, Prefix, alt, cut_err, expression, opt, peek, separated};
use winnow::error::{ErrMode, ParserError};
use winnow::prelude::*;
use winnow::stream::{LocatingSlice, Location, Stateful};
use winnow::token::{literal, one_of, take_while};

use crate::policy::diagnostic::Diagnostic;
use crate::policy::operator::{Comparison, Operator};

/// Longer conditions are refused: it bounds the depth of the tree.
const LONGEST_TEXT_BYTES: usize = 2_000;
/// Deeper nesting of parentheses, calls, `not` and `-` is refused: it bounds the depth of the
/// parser's own recursion.
const DEEPEST_NESTING: usize = 32;

/// A piece of a condition and where it stands, in bytes of the condition's text.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub span: Range<usize>,
    pub kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A number with the unit that was written behind it, such as `GiB`; empty when bare.
    Number {
        value: f64,
        unit: String,
    },
    /// A signal, a declared metric, a cluster state, `true` or `false`.
    Name(String),
    Call {
        name: String,
        name_span: Range<usize>,
        arguments: Vec<Node>,
    },
    Unary(Unary, Box<Node>),
    Binary(Binary, Box<Node>, Box<Node>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unary {
    Not,
    Minus,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    Or,
    And,
    Compare(Comparison),
    Calculate(Operator),
}

/// Reads a condition, or any other expression.
///
/// # Errors
/// The first place at which the text cannot be understood.
pub fn parse(text: &str) -> Result<Node, Diagnostic> {
    let text = text.trim_end();
    if text.len() > LONGEST_TEXT_BYTES {
        return Err(Diagnostic::error(
            0..text.len(),
            format!("the condition is longer than {LONGEST_TEXT_BYTES} bytes"),
        )
        .help("split it into rules"));
    }
    let mut input = Input {
        input: LocatingSlice::new(text),
        state: Depth::default(),
    };
    match tree.parse_next(&mut input) {
        Ok(node) => {
            let rest = input.current_token_start();
            if rest < text.len() {
                Err(unexpected(text, rest))
            } else {
                Ok(node)
            }
        }
        Err(ErrMode::Cut(error) | ErrMode::Backtrack(error)) if !error.message.is_empty() => {
            Err(error)
        }
        Err(ErrMode::Cut(error) | ErrMode::Backtrack(error)) => {
            Err(value_missing(text, error.span.start))
        }
        Err(ErrMode::Incomplete(_)) => Err(value_missing(text, text.len())),
    }
}

type Input<'t> = Stateful<LocatingSlice<&'t str>, Depth>;

/// How deep the parser is, so that its recursion has an end.
#[derive(Clone, Copy, Debug, Default)]
struct Depth {
    nested: usize,
    prefixes: usize,
}

impl ParserError<Input<'_>> for Diagnostic {
    type Inner = Self;

    /// "No value stands here"; the text around it is judged by `value_missing`.
    fn from_input(input: &Input<'_>) -> Self {
        let at = input.current_token_start();
        Self::error(at..at, String::new())
    }

    fn into_inner(self) -> Result<Self::Inner, Self> {
        Ok(self)
    }
}

/// By falling power: `-x`, `* /`, `+ -`, comparisons, `not`, `and`, `or`.
fn tree(input: &mut Input<'_>) -> ModalResult<Node, Diagnostic> {
    expression(operand)
        .prefix(prefix_operator)
        .infix(infix_operator)
        .parse_next(input)
}

fn prefix_operator<'t>(
    input: &mut Input<'t>,
) -> ModalResult<Prefix<Input<'t>, Node, ErrMode<Diagnostic>>, Diagnostic> {
    let operator = alt((
        word("not").value(Unary::Not),
        token("-").value(Unary::Minus),
    ))
    .parse_next(input)?;
    input.state.prefixes += 1;
    too_deep(input.state.prefixes, input)?;
    Ok(match operator {
        Unary::Not => Prefix(6, |_, operand| Ok(unary(Unary::Not, operand))),
        Unary::Minus => Prefix(14, |_, operand| Ok(unary(Unary::Minus, operand))),
    })
}

fn infix_operator<'t>(
    input: &mut Input<'t>,
) -> ModalResult<Infix<Input<'t>, Node, ErrMode<Diagnostic>>, Diagnostic> {
    use Binary::{And, Calculate, Compare, Or};
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    use Operator::{Add, Divide, Multiply, Subtract};
    Ok(match binary_operator(input)? {
        Or => Infix::Left(2, |_, a, b| Ok(binary(Or, a, b))),
        And => Infix::Left(4, |_, a, b| Ok(binary(And, a, b))),
        Compare(Less) => Infix::Neither(8, |_, a, b| Ok(binary(Compare(Less), a, b))),
        Compare(LessOrEqual) => Infix::Neither(8, |_, a, b| Ok(binary(Compare(LessOrEqual), a, b))),
        Compare(Greater) => Infix::Neither(8, |_, a, b| Ok(binary(Compare(Greater), a, b))),
        Compare(GreaterOrEqual) => {
            Infix::Neither(8, |_, a, b| Ok(binary(Compare(GreaterOrEqual), a, b)))
        }
        Compare(Equal) => Infix::Neither(8, |_, a, b| Ok(binary(Compare(Equal), a, b))),
        Compare(NotEqual) => Infix::Neither(8, |_, a, b| Ok(binary(Compare(NotEqual), a, b))),
        Calculate(Add) => Infix::Left(10, |_, a, b| Ok(binary(Calculate(Add), a, b))),
        Calculate(Subtract) => Infix::Left(10, |_, a, b| Ok(binary(Calculate(Subtract), a, b))),
        Calculate(Multiply) => Infix::Left(12, |_, a, b| Ok(binary(Calculate(Multiply), a, b))),
        Calculate(Divide) => Infix::Left(12, |_, a, b| Ok(binary(Calculate(Divide), a, b))),
    })
}

fn binary_operator(input: &mut Input<'_>) -> ModalResult<Binary, Diagnostic> {
    let compared = alt((
        token("<=").value(Comparison::LessOrEqual),
        token(">=").value(Comparison::GreaterOrEqual),
        token("<").value(Comparison::Less),
        token(">").value(Comparison::Greater),
        token("==").value(Comparison::Equal),
        token("!=").value(Comparison::NotEqual),
    ));
    let computed = alt((
        token("+").value(Operator::Add),
        token("-").value(Operator::Subtract),
        token("*").value(Operator::Multiply),
        token("/").value(Operator::Divide),
    ));
    let joined = alt((word("or").value(Binary::Or), word("and").value(Binary::And)));
    let (compared, computed) = (
        compared.map(Binary::Compare),
        computed.map(Binary::Calculate),
    );
    alt((compared, computed, joined)).parse_next(input)
}

fn unary(operator: Unary, operand: Node) -> Node {
    Node {
        span: operand.span.clone(),
        kind: Kind::Unary(operator, Box::new(operand)),
    }
}

fn binary(operator: Binary, left: Node, right: Node) -> Node {
    Node {
        span: left.span.start..right.span.end,
        kind: Kind::Binary(operator, Box::new(left), Box::new(right)),
    }
}

fn operand(input: &mut Input<'_>) -> ModalResult<Node, Diagnostic> {
    multispace0.void().parse_next(input)?;
    alt((parenthesis, number, name_or_call)).parse_next(input)
}

fn parenthesis(input: &mut Input<'_>) -> ModalResult<Node, Diagnostic> {
    let start = input.current_token_start();
    token("(").parse_next(input)?;
    let inner = nested(input, |input| cut_err(tree).parse_next(input))?;
    closing(input, start)?;
    Ok(Node {
        span: start..input.previous_token_end(),
        ..inner
    })
}

fn closing(input: &mut Input<'_>, opened_at: usize) -> ModalResult<(), Diagnostic> {
    if opt(token(")")).parse_next(input)?.is_some() {
        return Ok(());
    }
    multispace0.void().parse_next(input)?;
    if input.is_empty() {
        return Err(ErrMode::Cut(
            Diagnostic::error(opened_at..opened_at + 1, "this parenthesis is never closed")
                .help("add a `)`"),
        ));
    }
    let at = input.current_token_start();
    Err(ErrMode::Cut(Diagnostic::error(
        at..at + 1,
        "an operator or `)` should be here",
    )))
}

fn number(input: &mut Input<'_>) -> ModalResult<Node, Diagnostic> {
    let start = input.current_token_start();
    let digits = (
        one_of('0'..='9'),
        take_while(0.., |c: char| c.is_ascii_digit() || c == '.'),
    )
        .take()
        .parse_next(input)?;
    let unit =
        alt((literal("%"), take_while(0.., ('a'..='z', 'A'..='Z', '_')))).parse_next(input)?;
    let end = start + digits.len() + unit.len();
    match digits.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Node {
            span: start..end,
            kind: Kind::Number {
                value,
                unit: unit.to_owned(),
            },
        }),
        _ => Err(ErrMode::Cut(Diagnostic::error(
            start..end,
            format!("`{digits}` is not a number"),
        ))),
    }
}

fn name_or_call(input: &mut Input<'_>) -> ModalResult<Node, Diagnostic> {
    let start = input.current_token_start();
    let name = identifier
        .verify(|name: &str| !matches!(name, "and" | "or" | "not"))
        .parse_next(input)?
        .to_owned();
    let name_span = start..start + name.len();
    let open = (multispace0, "(").take();
    if opt(open).parse_next(input)?.is_none() {
        return Ok(Node {
            span: name_span,
            kind: Kind::Name(name),
        });
    }
    let opened_at = input.previous_token_end() - 1;
    let arguments = if opt(peek(token(")"))).parse_next(input)?.is_some() {
        Vec::new()
    } else {
        nested(input, |input| {
            separated(1.., cut_err(tree), token(",")).parse_next(input)
        })?
    };
    closing(input, opened_at)?;
    Ok(Node {
        span: start..input.previous_token_end(),
        kind: Kind::Call {
            name,
            name_span,
            arguments,
        },
    })
}

fn identifier<'t>(input: &mut Input<'t>) -> ModalResult<&'t str, Diagnostic> {
    (
        one_of(('a'..='z', 'A'..='Z', '_')),
        take_while(0.., ('a'..='z', 'A'..='Z', '0'..='9', '_')),
    )
        .take()
        .parse_next(input)
}

/// A word that is an operator, with the space before it.
fn word<'t>(expected: &'static str) -> impl Parser<Input<'t>, (), ErrMode<Diagnostic>> {
    (
        multispace0,
        identifier.verify(move |found: &str| found == expected),
    )
        .void()
}

/// A sign, with the space before it.
fn token<'t>(expected: &'static str) -> impl Parser<Input<'t>, (), ErrMode<Diagnostic>> {
    (multispace0, literal(expected)).void()
}

fn nested<'t, T>(
    input: &mut Input<'t>,
    parser: impl FnOnce(&mut Input<'t>) -> ModalResult<T, Diagnostic>,
) -> ModalResult<T, Diagnostic> {
    input.state.nested += 1;
    too_deep(input.state.nested, input)?;
    let result = parser(input)?;
    input.state.nested -= 1;
    Ok(result)
}

fn too_deep(depth: usize, input: &Input<'_>) -> ModalResult<(), Diagnostic> {
    if depth <= DEEPEST_NESTING {
        return Ok(());
    }
    let at = input.previous_token_end();
    Err(ErrMode::Cut(
        Diagnostic::error(
            at.saturating_sub(1)..at,
            "the condition is nested too deeply",
        )
        .help("split it into rules"),
    ))
}

/// Something that is no operator follows a complete expression.
fn unexpected(text: &str, from: usize) -> Diagnostic {
    let start = from + text[from..].len() - text[from..].trim_start().len();
    let rest = &text[start..];
    let word = first_word(rest);
    let error = Diagnostic::error(
        start..start + word.len(),
        format!("`{word}` should not be here"),
    );
    match word {
        "&&" | "&" | "AND" | "And" => error.help("write `and`"),
        "||" | "|" | "OR" | "Or" => error.help("write `or`"),
        "=" => error.help("write `==`"),
        "<>" | "!" => error.help("write `!=`"),
        ")" => error.help("it closes no parenthesis"),
        "<" | "<=" | ">" | ">=" | "==" | "!=" => {
            error.help("comparisons do not chain: write `a < b and b < c`")
        }
        "%" => error.help("write the `%` directly behind the number"),
        _ => error.help(
            "an operator is missing before it: `and`, `or`, `<`, `>`, `==`, `+`, `-`, `*`, `/`",
        ),
    }
}

/// No value stands where one is needed.
fn value_missing(text: &str, from: usize) -> Diagnostic {
    let start = from + text[from..].len() - text[from..].trim_start().len();
    let word = first_word(&text[start..]);
    if word.is_empty() {
        let end = text.trim_end().len();
        let last = text[..end]
            .char_indices()
            .next_back()
            .map_or(0, |(at, _)| at);
        return Diagnostic::error(last..end, "a value is missing after this")
            .help("write a signal, a number, or a parenthesis");
    }
    let error = Diagnostic::error(
        start..start + word.len(),
        format!("expected a value, not `{word}`"),
    );
    match word {
        "!" => error.help("write `not`"),
        "=" => error.help("write `==`"),
        "." => error.help("write numbers like `0.5`"),
        _ => error.help("write a signal, a number, or a parenthesis"),
    }
}

/// The first run of letters and digits, or the first run of operator signs, or the first character.
fn first_word(text: &str) -> &str {
    let run = |belongs: fn(char) -> bool| text.find(|c: char| !belongs(c)).unwrap_or(text.len());
    let length = match text.chars().next() {
        None => 0,
        Some(c) if c.is_alphanumeric() || c == '_' => run(|c| c.is_alphanumeric() || c == '_'),
        Some(c) if "<>=!&|".contains(c) => run(|c| "<>=!&|".contains(c)),
        Some(c) => c.len_utf8(),
    };
    &text[..length]
}
