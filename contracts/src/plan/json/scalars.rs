//! Scalars: everything that is not a container.

use super::{Encoder, Step};
use crate::{
    plan::{
        BytesEncoding, base64,
        node::{Decimal, Node, Op},
        number::Number,
        report::Place,
        scan::Raw,
        temporal::{Misread, Temporal, parse_duration},
    },
    schema,
    violation::Clause,
};

impl<'a> Encoder<'a> {
    #[inline]
    pub(super) fn string(&mut self, node: &'a Node, place: &Place<'_>) -> Step {
        if self.scan.peek() != b'"' {
            return self.mismatch(node, place);
        }
        let raw = self.scan.string()?;
        if raw.escaped {
            return self.escaped_string(node, raw, place);
        }
        self.put_raw(raw.bytes);
        if !node.checks.is_empty() {
            self.plan.check_text(node, raw.bytes, &mut self.report, place);
        }
        Ok(())
    }

    #[cold]
    fn escaped_string(&mut self, node: &'a Node, raw: Raw<'a>, place: &Place<'_>) -> Step {
        let Some(text) = self.unescaped(raw, place)? else { return Ok(()) };
        self.put_bytes(&text);
        if !node.checks.is_empty() {
            self.plan.check_text(node, &text, &mut self.report, place);
        }
        self.recycle(text);
        Ok(())
    }

    pub(super) fn symbol(&mut self, node: &'a Node, at: u32, place: &Place<'_>) -> Step {
        if self.scan.peek() != b'"' {
            return self.mismatch(node, place);
        }
        let Some(text) = self.text(place)? else { return Ok(()) };
        let plan = self.plan;
        match plan.enums[at as usize].names.find(&text) {
            Some(index) => {
                self.put_long(index as i64);
                if !node.checks.is_empty() {
                    plan.check_text(node, &text, &mut self.report, place);
                }
            }
            None => self.violate(place, Clause::Symbol, || plan.describe(node.op), "another string", None)?,
        }
        self.recycle(text);
        Ok(())
    }

    pub(super) fn boolean(&mut self, node: &'a Node, place: &Place<'_>) -> Step {
        let value = match self.scan.peek() {
            b't' => self.scan.word("true").map(|()| true)?,
            b'f' => self.scan.word("false").map(|()| false)?,
            _ => return self.mismatch(node, place),
        };
        self.out.push(u8::from(value));
        if !node.checks.is_empty() {
            self.plan.check_boolean(node, value, &mut self.report, place);
        }
        Ok(())
    }

    #[inline]
    pub(super) fn integer(&mut self, node: &'a Node, is_int: bool, place: &Place<'_>) -> Step {
        let Some(value) = self.whole_number(node, place)? else { return Ok(()) };
        if is_int && i32::try_from(value).is_err() {
            return self.out_of_range(node, place);
        }
        self.put_integer(node, value, place);
        Ok(())
    }

    pub(super) fn temporal(&mut self, node: &'a Node, of: Temporal, place: &Place<'_>) -> Step {
        if self.scan.peek() != b'"' || self.avro_form {
            let Some(value) = self.whole_number(node, place)? else { return Ok(()) };
            if !of.holds(value) {
                return self.out_of_range(node, place);
            }
            self.put_integer(node, value, place);
            return Ok(());
        }
        let Some(text) = self.text(place)? else { return Ok(()) };
        match of.parse(&text) {
            Ok(reading) => {
                if reading.cut {
                    self.left_over += 1;
                    self.report.outcome.truncated += 1;
                }
                self.put_integer(node, reading.value, place);
            }
            Err(misread) => {
                let (clause, found, hint) = match misread {
                    Misread::Range => (Clause::Range, "moment that the unit cannot count", None),
                    Misread::Syntax => (Clause::Syntax, "string of another form", None),
                    Misread::Offset if matches!(of, Temporal::Local(_)) => {
                        (Clause::Syntax, "timestamp with an offset", Some("a local timestamp has none"))
                    }
                    Misread::Offset => {
                        (Clause::Syntax, "timestamp without offset", Some("append `Z` when it is in UTC"))
                    }
                };
                let plan = self.plan;
                self.violate(place, clause, || plan.describe(node.op), found, hint)?;
            }
        }
        self.recycle(text);
        Ok(())
    }

