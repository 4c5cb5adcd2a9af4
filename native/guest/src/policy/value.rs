//! A literal of Rego: JSON, with comments, raw strings and a comma behind the last element. No names, calls or operators.

/// Nesting; generated policies have 7.
const DEPTH_MAX: usize = 64;
/// Values in one literal.
const VALUES_MAX: usize = 1_000_000;

/// One value. Numbers are not needed here and not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// null, true, false or a number.
    Other,
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Self>),
    /// An object, in order, without a member twice.
    Object(Vec<(String, Self)>),
}

impl Value {
    /// A member of an object.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else {
            return None;
        };
        members
            .iter()
            .find(|(member, _)| member == name)
            .map(|(_, value)| value)
    }

    /// The text of a string.
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// The elements of an array.
    pub fn list(&self) -> Option<&[Self]> {
        if let Self::List(list) = self {
            Some(list)
        } else {
            None
        }
    }
}

/// The literal at an offset, and where it ends.
pub(super) fn parse(text: &str, offset: usize) -> Result<(Value, usize), String> {
    let mut parser = Parser {
        rest: text.get(offset..).unwrap_or_default(),
        left: VALUES_MAX,
    };
    let value = parser.value(DEPTH_MAX)?;
    Ok((value, text.len().saturating_sub(parser.rest.len())))
}

/// The text without blanks and comments in front.
pub(super) fn skip_blanks(text: &str) -> &str {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        if !rest.starts_with('#') {
            return rest;
        }
        rest = rest
            .find('\n')
            .and_then(|end| rest.get(end..))
            .unwrap_or_default();
    }
}

/// Length of the string literal, quotes included, that the text begins with.
pub(super) fn text_length(text: &str) -> Result<usize, String> {
    let endless = || "a string does not end".to_owned();
    let mut bytes = text.bytes().enumerate();
    let quote = bytes.next().map(|(_, byte)| byte);
    while let Some((at, byte)) = bytes.next() {
        match byte {
            _ if Some(byte) == quote => return Ok(at.saturating_add(1)),
            b'\\' if quote == Some(b'"') => {
                bytes.next();
            }
            b'\n' if quote == Some(b'"') => return Err(endless()),
            _ => {}
        }
    }
    Err(endless())
}

struct Parser<'a> {
    rest: &'a str,
    left: usize,
}

impl Parser<'_> {
    fn take(&mut self, sign: char) -> bool {
        self.rest = skip_blanks(self.rest);
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        self.left = self
            .left
            .checked_sub(1)
            .ok_or("a literal has too many values")?;
        let depth = depth
            .checked_sub(1)
            .ok_or("a literal is nested too deeply")?;
        if self.take('[') {
            return self.list(depth);
        }
        if self.take('{') {
            return self.object(depth);
        }
        if self.rest.starts_with(['"', '`']) {
            return self.text().map(Value::Text);
        }
        self.plain()
    }

    fn list(&mut self, depth: usize) -> Result<Value, String> {
        let mut list = Vec::new();
        while !self.take(']') {
            list.push(self.value(depth)?);
            if !self.take(',') {
                if self.take(']') {
                    break;
                }
                return Err("an array is more than a literal".to_owned());
            }
        }
        Ok(Value::List(list))
    }

    fn object(&mut self, depth: usize) -> Result<Value, String> {
        let mut members: Vec<(String, Value)> = Vec::new();
        let mut names = std::collections::BTreeSet::new();
        while !self.take('}') {
            self.rest = skip_blanks(self.rest);
            if !self.rest.starts_with(['"', '`']) {
                return Err("an object has a member without a literal name".to_owned());
            }
            let name = self.text()?;
            if !self.take(':') {
                return Err("an object is more than a literal".to_owned());
            }
            let value = self.value(depth)?;
            if !names.insert(name.clone()) {
                return Err(format!("an object has the member {name:?} twice"));
            }
            members.push((name, value));
            if !self.take(',') {
                if self.take('}') {
                    break;
                }
                return Err("an object is more than a literal".to_owned());
            }
        }
        Ok(Value::Object(members))
    }

    fn text(&mut self) -> Result<String, String> {
        let length = text_length(self.rest)?;
        let (literal, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or("a string does not end")?;
        self.rest = rest;
        match literal.strip_prefix('`') {
            Some(raw) => Ok(raw.strip_suffix('`').unwrap_or(raw).to_owned()),
            None => serde_json::from_str(literal)
                .map_err(|_| "a string has an unknown escape".to_owned()),
        }
    }

    /// null, true, false or a JSON number.
    fn plain(&mut self) -> Result<Value, String> {
        let end = self.rest.find(|letter: char| {
            !letter.is_ascii_alphanumeric() && !matches!(letter, '+' | '-' | '.' | '_')
        });
        let (word, rest) = self
            .rest
            .split_at_checked(end.unwrap_or(self.rest.len()))
            .unwrap_or_default();
        let is_number = word.starts_with(|first: char| first == '-' || first.is_ascii_digit())
            && serde_json::from_str::<serde_json::Number>(word).is_ok();
        if is_number || matches!(word, "null" | "true" | "false") {
            self.rest = rest;
            return Ok(Value::Other);
        }
        Err("a value is more than a literal".to_owned())
    }
}
