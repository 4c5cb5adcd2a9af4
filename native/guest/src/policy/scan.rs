//! Rego text as tokens, as far as needed to find one definition and not be fooled by comments, strings and brackets.

use super::value;
use super::value::Value;

/// Words that continue the statement before them.
const CONTINUATIONS: [&str; 6] = ["in", "with", "else", "if", "as", "contains"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Name,
    Text,
    Sign,
}

#[derive(Clone, Copy)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
    offset: usize,
    /// Open brackets before it.
    depth: usize,
    /// First of its line.
    starts_line: bool,
}

/// The name behind `package`, which must be the first statement, on a line of its own.
pub(super) fn package(text: &str) -> Result<&str, String> {
    let mut tokens = Tokens::new(text);
    let mut next = || tokens.next().transpose();
    let (word, name, behind) = (next()?, next()?, next()?);
    match (word, name) {
        (Some(word), Some(name))
            if word.text == "package" && name.kind == Kind::Name && !name.starts_line =>
        {
            if behind.is_none_or(|token| token.starts_line) {
                Ok(name.text)
            } else {
                Err("the package has a longer name".to_owned())
            }
        }
        _ => Err("it does not begin with a package".to_owned()),
    }
}

/// The literal of the only definition `name := LITERAL` of the text. None if the name is not defined; an error for any
/// other kind of definition, or more than one.
pub(super) fn definition(text: &str, name: &str) -> Result<Option<Value>, String> {
    let mut found = None;
    let mut resume_after = 0;
    let mut before: Option<Token<'_>> = None;
    let mut tokens = Tokens::new(text).peekable();
    while let Some(token) = tokens.next().transpose()? {
        let is_named = token.kind == Kind::Name && token.text == name && token.depth == 0;
        if is_named && token.offset >= resume_after {
            let follower = match tokens.peek() {
                Some(Ok(next)) => Some(*next),
                Some(Err(why)) => return Err(why.clone()),
                None => None,
            };
            let sign = follower.map(|next| next.text);
            let is_after_word = before.is_some_and(|last| {
                !token.starts_line && matches!(last.text, "default" | "as" | "some")
            });
            if is_after_word || (token.starts_line && sign != Some(":=") && sign != Some("=")) {
                return Err(format!(
                    "{name} is defined in another way than by one literal"
                ));
            }
            if token.starts_line {
                if found.is_some() {
                    return Err(format!("{name} is defined twice"));
                }
                let start = follower.map_or(token.offset, |next| {
                    next.offset.saturating_add(next.text.len())
                });
                let (value, end) = value::parse(text, start)?;
                check_end(text, end, name)?;
                found = Some(value);
                resume_after = end;
            }
        }
        before = Some(token);
    }
    Ok(found)
}

/// Behind the literal a new statement must begin: nothing that could make it part of a larger expression.
fn check_end(text: &str, end: usize, name: &str) -> Result<(), String> {
    let rest = text.get(end..).unwrap_or_default();
    let next = Tokens::new(rest).next().transpose()?;
    match next {
        None => Ok(()),
        Some(token) => {
            let is_new_line = rest
                .get(..token.offset)
                .is_some_and(|between| between.contains('\n'));
            if is_new_line && token.kind == Kind::Name && !CONTINUATIONS.contains(&token.text) {
                Ok(())
            } else {
                Err(format!("the value of {name} is more than a literal"))
            }
        }
    }
}

struct Tokens<'a> {
    text: &'a str,
    offset: usize,
    open: Vec<char>,
    starts_line: bool,
}

impl<'a> Tokens<'a> {
    const fn new(text: &'a str) -> Self {
        Self {
            text,
            offset: 0,
            open: Vec::new(),
            starts_line: true,
        }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.offset..).unwrap_or_default()
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        let left = value::skip_blanks(rest);
        let skipped = rest.len().saturating_sub(left.len());
        if rest
            .get(..skipped)
            .is_some_and(|blanks| blanks.contains('\n'))
        {
            self.starts_line = true;
        }
        self.offset = self.offset.saturating_add(skipped);
    }

    fn measure(&self, first: char) -> Result<(Kind, usize), String> {
        let rest = self.rest();
        if first.is_ascii_alphanumeric() || first == '_' {
            let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
            return Ok((Kind::Name, end.unwrap_or(rest.len())));
        }
        match first {
            '"' | '`' => value::text_length(rest).map(|length| (Kind::Text, length)),
            // A template string has code inside.
            '$' => Err("it has a template string".to_owned()),
            _ if [":=", "==", "!=", "<=", ">="]
                .iter()
                .any(|sign| rest.starts_with(sign)) =>
            {
                Ok((Kind::Sign, 2))
            }
            _ => Ok((Kind::Sign, first.len_utf8())),
        }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Result<Token<'a>, String>;

    fn next(&mut self) -> Option<Self::Item> {
        self.skip_blanks();
        let first = self.rest().chars().next()?;
        let (kind, length) = match self.measure(first) {
            Ok(found) => found,
            Err(why) => {
                self.offset = self.text.len();
                return Some(Err(why));
            }
        };
        let text = self.rest().get(..length).unwrap_or_default();
        if kind == Kind::Sign {
            let closed = match first {
                ')' => Some('('),
                ']' => Some('['),
                '}' => Some('{'),
                _ => None,
            };
            if closed.is_some() && self.open.pop() != closed {
                self.offset = self.text.len();
                return Some(Err("its brackets do not match".to_owned()));
            }
        }
        let token = Token {
            kind,
            text,
            offset: self.offset,
            depth: self.open.len(),
            starts_line: self.starts_line,
        };
        if kind == Kind::Sign && matches!(first, '(' | '[' | '{') {
            self.open.push(first);
        }
        self.starts_line = false;
        self.offset = self.offset.saturating_add(length);
        Some(Ok(token))
    }
}
