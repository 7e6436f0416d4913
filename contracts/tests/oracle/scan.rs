//! The scanner takes for JSON what serde_json takes for JSON, and nothing makes it panic.

use crate::generate::{Entropy, sample, schema};
use proptest::prelude::*;
use serde::de::IgnoredAny;
use tidegate_contracts::{
    plan::{JsonForm, Outcome, Plan, PlanOptions, Verdict},
    schema::Schema,
    violation::{Clause, Violation},
};

/// Text that is mostly JSON: tokens in random order.
fn tokens() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            " ",
            "\n",
            "null",
            "true",
            "false",
            "0",
            "-1",
            "1.5",
            "1e9",
            "01",
            "1.",
            "-",
            "\"\"",
            "\"a\"",
            "\"\\u00e9\"",
            "\"\\ud83d\\ude00\"",
            "\"\\q\"",
            "\"\u{e9}\"",
            "\"a",
            "{\"a\":1}",
            "[1,2]",
            "\"x\":",
            "\t",
            "\u{feff}",
            "\"0123456789abcdef\"",
            "nul",
            "1E+5",
            "1e",
            "\"\u{1}\"",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        any::<u8>().prop_map(|byte| vec![byte]),
    ];
    prop::collection::vec(token, 0..12).prop_map(|tokens| tokens.concat())
}

/// A plan that knows no field, so that all it does is to pass over the text.
fn any_object() -> Plan {
    let schema = Schema::parse(r#"{"type":"record","name":"R","fields":[]}"#).unwrap();
    Plan::compile(&schema, &[], PlanOptions::default()).unwrap()
}

/// Whether the text is JSON to us: nothing but its grammar and UTF-8.
fn is_json(plan: &Plan, text: &[u8]) -> bool {
    let mut outcome = Outcome::default();
    plan.encode_json(text, JsonForm::Plain, &mut Vec::new(), &mut outcome);
    let is_grammar = |found: &Violation| match found.clause {
        Clause::Malformed | Clause::Trailing => true,
        Clause::Encoding => found.found == "invalid UTF-8",
        _ => false,
    };
    !outcome.violations.listed.iter().any(is_grammar)
}

proptest! {
    #![proptest_config(crate::cases(3000))]

    #[test]
    fn we_take_for_json_what_serde_json_does(text in tokens(), wrapped in any::<bool>()) {
        let text = if wrapped { [b"{\"x\":", &text[..], b"}"].concat() } else { text };
        let theirs = std::str::from_utf8(&text).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
        prop_assert_eq!(is_json(&any_object(), &text), theirs, "{:?}", String::from_utf8_lossy(&text));
    }

    /// Any bytes as an event of any schema: a verdict, and no body for a broken one.
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in tokens(), avro in any::<bool>()) {
        let schema = Schema::parse(&schema(&mut Entropy(&bytes))).unwrap();
        let plan = Plan::compile(&schema, &[], PlanOptions::default()).unwrap();
        let form = if avro { JsonForm::Avro } else { JsonForm::Plain };
        let (mut out, mut outcome) = (vec![1, 2, 3], Outcome::default());
        let verdict = plan.encode_json(&text, form, &mut out, &mut outcome);
        prop_assert_eq!(verdict == Verdict::Broken, out.len() == 3 && !outcome.violations.is_empty());
        plan.check_avro(&text, &mut outcome);
    }

    /// A sound event with something changed: still a verdict, and an extent exactly where serde_json ends the value.
    #[test]
    fn changed_events_get_a_verdict(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..4),
    ) {
        let mut entropy = Entropy(&bytes);
        let schema = Schema::parse(&schema(&mut entropy)).unwrap();
        let plan = Plan::compile(&schema, &[], PlanOptions::default()).unwrap();
        let mut text = sample(&schema, &mut entropy).plain.into_bytes();
        let whole = text.clone();
        for (at, byte, how) in changes {
            let at = at.index(text.len());
            match how {
                0 => text.insert(at, byte),
                1 if text.len() > 1 => drop(text.remove(at)),
                _ => text[at] = byte,
            }
        }
        let (mut out, mut outcome) = (Vec::new(), Outcome::default());
        plan.encode_json(&text, JsonForm::Plain, &mut out, &mut outcome);
        let in_array = [b"[ ", &text[..], b" ,1]"].concat();
        out.clear();
        let (verdict, extent) = plan.encode_json_at(&in_array, 2, JsonForm::Plain, &mut out, &mut outcome);
        prop_assert_eq!(verdict == Verdict::Broken, out.is_empty() && !outcome.violations.is_empty());
        let mut stream = serde_json::Deserializer::from_slice(&in_array[2..]).into_iter::<IgnoredAny>();
        if let (Ok(end), Some(Ok(_))) = (extent, stream.next()) {
            // serde_json's stream goes on over the white space after a number.
            let rest = &in_array[end..2 + stream.byte_offset()];
            prop_assert!(rest.iter().all(u8::is_ascii_whitespace), "{:?}", String::from_utf8_lossy(&in_array));
        }
        // Unchanged, inside an array, it ends where it ends.
        let in_array = [b"[ ", &whole[..], b" ,1]"].concat();
        let (_, extent) = plan.encode_json_at(&in_array, 2, JsonForm::Plain, &mut out, &mut outcome);
        prop_assert_eq!(extent, Ok(2 + whole.len()));
    }
}
