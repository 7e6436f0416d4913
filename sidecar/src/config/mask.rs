//! What is shown of a configuration's text when something is wrong with it: not the secrets that somebody wrote into it.
//!
//! It has to work on text that is no YAML, so it goes by the lines and rather hides too much.

use tidegate_contracts::diagnostic::{Diagnostic, nearest};

/// What stands in the place of a secret.
const HIDDEN: &str = "…";
/// Keys with these in their names have secrets for values, also where they are misspelt or belong elsewhere.
const TELLING: &[&str] = &[
    "pass",
    "pwd",
    "secret",
    "token",
    "bearer",
    "credential",
    "apikey",
    "authorization",
    "jaas",
    "oauthbearer.config",
];
/// Whole keys that have.
const SECRET: &[&str] =
    &["tokens", "adminTokens", "basic", "bearer", "key", "auth", "headers", "sasl.password", "ssl.key.password"];
/// Of those, the ones with keys of their own below them.
const MAPPINGS: &[&str] = &["auth", "headers"];

/// A text without its secrets.
#[derive(Debug)]
pub(super) struct Masked {
    /// Line by line as it was, up to the first secret of a line column by column too.
    pub(super) text: String,
    /// What a message could repeat of them.
    words: Vec<String>,
}

/// Where a value ends.
enum End {
    /// In its line, at this byte.
    Here(usize),
    /// Wherever this quote is.
    Quote(char),
}

impl Masked {
    /// Masks a text.
    pub(super) fn of(text: &str) -> Self {
        let mut masked = Self { text: String::with_capacity(text.len()), words: Vec::new() };
        // The lines that belong to a secret are those that are further in than its key, and the items of its list.
        let mut below: Option<usize> = None;
        let mut headers: Option<usize> = None;
        let mut quote: Option<char> = None;
        for line in text.split_inclusive('\n') {
            let (content, end) = line.strip_suffix('\n').map_or((line, ""), |content| (content, "\n"));
            let indent = content.len() - content.trim_start().len();
            let inner = content.trim_start().trim_start_matches("- ");
            let is_item = content.trim_start().starts_with('-');
            let inside = |of: Option<usize>| of.is_some_and(|of| indent > of || (is_item && indent == of));
            if let Some(open) = quote {
                masked.hide(content, indent);
                if content.contains(open) {
                    quote = None;
                }
            } else if inner.is_empty() {
                masked.text.push_str(content);
            } else if inside(below) && !is_reference(inner) {
                masked.hide(content, indent);
            } else {
                if !inside(below) {
                    below = None;
                }
                if !inside(headers) {
                    headers = None;
                }
                if let Some((key, rest, open)) = masked.line(content, headers.is_some()) {
                    quote = open;
                    match MAPPINGS.contains(&key) && rest.trim().is_empty() {
                        // What has keys of its own is looked at key by key.
                        true if key == "headers" => headers = Some(indent),
                        true => {}
                        false if rest.trim_start().starts_with('{') => {}
                        false => below = Some(indent),
                    }
                }
            }
            masked.text.push_str(end);
        }
        masked
    }

    /// Problems, without what they repeat of the secrets.
    pub(super) fn hide_in(&self, mut found: Vec<Diagnostic>) -> Vec<Diagnostic> {
        for one in &mut found {
            for text in [Some(&mut one.message), one.hint.as_mut()].into_iter().flatten() {
                for word in self.words.iter().filter(|word| text.contains(word.as_str())).collect::<Vec<_>>() {
                    *text = text.replace(word, HIDDEN);
                }
            }
        }
        found
    }

