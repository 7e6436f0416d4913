use super::*;
use crate::config::{All, Role, Secret};
use proptest::prelude::*;
use std::time::Duration;

const SMALL: &str = "\
apiVersion: tidegate.dev/v1
kind: Sidecar
domain: sales
kafka:
  bootstrap.servers: localhost:9092
";

fn read(text: &str, overrides: &[(&str, &str)]) -> Result<Config, Vec<Diagnostic>> {
    parse("tidegate.yaml", text, overrides.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

/// Every problem on a line of its own.
fn problems(text: &str, overrides: &[(&str, &str)]) -> String {
    let found = read(text, overrides).expect_err("it should not be taken");
    found.iter().map(|found| format!("{found}\n")).collect()
}

#[test]
fn the_smallest_file_takes_every_default() {
    let config = read(SMALL, &[]).unwrap();
    assert_eq!(config.roles, Role::all());
    assert_eq!(config.listen, Listen::default());
    assert_eq!(config.limits, super::super::Limits::default());
    assert_eq!(config.contracts, Path::new("contracts/"));
    assert_eq!(config.mesh.domains, Domains::Every(All::All));
    assert_eq!(config.registry, None);
}

#[test]
fn a_file_with_every_section_is_read() {
    let text = format!(
        "{SMALL}  sasl.password: {{env: KAFKA_PASSWORD}}
  enable.ssl.certificate.verification: true
  socket.timeout.ms: 5000
roles: [publish]
contracts: here
registry: {{url: \"https://registry.example.com/apis/ccompat/v7\", auth: {{basic: {{file: registry.secret}}}}, ca: ca.pem}}
listen: {{data: 0.0.0.0:7070, admin: \"[::1]:7071\"}}
mesh: {{domains: [sales, risk]}}
limits: {{queueBytes: 128MiB, requestBytes: 1048576, requestTimeout: 500ms}}
security: {{tokens: {{file: tokens}}, tls: {{certificate: tls.pem, key: {{file: tls.key}}, clientCa: ca.pem}}}}
drift: {{openClassifications: [public]}}
telemetry:
  logs: {{format: json, level: debug}}
  otlp: {{endpoint: \"http://localhost:4318\", headers: {{api-key: {{env: OTLP_KEY}}}}, sampleRatio: 1}}
subscriptions:
"
    )
    .replace("subscriptions:\n", "");
    let mut config = read(&text, &[]).unwrap();
    assert_eq!(config.limits.queue_bytes, 128 << 20);
    assert_eq!(config.limits.request_timeout, Duration::from_millis(500));
    assert_eq!(config.kafka["socket.timeout.ms"], KafkaValue::Number(5000));
    assert_eq!(config.kafka["sasl.password"], KafkaValue::Secret(Secret::Env("KAFKA_PASSWORD".into())));
    assert_eq!(config.mesh.domains, Domains::List(vec!["sales".into(), "risk".into()]));

    anchor(&mut config, Path::new("/etc/tidegate"));
    assert_eq!(config.contracts, Path::new("/etc/tidegate/here"));
    assert_eq!(config.security.tokens, Some(Secret::File("/etc/tidegate/tokens".into())));
    assert_eq!(config.registry.unwrap().ca.as_deref(), Some(Path::new("/etc/tidegate/ca.pem")));
}

#[test]
fn all_problems_of_a_file_come_at_once() {
    let text = "\
apiVersion: tidegate.dev/v2
kind: Sidecar
domain: Sales
rolls: [publish]
roles: [publish, juge]
kafka:
  bootstrap.servers: [localhost:9092]
registry: {ulr: \"http://localhost:8081\", auth: {basic: secret}, timeout: 10}
listen: {data: localhost:7070}
limits: {queueBytes: 64MB, eventDepth: 0, requestEvents: many, violations: -1, requestTimeout: 10}
security: {tokens: hunter2, tls: {}}
telemetry: {otlp: {endpoint: localhost:4318, sampleRatio: 7}}
";
    insta::assert_snapshot!(problems(text, &[]));
}

#[test]
fn what_each_key_alone_cannot_show_is_found_too() {
    let text = format!(
        "{SMALL}  sasl.password: hunter2
listen: {{data: 0.0.0.0:7070, admin: 0.0.0.0:7070, health: 0.0.0.0:7070}}
roles: []
mesh: {{domains: [Risk]}}
limits: {{eventBytes: 1GiB, requestTimeout: 0s, requestEvents: 200000}}
"
    );
    let shown = problems(&text, &[]);
    assert!(!shown.contains("hunter2"), "{shown}");
    insta::assert_snapshot!(shown);
}

#[test]
fn text_that_is_no_configuration_says_so() {
    for text in ["", "~", "[]", "5", "sales", "{", "a: [", "\u{0}", "- a\n- b", "a: *x", "!!map {}", "a: 1\na: 2"] {
        assert!(!problems(text, &[]).is_empty(), "{text:?}");
    }
}

#[test]
fn the_environment_overrides_any_key() {
    let check = |overrides: &[(&str, &str)], see: fn(&Config) -> String, expected: &str| {
        let config = read(SMALL, overrides).unwrap_or_else(|found| panic!("{overrides:?}: {found:?}"));
        assert_eq!(see(&config), expected, "{overrides:?}");
    };
    check(&[("TIDEGATE__DOMAIN", "risk")], |config| config.domain.clone(), "risk");
    check(&[("TIDEGATE__LIMITS__QUEUE_BYTES", "1GiB")], |config| config.limits.queue_bytes.to_string(), "1073741824");
    check(&[("TIDEGATE__LIMITS__QUEUEEVENTS", "12345")], |config| config.limits.queue_events.to_string(), "12345");
    check(&[("TIDEGATE__ROLES", "publish, judge")], |config| format!("{:?}", config.roles), "[Publish, Judge]");
    check(&[("TIDEGATE__ROLES", "[notify]")], |config| format!("{:?}", config.roles), "[Notify]");
    check(&[("TIDEGATE__MESH__DOMAINS", "all")], |config| format!("{:?}", config.mesh.domains), "Every(All)");
    check(&[("TIDEGATE__MESH__DOMAINS", "a,b")], |config| format!("{:?}", config.mesh.domains), "List([\"a\", \"b\"])");
    check(
        &[("TIDEGATE__SECURITY__ALLOW_ANONYMOUS", "true")],
        |config| config.security.allow_anonymous.to_string(),
        "true",
    );
    check(&[("TIDEGATE__LISTEN__DATA", "127.0.0.1:0")], |config| config.listen.data.to_string(), "127.0.0.1:0");
    let server = |config: &Config| match &config.kafka["bootstrap.servers"] {
        KafkaValue::Text(text) => text.clone(),
        other => format!("{other:?}"),
    };
    check(&[("TIDEGATE__KAFKA__BOOTSTRAP_SERVERS", "kafka:9092")], server, "kafka:9092");
    let registry =
        |config: &Config| format!("{:?}", config.registry.as_ref().map(|registry| (&registry.url, &registry.auth)));
    check(
        &[("TIDEGATE__REGISTRY__URL", "http://r:1"), ("TIDEGATE__REGISTRY__AUTH__BEARER", "s3cret")],
        registry,
        "Some((\"http://r:1\", Some(Bearer(Env(\"TIDEGATE__REGISTRY__AUTH__BEARER\")))))",
    );
    check(
        &[("TIDEGATE__REGISTRY__URL", "http://r:1"), ("TIDEGATE__REGISTRY__AUTH__BEARER__FILE", "token")],
        registry,
        "Some((\"http://r:1\", Some(Bearer(File(\"token\")))))",
    );
    check(
        &[("TIDEGATE__KAFKA__SASL_PASSWORD", "s3cret")],
        |config| format!("{:?}", config.kafka["sasl.password"]),
        "Env(\"TIDEGATE__KAFKA__SASL_PASSWORD\")",
    );
    check(&[("TIDEGATE_CONFIG", "x"), ("PATH", "y"), ("TIDEGATE_X", "z")], |config| config.domain.clone(), "sales");
}

#[test]
fn a_wrong_override_names_its_variable() {
    let check = |name: &str, value: &str, expected: &str| {
        assert_eq!(problems(SMALL, &[(name, value)]), format!("{expected}\n"));
    };
    check(
        "TIDEGATE__LIMTS__QUEUE_BYTES",
        "1",
        "environment: error[unknown-key]: `TIDEGATE__LIMTS__QUEUE_BYTES` sets no key: there is no `limts` \
         (did you mean `TIDEGATE__LIMITS__QUEUE_BYTES`?)",
    );
    check(
        "TIDEGATE__LIMITS__QUEUE_BITES",
        "1",
        "environment: error[unknown-key]: `TIDEGATE__LIMITS__QUEUE_BITES` sets no key: `limits` has no `queue_bites` \
         (did you mean `TIDEGATE__LIMITS__QUEUE_BYTES`?)",
    );
    check(
        "TIDEGATE__DOMAIN__NAME",
        "x",
        "environment: error[unknown-key]: `TIDEGATE__DOMAIN__NAME` sets no key: `domain` has no `name` \
         (nothing can be set below it)",
    );
    check(
        "TIDEGATE__LIMITS__QUEUE_BYTES",
        "lots",
        "environment: error[invalid-value]: `TIDEGATE__LIMITS__QUEUE_BYTES`: `lots` is not a size; write a whole number \
         and a unit of B, KiB, MiB or GiB, such as `64MiB`",
    );
    check(
        "TIDEGATE__ROLES",
        "publish,juge",
        "environment: error[invalid-value]: `TIDEGATE__ROLES`: unknown value `juge` (did you mean `judge`?)",
    );
}

#[test]
fn an_open_listener_is_refused_unless_somebody_guards_it() {
    let refused = |listen: &str, security: &str| {
        let text = format!("{SMALL}listen: {{{listen}}}\nsecurity: {{{security}}}\n");
        match read(&text, &[]) {
            Ok(_) => 0,
            Err(found) => found.iter().filter(|found| found.code == "open-listener").count(),
        }
    };
    let check = |listen: &str, security: &str, expected: usize| {
        assert_eq!(refused(listen, security), expected, "{listen} {security}");
    };
    let tls = "tls: {certificate: a, key: {file: b}}";
    let mutual = "tls: {certificate: a, key: {file: b}, clientCa: c}";
    check("data: 127.0.0.1:1", "", 0);
    check("data: 127.9.9.9:1", "", 0);
    check("data: \"[::1]:1\"", "", 0);
    check("data: \"[::ffff:127.0.0.1]:1\"", "", 0);
    check("data: 0.0.0.0:1", "", 1);
    check("data: \"[::]:1\"", "", 1);
    check("data: 10.0.0.1:1, admin: 10.0.0.1:2", "", 2);
    check("data: 10.0.0.1:1, admin: 10.0.0.1:2", "adminTokens: {env: A}", 1);
    check("data: 10.0.0.1:1, admin: 10.0.0.1:2", "tokens: {env: A}", 0);
    check("data: 10.0.0.1:1", tls, 1);
    check("data: 10.0.0.1:1", mutual, 0);
    check("data: 10.0.0.1:1", "allowAnonymous: true", 0);
    check("health: 0.0.0.0:1", "", 0);
}

#[test]
fn debug_shows_no_secret() {
    let text = SMALL
        .replace("localhost:9092", "localhost:9092\n  some.new.password2: canary")
        .replace("password2", "credential");
    let config = read(&text, &[("TIDEGATE__KAFKA__SASL_PASSWORD", "canary")]).unwrap();
    assert!(!format!("{config:?}").contains("canary"), "{config:?}");
}

#[test]
fn the_text_is_read_as_far_as_it_goes_wherever_it_is_cut() {
    for end in (0..SMALL.len()).filter(|end| SMALL.is_char_boundary(*end)) {
        if let Err(found) = read(&SMALL[..end], &[]) {
            assert!(!found.is_empty());
        }
    }
}

proptest! {
    #[test]
    fn no_text_and_no_variable_panics(text in "\\PC{0,80}", name in "(KAFKA|LIMITS|ROLES|LISTEN|X)(__[A-Z_]{0,12}){0,3}", value in "\\PC{0,20}") {
        let _ = read(&text, &[]);
        let _ = read(SMALL, &[(&format!("TIDEGATE__{name}"), &value)]);
    }
}
