//! Numbers as their text says them: exact, whatever their size.

/// A number's text in parts. Its value is `whole.fraction × 10^exponent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number<'a> {
    pub(super) negative: bool,
    pub(super) whole: &'a [u8],
    pub(super) fraction: &'a [u8],
    /// Saturated: nobody can tell 10^±1000000000 from more.
    pub(super) exponent: i64,
}

/// A number times a power of ten that must come out whole: `digits` with zeros on the left and right cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whole<'a> {
    pub(super) negative: bool,
    head: &'a [u8],
    tail: &'a [u8],
    zeros: u64,
}

const FAR: i64 = 1_000_000_000;

impl<'a> Number<'a> {
    /// Reads a decimal numeral as people write it in strings and contracts: `+`, leading zeros and a bare point are
    /// fine too. JSON's own grammar is checked by the scanner.
    pub(super) fn parse(text: &'a [u8]) -> Option<Self> {
        let (negative, rest) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let (whole, rest) = digits(rest);
        let (fraction, rest) = match rest {
            [b'.', rest @ ..] => digits(rest),
            rest => (&[][..], rest),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let exponent = match rest {
            [] => 0,
            [b'e' | b'E', rest @ ..] => exponent(rest)?,
            _ => return None,
        };
        Some(Self { negative, whole, fraction, exponent })
    }

    /// The number times `10^scale`, if that is whole.
    pub(super) fn whole(&self, scale: u32) -> Option<Whole<'a>> {
        let (mut head, mut tail) = (self.whole, self.fraction);
        let mut power = self.exponent - tail.len() as i64 + i64::from(scale);
        while let [rest @ .., b'0'] = tail {
            tail = rest;
            power += 1;
        }
        if tail.is_empty() {
            while let [rest @ .., b'0'] = head {
                head = rest;
                power += 1;
            }
        }
        while let [b'0', rest @ ..] = head {
            head = rest;
        }
        if head.is_empty() {
            while let [b'0', rest @ ..] = tail {
                tail = rest;
            }
        }
        if head.is_empty() && tail.is_empty() {
            return Some(Whole { negative: false, head, tail, zeros: 0 });
        }
        Some(Whole { negative: self.negative, head, tail, zeros: u64::try_from(power).ok()? })
    }
}

impl Whole<'_> {
    /// How many digits it has; zero has none.
    pub(super) fn digits(&self) -> u64 {
        (self.head.len() + self.tail.len()) as u64 + self.zeros
    }

    /// The value, if it is in the range of `i128`'s full 38 digits.
    pub(super) fn to_i128(self) -> Option<i128> {
        if self.digits() > 38 {
            return None;
        }
        let digits = self.head.iter().chain(self.tail);
        let magnitude = digits.fold(0i128, |sum, digit| sum * 10 + i128::from(digit - b'0'));
        let magnitude = magnitude * 10i128.pow(self.zeros as u32);
        Some(if self.negative { -magnitude } else { magnitude })
    }

    /// The value, if it is in the range of `i64`.
    pub(super) fn to_i64(self) -> Option<i64> {
        self.to_i128().and_then(|value| i64::try_from(value).ok())
    }

    /// Whether it is a whole multiple; `unit` has at most 120 bits.
    pub(super) fn is_multiple_of(self, unit: u128) -> bool {
        let digits = self.head.iter().chain(self.tail).map(|digit| u128::from(digit - b'0'));
        let digits = digits.chain(std::iter::repeat_n(0, self.zeros as usize));
        digits.fold(0, |remainder, digit| (remainder * 10 + digit) % unit) == 0
    }

    /// The value as two's complement, most significant byte first and no longer than needed. Only for numbers whose
    /// digits were counted before: the work grows with their square.
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut limbs: Vec<u32> = Vec::new();
        let digits = self.head.iter().chain(self.tail).map(|digit| u32::from(digit - b'0'));
        let mut digits = digits.chain(std::iter::repeat_n(0, self.zeros as usize)).peekable();
        while digits.peek().is_some() {
            let (mut chunk, mut unit) = (0, 1);
            for digit in digits.by_ref().take(9) {
                chunk = chunk * 10 + digit;
                unit *= 10;
            }
            let mut carry = u64::from(chunk);
            for limb in &mut limbs {
                let wide = u64::from(*limb) * unit + carry;
                *limb = wide as u32;
                carry = wide >> 32;
            }
            if carry > 0 {
                limbs.push(carry as u32);
            }
        }
        // One limb more, so that there is a sign bit; then the complement.
        limbs.push(0);
        if self.negative {
            let mut carry = true;
            for limb in &mut limbs {
                (*limb, carry) = (!*limb).overflowing_add(u32::from(carry));
            }
        }
        let bytes: Vec<u8> = limbs.iter().rev().flat_map(|limb| limb.to_be_bytes()).collect();
        minimal(&bytes).to_vec()
    }
}