    /// Takes over a line without its secrets. The last key with one, what comes after that key, and the quote that is
    /// still open at the end.
    fn line<'l>(&mut self, line: &'l str, all: bool) -> Option<(&'l str, &'l str, Option<char>)> {
        let mut last = None;
        let mut done = 0;
        let mut at = 0;
        while let Some(colon) = line[at..].find(':').map(|colon| at + colon) {
            at = colon + 1;
            let rest = &line[at..];
            // `http://` has no key before its colon; `"key":"value"` needs no space.
            if colon < done
                || !(rest.is_empty() || rest.starts_with([' ', '\t']) || line[..colon].ends_with(['"', '\'']))
            {
                continue;
            }
            let key = line[done..colon].trim_end_matches(['"', '\'', ' ']);
            let begins = key.rfind(['{', ',', '"', '\'', ' ', '\t', '#', '[']).map_or(0, |before| before + 1);
            let key = &key[begins..];
            if !(is_telling(key) || (all && !key.is_empty())) {
                continue;
            }
            let value = at + (rest.len() - rest.trim_start().len());
            last = Some((key, rest, None));
            if line[value..].is_empty() || line[value..].starts_with('#') {
                continue;
            }
            let is_mapping = line[value..].starts_with('{');
            if is_mapping && (is_reference(line[value + 1..].trim_start()) || MAPPINGS.contains(&key)) {
                continue;
            }
            self.url(&line[done..value]);
            let is_flow = line[..colon].matches('{').count() > line[..colon].matches('}').count();
            match end(&line[value..], is_flow) {
                End::Here(length) => {
                    self.secret(&line[value..value + length]);
                    done = value + length;
                }
                End::Quote(open) => {
                    self.secret(&line[value..]);
                    return Some((key, rest, Some(open)));
                }
            }
        }
        self.url(&line[done..]);
        last
    }

    /// Takes over what is no secret, but for the user and password of a URL.
    fn url(&mut self, text: &str) {
        match text.find("://").and_then(|scheme| Some((scheme + 3, text.rfind('@').filter(|at| *at > scheme)?))) {
            Some((from, at)) => {
                self.text.push_str(&text[..from]);
                self.text.push_str(HIDDEN);
                self.text.push_str(&text[at..]);
            }
            None => self.text.push_str(text),
        }
    }

    fn hide(&mut self, line: &str, indent: usize) {
        self.text.push_str(&line[..indent]);
        self.secret(&line[indent..]);
    }

    /// What YAML trips over it repeats: names of anchors and tags, and numbers that are none.
    fn secret(&mut self, value: &str) {
        self.text.push_str(HIDDEN);
        let word = value.trim().trim_start_matches(['*', '&', '!', '%', '@', '`', '-', ' ']);
        let tripping = value.starts_with(|c: char| !c.is_alphabetic() && c != '{');
        self.words.extend(word.split_whitespace().filter(|word| tripping && word.len() >= 3).map(str::to_owned));
    }
}

fn is_telling(key: &str) -> bool {
    let bare = key.to_lowercase().replace(['-', '_'], "");
    TELLING.iter().any(|word| bare.contains(word))
        || bare.ends_with("key.pem")
        || SECRET.iter().any(|known| known.eq_ignore_ascii_case(&bare))
        || (key.len() > 3 && nearest(key, SECRET.iter().copied().filter(|known| known.len() > 4)).is_some())
}

/// `env: NAME` or `file: PATH`: where a secret is, not what it is.
fn is_reference(text: &str) -> bool {
    ["env", "file"].iter().any(|key| text.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(':')))
        && text.find(',').is_none_or(|comma| text.find('}').is_some_and(|end| end < comma))
}

