//! The quick ways of reading numbers, against arithmetic that is as plain as can be.

use super::*;
use proptest::prelude::*;

/// The number times `10^scale`: what is not whole, and what is beyond all limits here.
fn scaled(text: &str, scale: i32) -> Result<i128, Clause> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().unwrap();
    let power = exponent.parse::<i32>().unwrap() - fraction.len() as i32 + scale;
    if digits == 0 {
        return Ok(0);
    }
    match 10i128.checked_pow(power.unsigned_abs()) {
        Some(unit) if power >= 0 => digits.checked_mul(unit).ok_or(Clause::Range),
        Some(unit) if digits % unit == 0 => Ok(digits / unit),
        _ => Err(Clause::Range),
    }
}

fn long(value: i64) -> Vec<u8> {
    let mut bytes = Vec::new();
    crate::schema::put_long(value, &mut bytes);
    bytes
}

/// Two's complement without the bytes that only repeat the sign.
fn shortest(value: i128) -> Vec<u8> {
    let length = (1..=16).find(|length| value << (128 - 8 * length) >> (128 - 8 * length) == value).unwrap();
    value.to_be_bytes()[16 - length..].to_vec()
}

const NUMBER: &str = r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,19})?([eE][+-]?[0-9]{1,2})?";
const INTEGER: &str = r"-?(0|[1-9][0-9]{0,19})(\.0{1,3})?";
const MONEY: &str = r"-?(0|[1-9][0-9]{0,7})(\.[0-9]{1,3})?";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn quick_ways_read_what_slow_ways_read(
        text in prop_oneof![NUMBER, INTEGER, MONEY],
        (precision, scale) in (1..24u32).prop_flat_map(|precision| (Just(precision), 0..=precision)),
        spaces in " {0,12}",
    ) {
        let json = |text: &str| format!("{text}{spaces}");
        let whole = scaled(&text, 0);
        let of_long = whole.and_then(|value| i64::try_from(value).map_err(|_| Clause::Range)).map(long);
        check(&plan("\"long\""), json(&text), of_long.as_deref().map_err(|clause| *clause));
        let of_int = whole.and_then(|value| i32::try_from(value).map_err(|_| Clause::Range));
        let of_int = of_int.map(|value| long(value.into()));
        check(&plan("\"int\""), json(&text), of_int.as_deref().map_err(|clause| *clause));
        let double = text.parse::<f64>().unwrap();
        check(&plan("\"double\""), json(&text), Ok(&double.to_le_bytes()));
        let float = text.parse::<f32>().unwrap().to_le_bytes();
        let finite = f32::from_le_bytes(float).is_finite();
        check(&plan("\"float\""), json(&text), if finite { Ok(&float) } else { Err(Clause::Range) });

        let fits = |value: &i128| value.unsigned_abs() < 10u128.pow(precision);
        let value = scaled(&text, scale as i32).ok().filter(fits).map(shortest).ok_or(Clause::Precision);
        let schema = |kind: &str| {
            format!(r#"{{"type":{kind},"logicalType":"decimal","precision":{precision},"scale":{scale}}}"#)
        };
        let sized = value.clone().map(|bytes| [long(bytes.len() as i64), bytes].concat());
        let filled = value.map(|bytes| {
            let fill = if bytes[0] < 0x80 { 0 } else { 0xff };
            [vec![fill; 12 - bytes.len()], bytes].concat()
        });
        for text in [json(&text), json(&format!("\"{text}\""))] {
            check(&plan(&schema("\"bytes\"")), &text, sized.as_deref().map_err(|clause| *clause));
            let fixed = plan(&schema(r#""fixed","name":"F","size":12"#));
            check(&fixed, &text, filled.as_deref().map_err(|clause| *clause));
        }
    }
}