/// Two's complement without the bytes that only repeat the sign.
pub(super) fn minimal(mut bytes: &[u8]) -> &[u8] {
    while let [0, next, ..] | [0xff, next, ..] = bytes
        && (bytes[0] ^ next) & 0x80 == 0
    {
        bytes = &bytes[1..];
    }
    bytes
}

/// The digits that a text begins with, and the rest.
pub(super) fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().take_while(|byte| byte.is_ascii_digit()).count())
}

/// The text after `e` as a number, if all of it is one.
pub(super) fn exponent(text: &[u8]) -> Option<i64> {
    let (negative, rest) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if rest.is_empty() || !rest.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let magnitude = rest.iter().fold(0, |sum: i64, digit| (sum * 10 + i64::from(digit - b'0')).min(FAR));
    Some(if negative { -magnitude } else { magnitude })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_exact() {
        #[track_caller]
        fn check(text: &str, scale: u32, expected: Option<&str>) {
            let whole = Number::parse(text.as_bytes()).unwrap().whole(scale);
            assert_eq!(
                whole.map(|whole| whole.to_i128().unwrap().to_string()).as_deref(),
                expected,
                "{text} × 10^{scale}"
            );
        }
        check("0", 0, Some("0"));
        check("-0.000e99", 5, Some("0"));
        check("0e999999999999", 0, Some("0"));
        check("2.0", 0, Some("2"));
        check("2e0", 0, Some("2"));
        check("2.5", 0, None);
        check("2.5", 1, Some("25"));
        check("2.5e1", 0, Some("25"));
        check("-129.90", 2, Some("-12990"));
        check("129.9000", 2, Some("12990"));
        check("129.901", 2, None);
        check("1000e-3", 0, Some("1"));
        check("1000e-4", 0, None);
        check("0.001e3", 0, Some("1"));
        check("+007.50", 2, Some("750"));
        check(".5", 1, Some("5"));
        check("99999999999999999999999999999999999999", 0, Some("99999999999999999999999999999999999999"));
        check("1e-99999999999999999999", 9, None);
        assert_eq!(Number::parse(b"1e99999999999").unwrap().whole(0).unwrap().to_i128(), None);
        assert_eq!(Number::parse(b"1e38").unwrap().whole(0).unwrap().to_i128(), None);
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "-", ".", "e5", "1e", "1e+", "1.2.3", "0x10", "1_000", " 1", "1 ", "NaN", "1,5", "--1"] {
            assert_eq!(Number::parse(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn long_numbers_become_twos_complement() {
        for value in [0i128, 1, -1, 127, 128, -128, -129, 255, 256, i128::MAX / 7, i128::MIN / 3, 10i128.pow(37)] {
            let bytes = Number::parse(value.to_string().as_bytes()).unwrap().whole(0).unwrap().to_bytes();
            assert_eq!(bytes, minimal(&value.to_be_bytes()), "{value}");
        }
        let bytes = Number::parse(b"1e2000").unwrap().whole(0).unwrap().to_bytes();
        assert!(crate::schema::fits_precision(&bytes, 2001) && !crate::schema::fits_precision(&bytes, 2000));
    }
}
