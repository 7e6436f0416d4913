//! The JSON scanner: bytes to tokens, with nothing in between.

use super::number::{Number, digits, exponent};
use crate::violation::Clause;

/// The text is not JSON from here on; the scanner remembers where and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bad;

/// Why a text is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) offset: usize,
    pub(super) clause: Clause,
    pub(super) reason: &'static str,
}

/// Reads one text from front to back.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    pub(super) input: &'a [u8],
    pub(super) at: usize,
    pub(super) fault: Option<Fault>,
}

/// A string between its quotes, as it stands in the text. Escapes and UTF-8 were checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Raw<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) escaped: bool,
    /// An escaped half of a surrogate pair without the other: such a string has no UTF-8.
    pub(super) lone_surrogate: bool,
}

const ONES: u64 = u64::from_le_bytes([1; 8]);
const HIGH: u64 = ONES << 7;

impl<'a> Scanner<'a> {
    pub(super) fn new(input: &'a [u8], at: usize) -> Self {
        Self { input, at, fault: None }
    }

    /// The byte at hand; zero, which no JSON has, at the end.
    #[inline]
    pub(super) fn peek(&self) -> u8 {
        self.input.get(self.at).copied().unwrap_or(0)
    }

    /// Takes the byte at hand if it is this one.
    #[inline]
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == byte;
        self.at += usize::from(found);
        found
    }

    #[inline]
    pub(super) fn white_space(&mut self) {
        if self.peek() <= b' ' {
            self.white_space_slowly();
        }
    }

    fn white_space_slowly(&mut self) {
        while let b' ' | b'\n' | b'\r' | b'\t' = self.peek() {
            self.at += 1;
        }
    }

    #[cold]
    pub(super) fn fail(&mut self, reason: &'static str) -> Bad {
        self.fail_with(Clause::Malformed, reason)
    }

    #[cold]
    fn fail_with(&mut self, clause: Clause, reason: &'static str) -> Bad {
        let reason = if self.at >= self.input.len() { "the text ends too soon" } else { reason };
        self.fault = Some(Fault { offset: self.at.min(self.input.len()), clause, reason });
        Bad
    }

    /// `:` and the white space around it.
    #[inline]
    pub(super) fn colon(&mut self) -> Result<(), Bad> {
        if self.peek() != b':' {
            self.white_space();
        }
        if !self.take(b':') {
            return Err(self.fail("expected `:` after a key"));
        }
        self.white_space();
        Ok(())
    }

    /// `true`, `false` or `null`.
    #[inline]
    pub(super) fn word(&mut self, word: &'static str) -> Result<(), Bad> {
        if self.input[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(());
        }
        Err(self.fail("expected a JSON value"))
    }

    /// A string, from its opening quote on.
    #[inline]
    pub(super) fn string(&mut self) -> Result<Raw<'a>, Bad> {
        if !self.take(b'"') {
            return Err(self.fail("expected a string"));
        }
        let start = self.at;
        let mut high = 0;
        // Eight bytes at a time up to the first quote, backslash or control character.
        while let Some(chunk) = self.input.get(self.at..).and_then(<[u8]>::first_chunk) {
            let word = u64::from_le_bytes(*chunk);
            let quote = word ^ (ONES * b'"' as u64);
            let backslash = word ^ (ONES * b'\\' as u64);
            let stops = (quote.wrapping_sub(ONES) & !quote
                | backslash.wrapping_sub(ONES) & !backslash
                | word.wrapping_sub(ONES * 0x20) & !word)
                & HIGH;
            if stops == 0 {
                high |= word;
                self.at += 8;
                continue;
            }
            // Of the marked bytes the lowest is exact; what is below it belongs to the string.
            let lowest = stops & stops.wrapping_neg();
            high |= word & ((lowest >> 7) - 1);
            self.at += (stops.trailing_zeros() / 8) as usize;
            if self.peek() == b'"' {
                let bytes = &self.input[start..self.at];
                self.at += 1;
                if high & HIGH != 0 {
                    self.check_utf8(start, bytes)?;
                }
                return Ok(Raw { bytes, escaped: false, lone_surrogate: false });
            }
            break;
        }
        self.string_slowly(start)
    }

    /// The rest of a string that has escapes or stands at the very end of the text.
    #[cold]
    fn string_slowly(&mut self, start: usize) -> Result<Raw<'a>, Bad> {
        let (mut escaped, mut lone_surrogate) = (false, false);
        loop {
            match self.peek() {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    lone_surrogate |= self.escape()?;
                }
                0..0x20 => return Err(self.fail("a control character in a string has to be escaped")),
                _ => self.at += 1,
            }
        }
        let bytes = &self.input[start..self.at];
        self.at += 1;
        self.check_utf8(start, bytes)?;
        Ok(Raw { bytes, escaped, lone_surrogate })
    }

    /// One escape, or two that make a surrogate pair; says whether it is half of one.
    fn escape(&mut self) -> Result<bool, Bad> {
        self.at += 1;
        match self.peek() {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {
                self.at += 1;
                Ok(false)
            }
            b'u' => {
                self.at += 1;
                let unit = self.hex4()?;
                Ok(match unit {
                    0xd800..0xdc00 => {
                        !(self.input[self.at..].starts_with(b"\\u") && {
                            self.at += 2;
                            let low = self.hex4()?;
                            let pair = (0xdc00..0xe000).contains(&low);
                            // What was no second half is looked at again on its own.
                            self.at -= if pair { 0 } else { 6 };
                            pair
                        })
                    }
                    0xdc00..0xe000 => true,
                    _ => false,
                })
            }
            _ => Err(self.fail("no such escape in a string")),
        }
    }

    fn hex4(&mut self) -> Result<u32, Bad> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = char::from(self.peek()).to_digit(16);
            unit = unit << 4 | digit.ok_or_else(|| self.fail("`\\u` needs four hexadecimal digits"))?;
            self.at += 1;
        }
        Ok(unit)
    }

    fn check_utf8(&mut self, start: usize, bytes: &[u8]) -> Result<(), Bad> {
        match std::str::from_utf8(bytes) {
            Ok(_) => Ok(()),
            Err(error) => {
                self.at = start + error.valid_up_to();
                Err(self.fail_with(Clause::Encoding, "invalid UTF-8"))
            }
        }
    }

    /// A number, in JSON's own grammar.
    pub(super) fn number(&mut self) -> Result<Number<'a>, Bad> {
        let negative = self.take(b'-');
        let (whole, rest) = digits(&self.input[self.at..]);
        if whole.is_empty() {
            return Err(self.fail("expected a digit"));
        }
        if whole.len() > 1 && whole[0] == b'0' {
            return Err(self.fail("a number has no leading zeros"));
        }
        self.at += whole.len();
        let mut fraction = &[][..];
        if let [b'.', rest @ ..] = rest {
            self.at += 1;
            fraction = digits(rest).0;
            if fraction.is_empty() {
                return Err(self.fail("expected a digit after the point"));
            }
            self.at += fraction.len();
        }
        let mut power = 0;
        if let b'e' | b'E' = self.peek() {
            self.at += 1;
            let sign = usize::from(matches!(self.peek(), b'+' | b'-'));
            let length = digits(self.input.get(self.at + sign..).unwrap_or_default()).0.len();
            if length == 0 {
                self.at += sign;
                return Err(self.fail("expected a digit in the exponent"));
            }
            power = exponent(&self.input[self.at..self.at + sign + length]).unwrap_or_default();
            self.at += sign + length;
        }
        Ok(Number { negative, whole, fraction, exponent: power })
    }
}

impl Raw<'_> {
    /// Appends the text with its escapes resolved. Not for strings with lone surrogates.
    pub(super) fn unescape(&self, out: &mut Vec<u8>) {
        let mut rest = self.bytes;
        while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
            out.extend_from_slice(&rest[..at]);
            let unit = |at: usize| rest[at..at + 4].iter().fold(0, |sum, digit| sum << 4 | hex(*digit));
            let (c, length) = match rest[at + 1] {
                b'b' => ('\u{8}', 2),
                b'f' => ('\u{c}', 2),
                b'n' => ('\n', 2),
                b'r' => ('\r', 2),
                b't' => ('\t', 2),
                b'u' => match unit(at + 2) {
                    high @ 0xd800..0xdc00 => {
                        let low = unit(at + 8);
                        (char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)).unwrap_or_default(), 12)
                    }
                    unit => (char::from_u32(unit).unwrap_or_default(), 6),
                },
                other => (char::from(other), 2),
            };
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            rest = &rest[at + length..];
        }
        out.extend_from_slice(rest);
    }
}

fn hex(digit: u8) -> u32 {
    char::from(digit).to_digit(16).unwrap_or_default()
}
