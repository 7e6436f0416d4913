use super::*;
use proptest::prelude::*;

#[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
struct Probe {
    name: Option<String>,
    numbers: Vec<i32>,
    flag: bool,
    share: f64,
    of: Vec<Named>,
}

#[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
struct Named {
    name: String,
    next: Option<i64>,
}

fn probe() -> Codec {
    Codec::new(
        r#"{"type": "record", "name": "Probe", "fields": [
            {"name": "name", "type": ["null", "string"]}, {"name": "numbers", "type": {"type": "array", "items": "int"}},
            {"name": "flag", "type": "boolean"}, {"name": "share", "type": "double"},
            {"name": "of", "type": {"type": "array", "items": {"type": "record", "name": "Named", "fields": [
                {"name": "name", "type": "string"}, {"name": "next", "type": ["null", "long"]}]}}}]}"#,
    )
}

#[test]
fn every_body_cut_short_or_too_long_is_garbage() {
    let codec = probe();
    let named = Named { name: "n".to_owned(), next: Some(-3) };
    let record = Probe { name: Some("ü".to_owned()), numbers: vec![1, -2], flag: true, share: 0.5, of: vec![named] };
    let body = codec.encode(&record);
    assert_eq!(codec.decode::<Probe>(&body).unwrap(), record);
    for end in 0..body.len() {
        assert!(matches!(codec.decode::<Probe>(&body[..end]), Err(FeedError::Garbage(_))), "cut at {end}");
    }
    let longer = [body.as_slice(), &[0]].concat();
    assert!(matches!(codec.decode::<Probe>(&longer), Err(FeedError::Garbage(_))));
}

#[test]
fn what_a_length_claims_must_be_there() {
    let check = |body: &[u8], reason: &str| {
        let found = probe().decode::<Probe>(body).unwrap_err().to_string();
        assert_eq!(found, format!("not a record of this feed: {reason}"), "{body:02x?}");
    };
    // A name of 400 MiB, an array of as many numbers, and one of a negative count with a block size.
    check(&[2, 0x80, 0x80, 0x80, 0x80, 0x03, b'x'], "it is cut off");
    check(&[0, 0x80, 0x80, 0x80, 0x80, 0x03, 0], "it is cut off");
    check(&[0, 0xff, 0xff, 0xff, 0xff, 0x02, 2, 0], "it is cut off");
    check(&[2, 1], "a negative length");
    check(&[4], "a branch that the union does not have");
    check(&[1], "a branch that the union does not have");
    check(&[2, 2, 0xff], "a string that is not UTF-8");
    check(&[0xff; 12], "a number of more than 64 bits");
    check(&[0, 2, 0x80, 0x80, 0x80, 0x80, 0x20, 0], "an int out of range");
    check(&[0, 0, 2], "a boolean that is neither");
}

proptest! {
    #[test]
    fn any_bytes_are_a_record_or_garbage(body in proptest::collection::vec(any::<u8>(), 0..64)) {
        let codec = probe();
        if let Ok(record) = codec.decode::<Probe>(&body) {
            // What is read is what was meant: writing it again gives a body of the same record.
            let again = codec.decode::<Probe>(&codec.encode(&record)).unwrap();
            prop_assert!(again == record || record.share.is_nan());
        }
    }
}
