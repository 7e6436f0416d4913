//! Every content type, and what becomes of it.

use super::*;
use proptest::prelude::*;

const ORDER: &str = r#"{"orderId":"o-1","amount":12}"#;

#[tokio::test]
async fn a_json_event_becomes_a_record() {
    let gate = Gate::keyed("- {property: tidegate.eventId, value: orderId}");
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let headers = [("content-type", "application/json; charset=utf-8"), ("traceparent", trace), ("tracestate", "a=1")];
    let reply = gate.send("POST", "?version=1", &headers, r#" {"amount": 12, "orderId": "o-1", "colour": 1} "#).await;
    assert_eq!((reply.status, &reply.headers["content-type"]), (200, &"application/json".parse().unwrap()));
    insta::assert_snapshot!(
        reply.body.to_string().replace(&gate.domain, "DOMAIN"),
        @r#"{"items":[{"id":"o-1","offset":0,"partition":0,"schemaId":7,"status":"published","topic":"DOMAIN.orders.v1","undeclared":["colour"]}]}"#
    );
    insta::assert_snapshot!(gate.published().await, @r"
    key o-1 value \x00\x00\x00\x00\x07\x06o-1\x18\x00
      ce_specversion: 1.0
      ce_id: o-1
      ce_source: /DOMAIN/orders
      ce_type: shop.Order
      ce_time: NOW
      ce_dataschema: http://registry/schemas/ids/7
      content-type: application/avro
      traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
      tracestate: a=1
    ");
    assert_eq!(gate.counted(EventOutcome::Published), 1);
}

#[tokio::test]
async fn every_content_type_is_taken() {
    async fn check(content_type: &str, body: impl Into<Bytes>, status: u16, items: &[&str]) {
        let gate = Gate::keyed("- {property: tidegate.eventId, value: orderId}");
        let reply = gate.post(content_type, body).await;
        assert_eq!(
            (reply.status, reply.items()),
            (status, items.iter().map(ToString::to_string).collect()),
            "{content_type}"
        );
        let published = items.iter().filter(|item| item.contains("published")).count();
        assert_eq!(gate.records("orders.v1").await.len(), published, "{content_type}");
    }
    let envelope =
        |id: &str, data: &str| format!(r#"{{"specversion":"1.0","id":"{id}","source":"/s","type":"t","data":{data}}}"#);
    let other = r#"{"orderId":"o-2","amount":1}"#;
    let broken = r#"{"orderId":"o","amount":-1}"#;
    check("application/json", ORDER, 200, &["o-1 published"]).await;
    check("application/json", "[]", 200, &[]).await;
    check("application/json", format!(" [ {ORDER} , {other} ] "), 200, &["o-1 published", "o-2 published"]).await;
    check(
        "application/json",
        format!("[{ORDER},{broken},{other},7]"),
        207,
        &[
            "o-1 published",
            "o rejected orderId:minLength amount:minimum kept",
            "o-2 published",
            "UUID rejected :type kept",
        ],
    )
    .await;
    check(
        "application/x-ndjson",
        format!("{ORDER}\r\n\n  \t\n{other}\n{{\"orderId\n{{}} x\n\"\n{ORDER}"),
        207,
        &[
            "o-1 published",
            "o-2 published",
            "UUID rejected :malformed kept",
            "UUID rejected orderId:missing amount:missing :trailing kept",
            "UUID rejected :type :malformed kept",
            "o-1 published",
        ],
    )
    .await;
    check("application/x-ndjson", "\n\n", 200, &[]).await;
    check("application/cloudevents+json", envelope("e-1", ORDER), 200, &["o-1 published"]).await;
    check(
        "application/cloudevents-batch+json; charset=UTF-8",
        format!("[{},{},{}]", envelope("e-1", ORDER), envelope("e-2", broken), r#"{"id":"e-3"}"#),
        207,
        &[
            "o-1 published",
            "o rejected orderId:minLength amount:minimum kept",
            "e-3 rejected ce_data:missing ce_specversion:missing ce_source:missing ce_type:missing kept",
        ],
    )
    .await;
    // By the grammar these are JSON, so that their neighbours are published.
    check(
        "application/cloudevents-batch+json",
        format!("[{},{},{}]", r#"{"id":"\ud800"}"#, r#"{"n":1e999}"#, envelope("e-1", ORDER)),
        207,
        &["UUID rejected ce_:encoding kept", "UUID rejected ce_:encoding kept", "o-1 published"],
    )
    .await;
    check("application/avro", avro("o-1", 1), 200, &["o-1 published"]).await;
    check("application/vnd.confluent.avro", framed(SCHEMA_ID, &avro("o-1", 1)), 200, &["o-1 published"]).await;
    let batch = |events: &[Vec<u8>]| -> Vec<u8> {
        events.iter().flat_map(|event| [&(event.len() as u32).to_be_bytes()[..], event].concat()).collect()
    };
    check(
        "application/vnd.tidegate.avro-batch",
        batch(&[
            framed(SCHEMA_ID, &avro("o-1", 1)),
            framed(OLDER_ID, b"\x06o-2\x02"),
            framed(LATER_ID, b"\x06o-3\x02\x00\x01"),
            framed(OTHERS_ID, &avro("o-4", 1)),
            framed(SCHEMA_ID, b"\x06o-5"),
            framed(SCHEMA_ID, &[&avro("o-6", 1)[..], b"x"].concat()),
            b"\x01\x00\x00\x00\x07".to_vec(),
            vec![],
        ]),
        207,
        &[
            "o-1 published",
            "o-2 published",
            "o-3 published",
            "UUID rejected :schema-id kept",
            "UUID rejected amount:malformed kept",
            "UUID rejected :trailing kept",
            "UUID rejected :malformed kept",
            "UUID rejected :malformed kept",
        ],
    )
    .await;
}

#[tokio::test]
async fn encoded_events_keep_their_bytes_and_their_schema() {
    let gate = Gate::keyed("");
    for (id, body) in [(OLDER_ID, b"\x06o-2\x02".to_vec()), (LATER_ID, b"\x06o-3\x02\x00\x01".to_vec())] {
        let reply = gate.post("application/vnd.confluent.avro", framed(id, &body)).await;
        assert_eq!((reply.status, &reply.body["items"][0]["schemaId"]), (200, &id.into()));
        // The same without its frame.
        let query = format!("?schemaId={id}");
        let reply = gate.send("POST", &query, &[("content-type", "application/avro")], body).await;
        assert_eq!((reply.status, &reply.body["items"][0]["schemaId"]), (200, &id.into()));
    }
    let records = gate.records("orders.v1").await;
    let seen: Vec<_> = records
        .iter()
        .map(|record| {
            let schema = record.headers.iter().find(|(name, _)| name == "ce_dataschema").unwrap();
            (record.value.clone().unwrap(), String::from_utf8(schema.1.clone().unwrap()).unwrap())
        })
        .collect();
    let older = (framed(OLDER_ID, b"\x06o-2\x02"), "http://registry/schemas/ids/6".to_owned());
    let later = (framed(LATER_ID, b"\x06o-3\x02\x00\x01"), "http://registry/schemas/ids/8".to_owned());
    assert_eq!(seen, [older.clone(), older, later.clone(), later]);
    assert_eq!(gate.asked.load(Ordering::Relaxed), 1, "the registry is asked once for an id");
}

#[tokio::test]
async fn the_registrys_silence_is_no_violation() {
    let gate = Gate::keyed("");
    let event = framed(SILENT_ID, &avro("o-1", 1));
    let began = std::time::Instant::now();
    let reply = gate.post("application/vnd.confluent.avro", event.clone()).await;
    assert_eq!((reply.status, reply.items()), (503, vec!["UUID failed".to_owned()]));
    assert_eq!(reply.headers["retry-after"], "1");
    // Known ones go on beside it, and it is not asked again at once.
    let frames = [framed(SCHEMA_ID, &avro("o-2", 1)), event];
    let body: Vec<u8> = frames.iter().flat_map(|one| [&(one.len() as u32).to_be_bytes()[..], one].concat()).collect();
    let reply = gate.post("application/vnd.tidegate.avro-batch", body).await;
    assert_eq!((reply.status, reply.items()), (207, vec!["UUID published".to_owned(), "UUID failed".to_owned()]));
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(gate.asked.load(Ordering::Relaxed), 1);
    assert_eq!(gate.quarantined().await, "");
}

#[tokio::test]
async fn a_slow_registrys_answer_counts_for_the_next_request() {
    let gate = Gate::keyed("");
    let event = framed(SLOW_ID, b"\x06o-3\x02\x00\x01");
    let began = std::time::Instant::now();
    let first = gate.post("application/vnd.confluent.avro", event.clone()).await;
    assert_eq!(first.items(), ["UUID failed"]);
    loop {
        let reply = gate.post("application/vnd.confluent.avro", event.clone()).await;
        if reply.status == 200 {
            break;
        }
        assert_eq!(reply.items(), ["UUID failed"]);
        assert!(began.elapsed() < Duration::from_secs(20), "never known");
    }
    assert_eq!(gate.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn many_unknown_ids_are_not_asked_for_beyond_the_budget() {
    let gate = Gate::new(KEYED, Options { max_events: 1_000, ..Options::of_tests() });
    let frames = (STRANGE_ID..STRANGE_ID + 1_000).map(|id| framed(id, &avro("o-1", 1)));
    let body: Vec<u8> = frames.flat_map(|one| [&(one.len() as u32).to_be_bytes()[..], &one].concat()).collect();
    let reply = gate.post("application/vnd.tidegate.avro-batch", body).await;
    let items = reply.items();
    assert!(items.iter().skip(3).all(|item| item == "UUID failed"), "{items:?}");
    // One after the other, each takes 40 ms.
    assert!((1..=3).contains(&gate.asked.load(Ordering::Relaxed)));
}

#[tokio::test]
async fn an_id_of_another_product_is_asked_for_once() {
    let gate = Gate::keyed("");
    for _ in 0..3 {
        let reply = gate.post("application/vnd.confluent.avro", framed(OTHERS_ID, &avro("o-1", 1))).await;
        assert_eq!(reply.items(), ["UUID rejected :schema-id kept"]);
    }
    assert_eq!(gate.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_cloudevent_in_headers_is_one_event() {
    let gate = Gate::keyed("");
    let headers = [
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", "caf%C3%A9"),
        ("ce-source", "/theirs"),
        ("ce-type", "their.Type"),
        ("ce-time", "2001-02-03T04:05:06Z"),
        ("ce-subject", "s"),
        ("ce-dataschema", "urn:theirs"),
        ("ce-region", "eu"),
    ];
    let reply = gate.send("POST", "", &headers, ORDER).await;
    assert_eq!((reply.status, reply.items()), (200, vec!["café published".to_owned()]));
    insta::assert_snapshot!(gate.published().await, @r"
    key o-1 value \x00\x00\x00\x00\x07\x06o-1\x18\x00
      ce_specversion: 1.0
      ce_id: caf\xc3\xa9
      ce_source: /DOMAIN/orders
      ce_type: their.Type
      ce_time: 2001-02-03T04:05:06Z
      ce_dataschema: http://registry/schemas/ids/7
      content-type: application/avro
      ce_subject: s
      ce_region: eu
    ");
    // An array is that event's data, not a batch.
    let reply = gate.send("POST", "", &headers, format!("[{ORDER}]")).await;
    assert_eq!((reply.status, reply.items()), (422, vec!["café rejected :type kept".to_owned()]));
    // Without a content type its data is JSON.
    let reply = gate.send("POST", "", &headers[1..], ORDER).await;
    assert_eq!((reply.status, reply.items()), (200, vec!["café published".to_owned()]));
    // What is wrong with the headers is the event's.
    let injected =
        [("content-type", "application/json"), ("ce-specversion", "1.0"), ("ce-id", "a%0D%0Ab"), ("ce-type", "t")];
    let reply = gate.send("POST", "", &injected, ORDER).await;
    let expected = "UUID rejected ce_id:syntax ce_source:missing kept";
    assert_eq!((reply.status, reply.items()), (422, vec![expected.to_owned()]));
    let lacking = [("content-type", "application/json"), ("ce-specversion", "1.0"), ("ce-id", "e-1"), ("ce-type", "t")];
    let reply = gate.send("POST", "", &lacking, ORDER).await;
    assert_eq!(reply.items(), ["e-1 rejected ce_source:missing kept"]);
}

#[tokio::test]
async fn a_cloudevent_may_carry_avro() {
    let gate = Gate::keyed("");
    let envelope = |content_type: &str, data: &str| {
        format!(
            r#"{{"specversion":"1.0","id":"e","source":"/s","type":"t","datacontenttype":"{content_type}","data_base64":"{data}"}}"#
        )
    };
    // "\x06o-1\x02\x00", and the same in its frame.
    for body in [
        envelope("application/avro", "Bm8tMQIA"),
        envelope("application/vnd.confluent.avro", "AAAAAAcGby0xAgA="),
        envelope("application/json", "eyJvcmRlcklkIjoiby0xIiwiYW1vdW50IjoxfQ=="),
    ] {
        let reply = gate.post("application/cloudevents+json", body.clone()).await;
        assert_eq!((reply.status, reply.items()), (200, vec!["e published".to_owned()]), "{body}");
    }
    let records = gate.records("orders.v1").await;
    assert!(records.iter().all(|record| record.value.as_deref() == Some(&framed(SCHEMA_ID, &avro("o-1", 1))[..])));
    // An earlier schema's body says so beside it.
    let headers = [("content-type", "application/cloudevents+json")];
    let reply = gate.send("POST", "?schemaId=6", &headers, envelope("application/avro", "Bm8tMQI=")).await;
    assert_eq!((reply.status, &reply.body["items"][0]["schemaId"]), (200, &OLDER_ID.into()));
}

/// CloudEvents' HTTP binding allows the attributes in headers beside an envelope; the envelope is what counts.
#[tokio::test]
async fn headers_beside_an_envelope_change_nothing() {
    let gate = Gate::keyed("");
    let envelope = format!(r#"{{"specversion":"1.0","id":"inside","source":"/s","type":"t","data":{ORDER}}}"#);
    for (content_type, body) in [
        ("application/cloudevents+json", envelope.clone()),
        ("application/cloudevents-batch+json", format!("[{envelope}]")),
    ] {
        let headers = [("content-type", content_type), ("ce-specversion", "1.0"), ("ce-id", "outside")];
        let reply = gate.send("POST", "", &headers, body).await;
        assert_eq!((reply.status, reply.items()), (200, vec!["inside published".to_owned()]), "{content_type}");
    }
}

#[tokio::test]
async fn avros_own_json_is_taken_when_asked_for() {
    let gate = Gate::keyed("");
    let tagged = r#"{"orderId":"o-1","amount":1,"note":{"string":"n"}}"#;
    let headers = [("content-type", "application/x-ndjson")];
    let reply = gate.send("POST", "?encoding=avro-json", &headers, tagged).await;
    assert_eq!((reply.status, reply.items()), (200, vec!["UUID published".to_owned()]));
    let reply = gate.send("POST", "", &headers, tagged).await;
    assert_eq!((reply.status, reply.items()), (422, vec!["UUID rejected note:type kept".to_owned()]));
    let envelope = format!(r#"{{"specversion":"1.0","id":"e","source":"/s","type":"t","data":{tagged}}}"#);
    let headers = [("content-type", "application/cloudevents+json")];
    let reply = gate.send("POST", "?encoding=avro-json", &headers, envelope).await;
    assert_eq!((reply.status, reply.items()), (200, vec!["e published".to_owned()]));
}

#[tokio::test]
async fn compressed_bodies_are_read() {
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write as _;
    let gate = Gate::keyed("");
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(ORDER.as_bytes()).unwrap();
    let zstd = zstd::stream::encode_all(ORDER.as_bytes(), 3).unwrap();
    for (encoding, body) in [("gzip", gzip.finish().unwrap()), ("zstd", zstd), ("identity", ORDER.into())] {
        let headers = [("content-type", "application/json"), ("content-encoding", encoding)];
        let reply = gate.send("POST", "", &headers, body).await;
        assert_eq!((reply.status, reply.items()), (200, vec!["UUID published".to_owned()]), "{encoding}");
    }
}

/// Whatever is sent, there is an answer that says what became of it: a problem and nothing published, or an item for
/// every event.
fn answers_everything(content_type: &'static str, body: Vec<u8>, events: Option<usize>) -> Result<(), TestCaseError> {
    static GATE: OnceLock<Gate> = OnceLock::new();
    let gate = GATE.get_or_init(|| Gate::keyed(""));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let reply = runtime.block_on(gate.post(content_type, body));
    if reply.headers["content-type"] == "application/problem+json" {
        prop_assert!(matches!(reply.status, 400 | 413), "{}", reply.body);
        prop_assert_eq!(events, None);
    } else {
        prop_assert!(matches!(reply.status, 200 | 207 | 422), "{}", reply.body);
        let items = reply.items();
        if let Some(events) = events {
            prop_assert_eq!(items.len(), events);
        }
        let published = items.iter().filter(|item| item.ends_with("published")).count();
        let expected = match published {
            all if all == items.len() => 200,
            0 => 422,
            _ => 207,
        };
        prop_assert_eq!(reply.status, expected);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_answered(which in 0..7usize, body in prop::collection::vec(any::<u8>(), 0..200)) {
        let content_type = super::super::media::Media::ALL[which].name();
        answers_everything(content_type, body, None)?;
    }

    #[test]
    fn any_cut_of_a_good_body_is_answered(which in 0..7usize, cut in any::<prop::sample::Index>(), flip in any::<u8>()) {
        let media = super::super::media::Media::ALL[which];
        let envelope = format!(r#"{{"specversion":"1.0","id":"e","source":"/s","type":"t","data":{ORDER}}}"#);
        let frame = framed(SCHEMA_ID, &avro("o-1", 1));
        use super::super::media::Media;
        let mut body = match media {
            Media::Json => format!("[{ORDER},{ORDER}]").into_bytes(),
            Media::Ndjson => format!("{ORDER}\n{ORDER}\n").into_bytes(),
            Media::CloudEvent => envelope.into_bytes(),
            Media::CloudEventBatch => format!("[{envelope},{envelope}]").into_bytes(),
            Media::Avro => avro("o-1", 1),
            Media::Framed => frame,
            Media::FramedBatch => [&(frame.len() as u32).to_be_bytes()[..], &frame].concat().repeat(2),
        };
        let at = cut.index(body.len());
        if flip % 2 == 0 { body.truncate(at) } else { body[at] ^= flip }
        answers_everything(media.name(), body, None)?;
    }

    #[test]
    fn every_line_is_an_item(lines in prop::collection::vec("[ -~]{0,12}", 0..20)) {
        let events = lines.iter().filter(|line| !line.trim().is_empty()).count();
        answers_everything("application/x-ndjson", lines.join("\n").into_bytes(), Some(events))?;
    }
}