    #[inline]
    fn put_integer(&mut self, node: &'a Node, value: i64, place: &Place<'_>) {
        self.put_long(value);
        if !node.checks.is_empty() {
            self.plan.check_integer(node, value, &mut self.report, place);
        }
    }

    /// The number at hand, when it is whole and an `i64`; else that is reported.
    #[inline]
    fn whole_number(&mut self, node: &'a Node, place: &Place<'_>) -> Step<Option<i64>> {
        let rest = &self.scan.input[self.scan.at..];
        let negative = rest.first() == Some(&b'-');
        let digits = &rest[usize::from(negative)..];
        let (mut value, mut length) = match digits.first_chunk().and_then(eight_digits) {
            Some(value) => (value, 8),
            None => (0, 0),
        };
        while let Some(digit @ b'0'..=b'9') = digits.get(length)
            && length < 18
        {
            value = value * 10 + i64::from(digit - b'0');
            length += 1;
        }
        // Up to 18 digits without point, exponent or a leading zero: nearly all there are.
        let simple = match digits.get(length) {
            Some(b'.' | b'e' | b'E' | b'0'..=b'9') => false,
            _ => length == 1 || (length > 1 && digits[0] != b'0'),
        };
        if simple {
            self.scan.at += length + usize::from(negative);
            return Ok(Some(if negative { -value } else { value }));
        }
        self.whole_number_slowly(node, place)
    }

    #[cold]
    fn whole_number_slowly(&mut self, node: &'a Node, place: &Place<'_>) -> Step<Option<i64>> {
        if !matches!(self.scan.peek(), b'-' | b'0'..=b'9') {
            return self.mismatch(node, place).map(|()| None);
        }
        let plan = self.plan;
        let Some(whole) = self.scan.number()?.whole(0) else {
            let expected = || plan.describe(node.op);
            return self.violate(place, Clause::Range, expected, "number with a fraction", None).map(|()| None);
        };
        match whole.to_i64() {
            Some(value) => Ok(Some(value)),
            None => self.out_of_range(node, place).map(|()| None),
        }
    }

    #[cold]
    fn out_of_range(&mut self, node: &'a Node, place: &Place<'_>) -> Step {
        let plan = self.plan;
        self.violate(place, Clause::Range, || plan.describe(node.op), "number out of range", None)
    }

    pub(super) fn double(&mut self, node: &'a Node, place: &Place<'_>) -> Step {
        let Some((number, text)) = self.number_text(node, place)? else { return Ok(()) };
        let value = quick_double(&number).unwrap_or_else(|| text.parse().unwrap_or(f64::INFINITY));
        if !value.is_finite() {
            return self.out_of_range(node, place);
        }
        self.out.extend_from_slice(&value.to_le_bytes());
        if !node.checks.is_empty() {
            self.plan.check_double(node, value, &mut self.report, place);
        }
        Ok(())
    }

    pub(super) fn float(&mut self, node: &'a Node, place: &Place<'_>) -> Step {
        let Some((_, text)) = self.number_text(node, place)? else { return Ok(()) };
        // Not by way of f64, which would round twice.
        let value: f32 = text.parse().unwrap_or(f32::INFINITY);
        if !value.is_finite() {
            return self.out_of_range(node, place);
        }
        self.out.extend_from_slice(&value.to_le_bytes());
        if !node.checks.is_empty() {
            self.plan.check_float(node, value, &mut self.report, place);
        }
        Ok(())
    }

    fn number_text(&mut self, node: &'a Node, place: &Place<'_>) -> Step<Option<(Number<'a>, &'a str)>> {
        if !matches!(self.scan.peek(), b'-' | b'0'..=b'9') {
            return self.mismatch(node, place).map(|()| None);
        }
        let start = self.scan.at;
        let number = self.scan.number()?;
        let text = &self.scan.input[start..self.scan.at];
        Ok(Some((number, std::str::from_utf8(text).unwrap_or_default())))
    }

