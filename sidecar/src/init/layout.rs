//! JSON laid out for people: what fits on a line stays on it, in the order in which it was written.

/// The longest line, where it can be helped.
const WIDTH: usize = 110;

/// Lays JSON out that has no white space between its tokens.
pub(super) fn layout(json: &str) -> String {
    let mut text = String::with_capacity(json.len() * 2);
    lay(&mut text, json, 0, 0);
    text.push('\n');
    text
}

/// Writes a value that begins in a column, in lines that are indented by so much.
fn lay(out: &mut String, value: &str, column: usize, indent: usize) {
    let on_one_line = spaced(value);
    let inside = value.strip_prefix(['{', '[']).and_then(|rest| rest.strip_suffix(['}', ']']));
    let Some(inside) = inside.filter(|_| column + on_one_line.len() > WIDTH) else {
        *out += &on_one_line;
        return;
    };
    out.push_str(&value[..1]);
    for (at, part) in split(inside, b',').into_iter().enumerate() {
        *out += if at > 0 { ",\n" } else { "\n" };
        *out += &" ".repeat(indent + 2);
        match split(part, b':')[..] {
            [key, value] => {
                *out += key;
                *out += ": ";
                lay(out, value, indent + key.len() + 4, indent + 2);
            }
            _ => lay(out, part, indent + 2, indent + 2),
        }
    }
    out.push('\n');
    *out += &" ".repeat(indent);
    *out += &value[value.len() - 1..];
}

/// The parts between separators that stand in no string and no brackets.
fn split(text: &str, separator: u8) -> Vec<&str> {
    let (mut parts, mut begin, mut depth) = (Vec::new(), 0, 0);
    for (at, byte) in outside_strings(text) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ if byte == separator && depth == 0 => {
                parts.push(&text[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[begin..]);
    parts
}

/// The same with a space after each separator.
fn spaced(text: &str) -> String {
    let (mut spaced, mut begin) = (String::with_capacity(text.len() + 16), 0);
    for (at, _) in outside_strings(text).filter(|(_, byte)| matches!(byte, b',' | b':')) {
        spaced += &text[begin..=at];
        spaced.push(' ');
        begin = at + 1;
    }
    spaced + &text[begin..]
}

fn outside_strings(text: &str) -> impl Iterator<Item = (usize, u8)> {
    let (mut inside, mut escaped) = (false, false);
    text.bytes().enumerate().filter(move |(_, byte)| {
        let quote = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        inside ^= quote;
        !inside && !quote
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_laid_out_says_the_same() {
        let check = |json: &str, expected: &str| {
            let text = layout(json);
            assert_eq!(text, expected);
            let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
            assert_eq!(value(&text), value(json));
        };
        check("[]", "[]\n");
        check(r#"{"z":1,"a":["x,y","\\",":\""]}"#, "{\"z\": 1, \"a\": [\"x,y\", \"\\\\\", \":\\\"\"]}\n");
        let long = "x".repeat(WIDTH);
        check(
            &format!(r#"{{"a":1,"b":[{{"c":"{long}"}},2]}}"#),
            &format!("{{\n  \"a\": 1,\n  \"b\": [\n    {{\n      \"c\": \"{long}\"\n    }},\n    2\n  ]\n}}\n"),
        );
    }
}
