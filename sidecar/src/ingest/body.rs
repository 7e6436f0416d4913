//! Reading a request's body: its size and its time are bounded, and compression cannot multiply either.

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Body;
use std::{
    io::{self, Write},
    time::Duration,
};

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// It is not.
    Identity,
    /// gzip, one or several members.
    Gzip,
    /// zstd, one or several frames.
    Zstd,
}

/// What a body may be.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bytes, as it arrives and decompressed.
    pub bytes: usize,
    /// From its first byte to its last.
    pub time: Duration,
}

/// Why there is no body.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    /// More bytes than a request may have.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// What it may have.
        limit: usize,
    },
    /// Not all there in time.
    #[error("the body did not arrive within {0:?}")]
    TooSlow(Duration),
    /// The client went away, or broke the transfer's framing.
    #[error("the body ended before it was complete")]
    Incomplete(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Not what its `content-encoding` says.
    #[error("the body is not sound {0}")]
    Corrupt(&'static str),
}

/// RFC 8878 asks every decoder for windows of 8 MiB; beyond that, a window may take half of what the body may.
const LEAST_WINDOW_LOG: u32 = 23;

impl Encoding {
    /// Reads a `content-encoding`. `None` for one we do not know, or several on top of each other.
    pub(super) fn parse(value: &str) -> Option<Self> {
        let is = |name: &str| value.trim().eq_ignore_ascii_case(name);
        match () {
            () if is("identity") || is("") => Some(Self::Identity),
            () if is("gzip") || is("x-gzip") => Some(Self::Gzip),
            () if is("zstd") => Some(Self::Zstd),
            () => None,
        }
    }
}

/// Reads a whole body, decompressed.
///
/// # Errors
/// When it is too large, too slow, incomplete or not sound; as soon as that is known.
pub(super) async fn read<B>(body: B, encoding: Encoding, bounds: Bounds) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // A length that is told is judged before the first byte is asked for, so that `expect: 100-continue` saves it.
    let too_large = BodyError::TooLarge { limit: bounds.bytes };
    if body.size_hint().lower() > bounds.bytes as u64 {
        return Err(too_large);
    }
    tokio::time::timeout(bounds.time, collect(body, encoding, bounds.bytes))
        .await
        .unwrap_or(Err(BodyError::TooSlow(bounds.time)))
}

async fn collect<B>(body: B, encoding: Encoding, limit: usize) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut body = std::pin::pin!(body);
    let mut arrived = 0;
    let mut next = async || -> Result<Option<Bytes>, BodyError> {
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| BodyError::Incomplete(error.into()))?;
            // Trailers are no part of the body.
            if let Ok(data) = frame.into_data() {
                arrived += data.len();
                if arrived > limit {
                    return Err(BodyError::TooLarge { limit });
                }
                return Ok(Some(data));
            }
        }
        Ok(None)
    };
    let Some(first) = next().await? else {
        return match encoding {
            Encoding::Identity => Ok(Bytes::new()),
            // Nothing at all is neither a gzip member nor a zstd frame.
            Encoding::Gzip => Err(BodyError::Corrupt("gzip")),
            Encoding::Zstd => Err(BodyError::Corrupt("zstd")),
        };
    };
    if encoding == Encoding::Identity {
        // What arrives in one piece, as most bodies do, is not copied.
        let Some(second) = next().await? else { return Ok(first) };
        let mut whole = Vec::with_capacity(2 * (first.len() + second.len()));
        whole.extend_from_slice(&first);
        whole.extend_from_slice(&second);
        while let Some(data) = next().await? {
            whole.extend_from_slice(&data);
        }
        return Ok(whole.into());
    }
    let mut decoder = Decoder::new(encoding, limit)?;
    decoder.write(&first)?;
    while let Some(data) = next().await? {
        decoder.write(&data)?;
    }
    Ok(decoder.finish()?.into())
}

/// A decompressor that takes what arrives and keeps at most so many bytes.
enum Decoder {
    Gzip(Box<flate2::write::MultiGzDecoder<Bounded>>),
    Zstd(Box<zstd::stream::write::Decoder<'static, Bounded>>),
}

impl Decoder {
    fn new(encoding: Encoding, limit: usize) -> Result<Self, BodyError> {
        let sink = Bounded { bytes: Vec::new(), limit, overflowed: false };
        match encoding {
            Encoding::Zstd => {
                let window = limit.checked_ilog2().unwrap_or(0).saturating_sub(1);
                let decoder = zstd::stream::write::Decoder::new(sink).and_then(|mut decoder| {
                    decoder.window_log_max(window.clamp(LEAST_WINDOW_LOG, 27))?;
                    Ok(decoder)
                });
                decoder.map(|decoder| Self::Zstd(Box::new(decoder))).map_err(|_| BodyError::Corrupt("zstd"))
            }
            Encoding::Gzip | Encoding::Identity => Ok(Self::Gzip(Box::new(flate2::write::MultiGzDecoder::new(sink)))),
        }
    }

    fn write(&mut self, data: &[u8]) -> Result<(), BodyError> {
        match self {
            Self::Gzip(decoder) => {
                let result = decoder.write_all(data);
                judge(result, decoder.get_ref(), "gzip")
            }
            Self::Zstd(decoder) => {
                let result = decoder.write_all(data);
                judge(result, decoder.get_ref(), "zstd")
            }
        }
    }

    fn finish(self) -> Result<Vec<u8>, BodyError> {
        match self {
            Self::Gzip(mut decoder) => {
                let result = decoder.try_finish();
                judge(result, decoder.get_ref(), "gzip")?;
                // `finish` would check the trailer once more; nothing is left to go wrong in it.
                Ok(std::mem::take(&mut decoder.get_mut().bytes))
            }
            Self::Zstd(mut decoder) => {
                let result = decoder.do_finish();
                judge(result, decoder.get_ref(), "zstd")?;
                Ok(std::mem::take(&mut decoder.get_mut().bytes))
            }
        }
    }
}

fn judge(result: io::Result<()>, sink: &Bounded, name: &'static str) -> Result<(), BodyError> {
    match result {
        Ok(()) => Ok(()),
        Err(_) if sink.overflowed => Err(BodyError::TooLarge { limit: sink.limit }),
        Err(_) => Err(BodyError::Corrupt(name)),
    }
}

/// Keeps what is written, up to a limit.
struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
    overflowed: bool,
}

impl Write for Bounded {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let needed = self.bytes.len() + data.len();
        if needed > self.limit {
            self.overflowed = true;
            return Err(io::Error::other("the limit is reached"));
        }
        if needed > self.bytes.capacity() {
            // Doubling, as a vector does by itself, would go beyond the limit.
            let wanted = (2 * needed).clamp(4096, self.limit.max(needed));
            self.bytes.reserve_exact(wanted - self.bytes.len());
        }
        self.bytes.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
