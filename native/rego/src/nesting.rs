//! Depth of brackets in a Rego text. The parser of the engine takes twice the time for each further level of nested
//! brackets, so a text of a few dozen bytes could keep it busy for hours: such a text is refused before.

/// Deepest nesting that is taken. Generated policies stay below 10.
pub const MAX_DEPTH: usize = 16;

enum Place {
    Code,
    Comment,
    Text,
    Escape,
    RawText,
}

/// True if brackets of any kind are nested deeper than `MAX_DEPTH` outside of strings and comments.
pub fn is_too_deep(text: &str) -> bool {
    let mut place = Place::Code;
    let mut depth: usize = 0;
    for byte in text.bytes() {
        place = match (place, byte) {
            (Place::Code, b'#') => Place::Comment,
            (Place::Code, b'"') | (Place::Escape, _) => Place::Text,
            (Place::Code, b'`') => Place::RawText,
            (Place::Comment, b'\n') | (Place::Text, b'"') | (Place::RawText, b'`') => Place::Code,
            (Place::Text, b'\\') => Place::Escape,
            (Place::Code, b'[' | b'{' | b'(') => {
                depth = depth.saturating_add(1);
                if depth > MAX_DEPTH {
                    return true;
                }
                Place::Code
            }
            (Place::Code, b']' | b'}' | b')') => {
                depth = depth.saturating_sub(1);
                Place::Code
            }
            (same, _) => same,
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(depth: usize) -> String {
        format!("x := {}1{}", "[".repeat(depth), "]".repeat(depth))
    }

    #[test]
    fn the_limit_itself_is_taken() {
        assert!(!is_too_deep(&nested(MAX_DEPTH)));
        assert!(is_too_deep(&nested(MAX_DEPTH + 1)));
    }

    #[test]
    fn brackets_side_by_side_are_not_nested() {
        assert!(!is_too_deep(&nested(3).repeat(100)));
    }

    #[test]
    fn brackets_in_strings_and_comments_do_not_count() {
        let many = "[".repeat(99);
        for text in [
            format!("x := \"{many}\""),
            format!("x := \"\\\"{many}\""),
            format!("x := `\\{many}`"),
            format!("# {many}\nx := 1"),
        ] {
            assert!(!is_too_deep(&text), "{text}");
        }
    }

    #[test]
    fn code_after_strings_and_comments_counts() {
        let deep = nested(MAX_DEPTH + 1);
        for before in ["x := \"a\\\\\"\n", "x := `\\`\n", "# \"\n", "x := \"#\"\n"] {
            assert!(is_too_deep(&format!("{before}{deep}")), "{before}");
        }
    }
}
