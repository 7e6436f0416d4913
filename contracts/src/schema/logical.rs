//! Which logical type fits which structure, and what a text or bytes must look like to be one.

use super::{Fixed, Kind, Logical};

/// More digits would make reading one number slow, and nobody has them.
pub(super) const MAX_PRECISION: u32 = 4096;

/// A logical type other than decimal, or why it has no effect.
pub(super) fn plain(kind: &Kind, name: &str) -> Result<Logical, String> {
    let (logical, fits, wanted) = match name {
        "uuid" => {
            let fits = matches!(kind, Kind::String | Kind::Fixed(Fixed { size: 16, .. }));
            (Logical::Uuid, fits, "string or fixed(16)")
        }
        "duration" => (Logical::Duration, matches!(kind, Kind::Fixed(Fixed { size: 12, .. })), "fixed(12)"),
        "date" => (Logical::Date, matches!(kind, Kind::Int), "int"),
        "time-millis" => (Logical::TimeMillis, matches!(kind, Kind::Int), "int"),
        "time-micros" => (Logical::TimeMicros, matches!(kind, Kind::Long), "long"),
        "timestamp-millis" => (Logical::TimestampMillis, matches!(kind, Kind::Long), "long"),
        "timestamp-micros" => (Logical::TimestampMicros, matches!(kind, Kind::Long), "long"),
        "timestamp-nanos" => (Logical::TimestampNanos, matches!(kind, Kind::Long), "long"),
        "local-timestamp-millis" => (Logical::LocalTimestampMillis, matches!(kind, Kind::Long), "long"),
        "local-timestamp-micros" => (Logical::LocalTimestampMicros, matches!(kind, Kind::Long), "long"),
        "local-timestamp-nanos" => (Logical::LocalTimestampNanos, matches!(kind, Kind::Long), "long"),
        _ => return Err("Avro does not know it".to_owned()),
    };
    if fits { Ok(logical) } else { Err(format!("it belongs on {wanted}")) }
}

/// A decimal, or why it has no effect. The numbers are absent, unreadable, or there.
pub(super) fn decimal(
    kind: &Kind,
    precision: Option<Option<u32>>,
    scale: Option<Option<u32>>,
) -> Result<Logical, String> {
    let precision = precision.flatten().filter(|precision| *precision > 0);
    let precision = precision.ok_or("it needs a `precision` of at least 1")?;
    let scale = scale.unwrap_or(Some(0)).filter(|scale| *scale <= precision);
    let scale = scale.ok_or("its `scale` must be a whole number and not above its precision")?;
    match kind {
        Kind::Bytes => {}
        Kind::Fixed(Fixed { size, .. }) => {
            let holds = digits_in(*size);
            if precision > holds {
                return Err(format!("fixed({size}) holds {holds} digits, not {precision}"));
            }
        }
        _ => return Err("it belongs on bytes or fixed".to_owned()),
    }
    Ok(Logical::Decimal { precision, scale })
}

/// How many decimal digits always fit into so many bytes of two's complement.
fn digits_in(size: usize) -> u32 {
    match size {
        0 => 0,
        // floor(log10(2^(8n-1) - 1)); the power of two is never a power of ten, so the -1 changes nothing.
        _ => ((8 * size - 1) as f64 * std::f64::consts::LOG10_2) as u32,
    }
}

/// The bytes of a UUID written with its four hyphens.
pub(crate) fn uuid(text: &[u8]) -> Option<[u8; 16]> {
    if text.len() != 36 {
        return None;
    }
    let mut bytes = [0; 16];
    let mut at = 0;
    for byte in &mut bytes {
        if matches!(at, 8 | 13 | 18 | 23) {
            if text[at] != b'-' {
                return None;
            }
            at += 1;
        }
        *byte = hex(text[at])? << 4 | hex(text[at + 1])?;
        at += 2;
    }
    Some(bytes)
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// 10^0 to 10^19, which is the last one in reach.
const POWERS: [u64; 20] = {
    let mut powers = [1; 20];
    let mut at = 1;
    while at < 20 {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

/// Whether a big-endian two's complement number has at most so many decimal digits.
pub(crate) fn fits_precision(bytes: &[u8], precision: u32) -> bool {
    if bytes.is_empty() {
        return false;
    }
    // Most numbers are short: those are compared as they are.
    let negative = bytes[0] & 0x80 != 0;
    if bytes.len() <= 8 {
        let sign = if negative { -1 } else { 0 };
        let value = bytes.iter().fold(sign, |value: i64, byte| value << 8 | i64::from(*byte));
        return POWERS.get(precision as usize).is_none_or(|limit| value.unsigned_abs() < *limit);
    }
    let fill = if negative { 0xff } else { 0 };
    let body = &bytes[bytes.iter().take_while(|byte| **byte == fill).count()..];
    if body.len() < 16 {
        let mut wide = [fill; 16];
        wide[16 - body.len()..].copy_from_slice(body);
        let magnitude = i128::from_be_bytes(wide).unsigned_abs();
        return precision >= 39 || magnitude < 10u128.pow(precision);
    }
    // A digit takes 0.4153 bytes.
    if body.len() > precision as usize * 416 / 1000 + 2 {
        return false;
    }
    // Long ones: divide the magnitude by 10^9 again and again and count.
    let mut limbs = magnitude(body, negative);
    let mut digits = 0u32;
    loop {
        let mut rest = 0u128;
        for limb in limbs.iter_mut().rev() {
            let wide = rest << 32 | u128::from(*limb);
            *limb = (wide / 1_000_000_000) as u32;
            rest = wide % 1_000_000_000;
        }
        while limbs.last() == Some(&0) {
            limbs.pop();
        }
        if limbs.is_empty() {
            return digits + rest.checked_ilog10().map_or(0, |log| log + 1) <= precision;
        }
        digits += 9;
        if digits >= precision {
            return false;
        }
    }
}

/// The magnitude of a two's complement number whose sign bytes were taken off, least significant limb first.
fn magnitude(body: &[u8], negative: bool) -> Vec<u32> {
    let mut limbs: Vec<u32> = body
        .rchunks(4)
        .map(|chunk| {
            let mut wide = [if negative { 0xff } else { 0 }; 4];
            wide[4 - chunk.len()..].copy_from_slice(chunk);
            u32::from_be_bytes(wide)
        })
        .collect();
    if negative {
        let mut carry = true;
        for limb in &mut limbs {
            let (sum, over) = (!*limb).overflowing_add(u32::from(carry));
            *limb = sum;
            carry = over;
        }
        if carry {
            limbs.push(1);
        }
    }
    limbs
}
