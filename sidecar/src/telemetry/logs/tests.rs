use super::*;
use std::sync::{Arc, Mutex, mpsc};

/// Keeps what is written, or fails while it is told to.
#[derive(Clone, Default)]
struct Out {
    text: Arc<Mutex<String>>,
    full: Arc<Mutex<bool>>,
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if *self.full.lock().unwrap() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.text.lock().unwrap().push_str(std::str::from_utf8(bytes).unwrap());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const LONG: Duration = Duration::from_secs(30);

fn log(format: LogFormat, what: impl FnOnce()) -> String {
    let out = Out::default();
    let lines = Lines::start(out.clone()).unwrap();
    let subscriber = tracing_subscriber::registry().with(layer(format, false, lines.clone()));
    tracing::subscriber::with_default(subscriber, what);
    lines.flush(LONG);
    out.text.lock().unwrap().clone()
}

#[test]
fn a_json_line_carries_the_trace_of_its_request() {
    let text = log(LogFormat::Json, || {
        let span = tracing::error_span!("request", trace_id = "4bf92f3577b34da6a3ce929d0e0e4736");
        span.in_scope(|| tracing::warn!(topic = "sales.orders.v1", "the broker is slow"));
    });
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["message"], "the broker is slow");
    assert_eq!(line["level"], "WARN");
    assert_eq!(line["topic"], "sales.orders.v1");
    assert_eq!(line["span"]["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
}

#[test]
fn a_text_line_carries_the_trace_of_its_request() {
    let text = log(LogFormat::Text, || {
        let span = tracing::error_span!("request", trace_id = "4bf92f3577b34da6a3ce929d0e0e4736");
        span.in_scope(|| tracing::warn!("the broker is slow"));
    });
    assert!(text.contains("4bf92f3577b34da6a3ce929d0e0e4736") && text.contains("the broker is slow"), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn a_full_disk_loses_lines_and_counts_them() {
    let out = Out::default();
    let mut lines = Lines::start(out.clone()).unwrap();
    let before = lines_lost();
    *out.full.lock().unwrap() = true;
    lines.write_all(b"lost\n").unwrap();
    lines.flush(LONG);
    assert!(lines_lost() > before);
    *out.full.lock().unwrap() = false;
    lines.write_all(b"kept\n").unwrap();
    lines.flush(LONG);
    assert_eq!(*out.text.lock().unwrap(), "kept\n");
}

/// Takes a line only when it is told to.
struct Stalled(mpsc::Receiver<()>);

impl Write for Stalled {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The other side is gone: write on.
        let _ = self.0.recv();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_stalled_pipe_never_stops_who_logs() {
    let (go_on, stalled) = mpsc::channel();
    let mut lines = Lines::start(Stalled(stalled)).unwrap();
    let before = lines_lost();
    for _ in 0..QUEUE + 10 {
        lines.write_all(b"line\n").unwrap();
    }
    assert!(lines_lost() - before >= 9);
    // The queue is full, so there is no room for the flush either, and it does not wait.
    lines.flush(LONG);
    drop(go_on);
}

#[test]
fn a_level_that_is_none_is_refused_by_name() {
    let error = install(LogFormat::Text, "info,tidegate=loud", 0).unwrap_err();
    assert!(error.to_string().contains("`info,tidegate=loud` is no log level"), "{error}");
}