/// Where a value ends that begins here.
fn end(value: &str, is_flow: bool) -> End {
    match value.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let mut escaped = false;
            for (at, c) in value.char_indices().skip(1) {
                match c {
                    _ if escaped => escaped = false,
                    '\\' if quote == '"' => escaped = true,
                    // In a flow something else may follow; elsewhere that is a mistake, and it is hidden too.
                    _ if c == quote && is_flow => return End::Here(at + 1),
                    _ if c == quote => return End::Here(value.len()),
                    _ => {}
                }
            }
            End::Quote(quote)
        }
        Some('{' | '[') => End::Here(value.len()),
        _ if is_flow => End::Here(value.find([',', '}', ']']).unwrap_or(value.len())),
        _ => End::Here(value.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::Failure, config::Config};

    #[test]
    fn no_secret_that_stands_in_a_file_is_shown() {
        // Each in place of what follows `domain` in a file.
        let places = [
            "security: {tokens: CANARY}",
            "security: {tokens: 'CANARY', tls: {}}",
            "security: {tokens: [CANARY]}",
            "security: {tokens: {value: CANARY}}",
            "security: {tokens: {env: A, value: CANARY}}",
            "security: {tokns: CANARY}",
            "security: {\"adminTokens\": \"CANARY\"}",
            "security:\n  tokens: CANARY",
            "security:\n  tokens: a, CANARY",
            "security:\n  tokens:\n    CANARY",
            "security:\n  tokens:\n  - CANARY",
            "security:\n  tokens: |\n    one\n    CANARY",
            "security:\n  tokens: \"one\n  CANARY\"",
            "security:\n  tokens: *CANARY",
            "security:\n  tokens: !CANARY x",
            "security:\n  tokens: \"CANARY",
            "security:\n  tokens: {CANARY",
            "security: {tls: {certificate: c.pem, key: CANARY}}",
            "security: {allowAnonymous: 5, tls: {certificate: 7, key: {inline: CANARY}}}",
            "kafka: {sasl.password: CANARY}",
            "kafka:\n  bootstrap.servers: [x]\n  sasl.password: CANARY",
            "kafka:\n  sasl.pasword: [CANARY]",
            "kafka:\n  ssl.key.pem: |\n    CANARY\nrolls: 1",
            "kafka:\n  sasl.oauthbearer.client.secret: CANARY",
            "kafka:\n  sasl.jaas.config: x password=CANARY",
            "registry: {url: 'http://user:CANARY@host'}",
            "registry:\n  url: http://user:CANARY@host/path",
            "registry:\n  url: http://user:x/CANARY@host/path",
            "registry: {url: 'http://h', auth: CANARY}",
            "registry: {url: 'http://h', auth: {basic: CANARY}}",
            "registry: {url: 'http://h', auth: {bearer: 'CANARY'}}",
            "registry: {url: 'http://h', auth: {password: CANARY}}",
            "registry:\n  url: http://h\n  auth:\n    basic: CANARY",
            "telemetry: {otlp: {endpoint: 'http://u:CANARY@host'}}",
            "telemetry: {otlp: {endpoint: 'http://h', headers: {authorization: CANARY}}}",
            "telemetry:\n  otlp:\n    endpoint: http://h\n    headers:\n      x-key: CANARY",
            "# tokens: CANARY\nrolls: 1",
        ];
        for place in places {
            let text = format!("apiVersion: tidegate.dev/v1\nkind: Sidecar\ndomain: sales\n{place}\n")
                .replace("CANARY", "hunter2SECRET");
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("tidegate.yaml");
            std::fs::write(&path, &text).unwrap();
            let failure: Failure = Config::load(&path).unwrap_err();
            let shown = [
                failure.findings.human(false),
                failure.on_one_line(),
                serde_json::to_string(&failure.findings.diagnostics).unwrap(),
                format!("{:?}", failure.findings.texts),
            ];
            for shown in shown {
                assert!(!shown.contains("hunter2"), "{place}\n{shown}");
            }
            // As many lines as before, so that each problem stays at its own.
            assert_eq!(Masked::of(&text).text.lines().count(), text.lines().count(), "{place}");
        }
    }

    #[test]
    fn what_is_no_secret_stays_as_it_is() {
        let text = "apiVersion: tidegate.dev/v1\nkafka:\n  bootstrap.servers: localhost:9092\n  \
                    sasl.password: {env: PASSWORD}\nregistry: {url: 'http://localhost:8081', auth: {basic: {file: basic}}}\n\
                    security:\n  tokens:\n    env: TOKENS\n  tls: {certificate: c.pem, key: {file: key.pem}}\n\
                    limits: {queueBytes: 1GiB}\n# mail me@example.com\n";
        assert_eq!(Masked::of(text).text, text);
        let one = "security: {tokens: hunter2, allowAnonymous: yes}\n";
        assert_eq!(Masked::of(one).text, "security: {tokens: …, allowAnonymous: yes}\n");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_masked(text in "([a-z#:'\"{}\\[\\], \n\t@/é-]|tokens|headers|://){0,60}") {
            let masked = Masked::of(&text);
            assert_eq!(masked.text.split('\n').count(), text.split('\n').count());
        }
    }
}