    pub(super) fn decimal(&mut self, node: &'a Node, of: Decimal, place: &Place<'_>) -> Step {
        if self.avro_form {
            return self.bytes_like(node, place);
        }
        match self.scan.peek() {
            b'"' => {
                let text = &self.scan.input[self.scan.at + 1..];
                if let Some((value, length)) = quick_decimal(text, of)
                    && text.get(length) == Some(&b'"')
                {
                    self.scan.at += length + 2;
                    self.put_quick_decimal(node, of, value, place);
                    return Ok(());
                }
                let Some(text) = self.text(place)? else { return Ok(()) };
                match Number::parse(&text) {
                    Some(number) => self.any_decimal(node, of, number, place)?,
                    None => {
                        let (plan, found) = (self.plan, "string that is no number");
                        self.violate(place, Clause::Syntax, || plan.describe(node.op), found, None)?;
                    }
                }
                self.recycle(text);
                Ok(())
            }
            b'-' | b'0'..=b'9' => {
                if let Some((value, length)) = quick_decimal(&self.scan.input[self.scan.at..], of) {
                    self.scan.at += length;
                    self.put_quick_decimal(node, of, value, place);
                    return Ok(());
                }
                let number = self.scan.number()?;
                self.any_decimal(node, of, number, place)
            }
            _ => self.mismatch(node, place),
        }
    }

    /// A decimal of any size, or one that does not fit.
    #[cold]
    fn any_decimal(&mut self, node: &'a Node, of: Decimal, number: Number<'_>, place: &Place<'_>) -> Step {
        let plan = self.plan;
        let whole = number.whole(of.scale);
        let Some(whole) = whole.filter(|whole| whole.digits() <= u64::from(of.precision)) else {
            let found = match whole {
                Some(_) => format!("number of more than {} digits before the point", of.precision - of.scale),
                None => format!("number of more than {} digits after the point", of.scale),
            };
            let hint = Some("decimals are never rounded here; round before sending");
            return self.violate(place, Clause::Precision, || plan.describe(node.op), found, hint);
        };
        match whole.to_i128() {
            Some(value) => self.put_decimal(node, of, &value.to_be_bytes(), place),
            None => self.put_decimal(node, of, &whole.to_bytes(), place),
        }
        Ok(())
    }

    #[inline]
    fn put_quick_decimal(&mut self, node: &'a Node, of: Decimal, value: i64, place: &Place<'_>) {
        if of.fixed.is_some() {
            return self.put_decimal(node, of, &value.to_be_bytes(), place);
        }
        // As many bytes as the magnitude and a sign take, moved to the front of a block of fixed size.
        let bits = 65 - (value ^ (value >> 63)).leading_zeros();
        let length = bits.div_ceil(8);
        let block = (value << (64 - 8 * length)).to_be_bytes();
        let end = self.out.len() + 1 + length as usize;
        self.out.push((length << 1) as u8);
        self.out.extend_from_slice(&block);
        self.out.truncate(end);
        if !node.checks.is_empty() {
            self.plan.check_decimal(node, &block[..length as usize], &mut self.report, place);
        }
    }

    fn put_decimal(&mut self, node: &'a Node, of: Decimal, bytes: &[u8], place: &Place<'_>) {
        let bytes = crate::plan::number::minimal(bytes);
        match of.fixed {
            None => self.put_bytes(bytes),
            Some(size) => {
                // The schema's precision fits into its size.
                let fill = if bytes[0] & 0x80 == 0 { 0 } else { 0xff };
                self.out.resize(self.out.len() + (size as usize).saturating_sub(bytes.len()), fill);
                self.out.extend_from_slice(bytes);
            }
        }
        if !node.checks.is_empty() {
            self.plan.check_decimal(node, bytes, &mut self.report, place);
        }
    }

