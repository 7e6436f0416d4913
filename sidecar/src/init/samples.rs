//! Reads samples: one JSON object a line, so many bytes at most.

use super::shape::Shape;
use std::io::{self, BufRead as _, BufReader, Read};
use tidegate_contracts::plan::Limits;

/// Samples beyond this teach nothing new; the rest is left unread.
const MOST_BYTES: u64 = 64 << 20;
/// More bad lines than this are only counted.
const MOST_BAD: usize = 20;

/// What some editors put before the first line.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Samples, and what they look like together.
#[derive(Debug, Default)]
pub(super) struct Samples {
    /// The lines that are events.
    pub(super) good: Vec<Vec<u8>>,
    /// The first lines that are none.
    pub(super) bad: Vec<BadLine>,
    /// How many lines are none.
    pub(super) bad_count: u64,
    /// Whether there was more than was read.
    pub(super) cut: bool,
    /// What the good ones look like.
    pub(super) shape: Shape,
}

/// A line that is no event.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(super) struct BadLine {
    /// Which, from 1.
    pub(super) line: u64,
    /// Why, without what it says.
    pub(super) why: String,
}

impl Samples {
    /// Reads samples. Empty lines are skipped.
    pub(super) fn read(from: impl Read) -> io::Result<Self> {
        let mut samples = Self::default();
        let mut from = BufReader::new(from).take(MOST_BYTES);
        let mut number = 0;
        loop {
            let mut line = Vec::new();
            if from.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            number += 1;
            if from.limit() == 0 && line.last() != Some(&b'\n') {
                // Cut in two, unless the samples end exactly here; then one line less does not matter.
                break;
            }
            let line = match number {
                1 => line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&line),
                _ => &line,
            };
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            let most = Limits::default().bytes;
            let result = match line.len() > most {
                _ if number == 1 && (line.starts_with(b"\xff\xfe") || line.starts_with(b"\xfe\xff")) => {
                    Err("UTF-16, and samples are UTF-8".to_owned())
                }
                true => Err(format!("longer than {most} bytes, which the sidecar's default limit does not take")),
                false => samples.shape.take(line),
            };
            match result {
                Ok(()) => samples.good.push(line.to_vec()),
                Err(why) => {
                    samples.bad_count += 1;
                    if samples.bad.len() < MOST_BAD {
                        samples.bad.push(BadLine { line: number, why });
                    }
                }
            }
        }
        samples.cut = from.limit() == 0;
        Ok(samples)
    }
}
