//! Passes over a JSON value without keeping it, of any depth and without recursion.

use super::scan::{Bad, Scanner};

/// What a skipped value has that no event may have.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Skipped {
    pub(super) duplicate_key: bool,
    pub(super) lone_surrogate: bool,
    pub(super) too_deep: bool,
}

/// Buffers that are kept between events.
#[derive(Debug, Default)]
pub(super) struct SkipBuffers {
    /// One byte for each container that is open.
    open: Vec<Open>,
    pub(super) keys: Keys,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Array,
    Object,
    /// An object whose keys are compared.
    Checked,
}

/// Keys of the objects that are open, to find repeated ones.
#[derive(Debug, Default)]
pub(super) struct Keys {
    text: Vec<u8>,
    /// Start and end in `text`.
    keys: Vec<(u32, u32)>,
    /// How many keys and bytes there were when each object was opened.
    marks: Vec<(u32, u32)>,
}

/// How much [`Keys`] held.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeysMark(usize, usize, usize);

impl Keys {
    pub(super) fn mark(&self) -> KeysMark {
        KeysMark(self.text.len(), self.keys.len(), self.marks.len())
    }

    pub(super) fn reset(&mut self, mark: KeysMark) {
        self.text.truncate(mark.0);
        self.keys.truncate(mark.1);
        self.marks.truncate(mark.2);
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.keys.clear();
        self.marks.clear();
    }

    pub(super) fn open(&mut self) {
        self.marks.push((self.keys.len() as u32, self.text.len() as u32));
    }

    pub(super) fn push(&mut self, put: impl FnOnce(&mut Vec<u8>)) -> &[u8] {
        let start = self.text.len();
        put(&mut self.text);
        self.keys.push((start as u32, self.text.len() as u32));
        &self.text[start..]
    }

    /// Closes the innermost object and says whether it has a key twice.
    pub(super) fn close(&mut self) -> bool {
        let (keys, text) = self.marks.pop().unwrap_or_default();
        let found = has_twice(&mut self.keys[keys as usize..], &self.text);
        self.keys.truncate(keys as usize);
        self.text.truncate(text as usize);
        found
    }
}

/// Whether two of the ranges hold the same bytes. Many are sorted: that needs no hashing, which could be attacked.
pub(super) fn has_twice(ranges: &mut [(u32, u32)], text: &[u8]) -> bool {
    let bytes = |&(start, end): &(u32, u32)| &text[start as usize..end as usize];
    if ranges.len() <= 8 {
        let mut rest = &*ranges;
        while let [first, others @ ..] = rest {
            if others.iter().any(|other| bytes(other) == bytes(first)) {
                return true;
            }
            rest = others;
        }
        return false;
    }
    ranges.sort_unstable_by(|a, b| bytes(a).cmp(bytes(b)));
    ranges.windows(2).any(|pair| bytes(&pair[0]) == bytes(&pair[1]))
}

impl Scanner<'_> {
    /// Passes over the value at hand, checking that it is JSON. Containers beyond `depth` are passed over too, but
    /// their keys are not compared: the event is lost anyway.
    pub(super) fn skip(&mut self, depth: u32, buffers: &mut SkipBuffers) -> Result<Skipped, Bad> {
        let SkipBuffers { open, keys } = buffers;
        let mut skipped = Skipped::default();
        let base = keys.marks.len();
        open.clear();
        loop {
            // At the beginning of a value.
            match self.peek() {
                b'{' => {
                    self.at += 1;
                    self.white_space();
                    if !self.take(b'}') {
                        let checked = open.len() < depth as usize;
                        skipped.too_deep |= !checked;
                        open.push(if checked { Open::Checked } else { Open::Object });
                        if checked {
                            keys.open();
                        }
                        self.key(checked, &mut skipped, keys)?;
                        continue;
                    }
                    skipped.too_deep |= open.len() >= depth as usize;
                }
                b'[' => {
                    self.at += 1;
                    self.white_space();
                    skipped.too_deep |= open.len() >= depth as usize;
                    if !self.take(b']') {
                        open.push(Open::Array);
                        continue;
                    }
                }
                b'"' => skipped.lone_surrogate |= self.string()?.lone_surrogate,
                b'-' | b'0'..=b'9' => drop(self.number()?),
                b't' => self.word("true")?,
                b'f' => self.word("false")?,
                b'n' => self.word("null")?,
                _ => return Err(self.fail("expected a JSON value")),
            }
            // After a value: close what ends here.
            loop {
                let Some(innermost) = open.last() else {
                    debug_assert_eq!(keys.marks.len(), base);
                    return Ok(skipped);
                };
                let innermost = *innermost;
                self.white_space();
                match (self.peek(), innermost) {
                    (b',', Open::Array) => {
                        self.at += 1;
                        self.white_space();
                        break;
                    }
                    (b',', _) => {
                        self.at += 1;
                        self.white_space();
                        self.key(innermost == Open::Checked, &mut skipped, keys)?;
                        break;
                    }
                    (b']', Open::Array) | (b'}', Open::Object) => {}
                    (b'}', Open::Checked) => skipped.duplicate_key |= keys.close(),
                    (_, Open::Array) => return Err(self.fail("expected `,` or `]`")),
                    _ => return Err(self.fail("expected `,` or `}`")),
                }
                self.at += 1;
                open.pop();
            }
        }
    }

    fn key(&mut self, checked: bool, skipped: &mut Skipped, keys: &mut Keys) -> Result<(), Bad> {
        if self.peek() != b'"' {
            return Err(self.fail("expected a key in quotes"));
        }
        let raw = self.string()?;
        skipped.lone_surrogate |= raw.lone_surrogate;
        if checked && !raw.lone_surrogate {
            keys.push(|text| raw.unescape(text));
        }
        self.colon()
    }
}