    /// Whatever a JSON string carries that is not text: bytes, fixed, UUIDs, durations, and Avro's form of decimals.
    pub(super) fn bytes_like(&mut self, node: &'a Node, place: &Place<'_>) -> Step {
        if self.scan.peek() != b'"' {
            return self.mismatch(node, place);
        }
        let Some(text) = self.text(place)? else { return Ok(()) };
        let step = match node.op {
            Op::Uuid => match schema::uuid(&text) {
                Some(_) => {
                    self.put_bytes(&text);
                    if !node.checks.is_empty() {
                        self.plan.check_text(node, &text, &mut self.report, place);
                    }
                    Ok(())
                }
                None => self.bad_text(node, place),
            },
            Op::UuidFixed if !self.avro_form => match schema::uuid(&text) {
                Some(bytes) => {
                    self.out.extend_from_slice(&bytes);
                    if !node.checks.is_empty() {
                        self.plan.check_bytes(node, &bytes, &mut self.report, place);
                    }
                    Ok(())
                }
                None => self.bad_text(node, place),
            },
            Op::Duration if !self.avro_form && text.starts_with(b"P") && parse_duration(&text).is_some() => {
                let parts = parse_duration(&text).unwrap_or_default();
                self.out.extend(parts.iter().flat_map(|part| part.to_le_bytes()));
                Ok(())
            }
            _ => self.binary(node, &text, place),
        };
        self.recycle(text);
        step
    }

    /// A string that carries bytes.
    fn binary(&mut self, node: &'a Node, text: &[u8], place: &Place<'_>) -> Step {
        let latin1 = self.avro_form || self.plan.bytes_encoding == BytesEncoding::Latin1;
        let length = match latin1 {
            true => latin1_length(text),
            false => base64::length(text),
        };
        let Some(length) = length else { return self.bad_text(node, place) };
        let size = match node.op {
            Op::Fixed(size) | Op::Decimal(Decimal { fixed: Some(size), .. }) => Some(size),
            Op::UuidFixed => Some(16),
            Op::Duration => Some(12),
            _ => None,
        };
        match size {
            Some(size) if size as usize != length => {
                let plan = self.plan;
                let found = format!("string of {length} bytes");
                return self.violate(place, Clause::Size, || plan.describe(node.op), found, None);
            }
            Some(_) => {}
            None => self.put_long(length as i64),
        }
        let start = self.out.len();
        match latin1 {
            true => self.out.extend(latin1_bytes(text)),
            false => {
                if base64::decode(text, self.out).is_none() {
                    return self.bad_text(node, place);
                }
            }
        }
        let bytes = &self.out[start..];
        if let Op::Decimal(of) = node.op {
            if !schema::fits_precision(bytes, of.precision) {
                let plan = self.plan;
                return self.violate(place, Clause::Precision, || plan.describe(node.op), "another number", None);
            }
            if !node.checks.is_empty() {
                self.plan.check_decimal(node, bytes, &mut self.report, place);
            }
        } else if !node.checks.is_empty() {
            self.plan.check_bytes(node, bytes, &mut self.report, place);
        }
        Ok(())
    }

    #[cold]
    fn bad_text(&mut self, node: &'a Node, place: &Place<'_>) -> Step {
        let (plan, avro_form) = (self.plan, self.avro_form);
        self.violate(place, Clause::Syntax, || plan.describe_in(node.op, avro_form), "string of another form", None)
    }
}

/// The bytes of a text that has one character up to U+00FF for each.
fn latin1_bytes(text: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let mut bytes = text.iter().copied();
    std::iter::from_fn(move || {
        let first = bytes.next()?;
        if first < 0x80 {
            return Some(first);
        }
        Some(first << 6 | bytes.next()? & 0x3f)
    })
}

/// How many bytes such a text stands for, if all its characters are that low.
fn latin1_length(text: &[u8]) -> Option<usize> {
    // In UTF-8, U+0080 to U+00FF begin with 0xC2 or 0xC3.
    let low = text.iter().all(|byte| *byte < 0xc4);
    low.then(|| text.iter().filter(|byte| !(0x80..0xc0).contains(*byte)).count())
}

/// A decimal of at most 18 digits without exponent that fits as it is, times `10^scale`, and how long its text is.
#[inline]
fn quick_decimal(text: &[u8], of: Decimal) -> Option<(i64, usize)> {
    let negative = text.first() == Some(&b'-');
    let mut at = usize::from(negative);
    let start = at;
    let mut value = 0u64;
    while let Some(digit @ b'0'..=b'9') = text.get(at) {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        at += 1;
    }
    let whole = at - start;
    let mut places = 0;
    if text.get(at) == Some(&b'.') {
        at += 1;
        let point = at;
        while let Some(digit @ b'0'..=b'9') = text.get(at) {
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            at += 1;
        }
        places = at - point;
        if places == 0 {
            return None;
        }
    }
    let leading_zero = whole > 1 && text[start] == b'0';
    let zeros = (of.scale as usize).checked_sub(places)?;
    if whole == 0 || leading_zero || whole + places + zeros > 18 || matches!(text.get(at), Some(b'e' | b'E' | b'.')) {
        return None;
    }
    let value = value * 10u64.pow(zeros as u32);
    if of.precision < 19 && value >= 10u64.pow(of.precision) {
        return None;
    }
    // At most 18 digits.
    let value = value as i64;
    Some((if negative { -value } else { value }, at))
}

/// The number that eight digits make, if all of them are digits: eight at a time, then as pairs of two, four and eight.
#[inline]
fn eight_digits(text: &[u8; 8]) -> Option<i64> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let word = u64::from_le_bytes(*text);
    // High halves of 3, and still of 3 with 6 added: 0x30 to 0x39.
    let high = (word & (ONES * 0xf0)) | ((word.wrapping_add(ONES * 6) & (ONES * 0xf0)) >> 4);
    if high != ONES * 0x33 {
        return None;
    }
    let pairs = ((word & (ONES * 0x0f)).wrapping_mul(10 << 8 | 1) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100 << 16 | 1) >> 16) & 0x0000_ffff_0000_ffff;
    Some((fours.wrapping_mul(10_000 << 32 | 1) >> 32) as i64)
}

/// A double whose digits and power of ten are both exact in a double, so that one operation rounds correctly.
#[inline]
fn quick_double(number: &Number<'_>) -> Option<f64> {
    const POWERS: [f64; 23] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22,
    ];
    if number.whole.len() + number.fraction.len() > 15 {
        return None;
    }
    let digits = number.whole.iter().chain(number.fraction);
    let value = digits.fold(0u64, |sum, digit| sum * 10 + u64::from(digit - b'0')) as f64;
    let power = number.exponent - number.fraction.len() as i64;
    let scale = POWERS.get(usize::try_from(power.unsigned_abs()).ok()?)?;
    let value = if power < 0 { value / scale } else { value * scale };
    Some(if number.negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latin1_takes_one_byte_a_character() {
        let text: String = (0..=0xffu8).map(char::from).collect();
        assert_eq!(latin1_length(text.as_bytes()), Some(256));
        assert_eq!(latin1_bytes(text.as_bytes()).collect::<Vec<_>>(), (0..=0xff).collect::<Vec<u8>>());
        assert_eq!(latin1_length("\u{100}".as_bytes()), None);
        assert_eq!(latin1_length("€".as_bytes()), None);
    }

    #[test]
    fn eight_digits_are_read_at_once() {
        for text in [b"00000000", b"12345678", b"99999999", b"00000001", b"90000000"] {
            let expected = std::str::from_utf8(text).unwrap().parse().unwrap();
            assert_eq!(eight_digits(text), Some(expected));
            for at in 0..8 {
                for other in (0..=255u8).filter(|byte| !byte.is_ascii_digit()) {
                    let mut text = *text;
                    text[at] = other;
                    assert_eq!(eight_digits(&text), None, "{text:?}");
                }
            }
        }
    }

    #[test]
    fn quick_doubles_are_what_the_library_reads() {
        for text in ["0", "-0.0", "1.5", "129.9", "1e22", "1e-22", "123456789012345", "0.1", "99999999999999e-5"] {
            let number = Number::parse(text.as_bytes()).unwrap();
            let expected: f64 = text.parse().unwrap();
            assert_eq!(quick_double(&number).map(f64::to_bits), Some(expected.to_bits()), "{text}");
        }
        for text in ["1e23", "1e-23", "1234567890123456"] {
            assert_eq!(quick_double(&Number::parse(text.as_bytes()).unwrap()), None, "{text}");
        }
    }
}
