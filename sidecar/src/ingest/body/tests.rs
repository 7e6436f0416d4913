use super::*;
use flate2::{Compression, write::GzEncoder};
use http_body_util::Full;
use hyper::body::Frame;
use proptest::prelude::*;
use std::{
    pin::Pin,
    task::{Context, Poll},
};

const BOUNDS: Bounds = Bounds { bytes: 10_000, time: Duration::from_secs(5) };

/// A body in pieces; an error where one is `None`.
fn pieces(pieces: Vec<Option<Vec<u8>>>) -> Pieces {
    Pieces(pieces.into_iter())
}

struct Pieces(std::vec::IntoIter<Option<Vec<u8>>>);

/// What is still to come of a body that never ends.
struct Never;

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(self.0.next().map(|piece| match piece {
            Some(piece) => Ok(Frame::data(Bytes::from(piece))),
            None => Err(io::ErrorKind::ConnectionReset.into()),
        }))
    }
}

impl Body for Never {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Pending
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 3).unwrap()
}

fn name(result: &Result<Bytes, BodyError>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(BodyError::TooLarge { .. }) => "too large",
        Err(BodyError::TooSlow(_)) => "too slow",
        Err(BodyError::Incomplete(_)) => "incomplete",
        Err(BodyError::Corrupt(_)) => "corrupt",
    }
}

#[test]
fn content_encodings_are_known_or_not() {
    for (value, expected) in [
        ("", Some(Encoding::Identity)),
        ("identity", Some(Encoding::Identity)),
        ("gzip", Some(Encoding::Gzip)),
        ("X-GZIP", Some(Encoding::Gzip)),
        (" zstd ", Some(Encoding::Zstd)),
        ("br", None),
        ("gzip, zstd", None),
        ("?", None),
    ] {
        assert_eq!(Encoding::parse(value), expected, "{value:?}");
    }
}

#[tokio::test]
async fn a_body_is_read_or_refused() {
    async fn check(body: Vec<u8>, encoding: Encoding, expected: &str) {
        let shown = body.iter().take(16).copied().collect::<Vec<_>>();
        let result = read(Full::new(Bytes::from(body)), encoding, BOUNDS).await;
        assert_eq!(name(&result), expected, "{encoding:?} {shown:?}");
    }
    let good = vec![7; 10_000];
    let large = vec![7; 10_001];
    check(good.clone(), Encoding::Identity, "ok").await;
    check(large.clone(), Encoding::Identity, "too large").await;
    check(vec![], Encoding::Identity, "ok").await;
    for (encoding, pack) in [(Encoding::Gzip, gzip as fn(&[u8]) -> Vec<u8>), (Encoding::Zstd, zstd)] {
        let packed = pack(&good);
        check(packed.clone(), encoding, "ok").await;
        check(pack(&large), encoding, "too large").await;
        // Two in a row are one body.
        check([pack(&good[..9_000]), pack(&good[9_000..])].concat(), encoding, "ok").await;
        check([pack(&good[..9_001]), pack(&good[9_000..])].concat(), encoding, "too large").await;
        check(packed[..packed.len() - 1].to_vec(), encoding, "corrupt").await;
        check([&packed[..], b"garbage"].concat(), encoding, "corrupt").await;
        check(b"{\"not\":\"compressed\"}".to_vec(), encoding, "corrupt").await;
        check(vec![], encoding, "corrupt").await;
    }
    let mut wrong_sum = gzip(&good);
    let at = wrong_sum.len() - 6;
    wrong_sum[at] ^= 1;
    check(wrong_sum, Encoding::Gzip, "corrupt").await;
}

#[tokio::test]
async fn a_body_that_breaks_off_is_incomplete() {
    for encoding in [Encoding::Identity, Encoding::Gzip, Encoding::Zstd] {
        for start in [vec![], vec![Some(gzip(b"abc")[..5].to_vec())]] {
            let start = if encoding == Encoding::Zstd { Vec::new() } else { start };
            let body = pieces([start, vec![None]].concat());
            assert_eq!(name(&read(body, encoding, BOUNDS).await), "incomplete", "{encoding:?}");
        }
    }
}

#[tokio::test]
async fn a_body_that_stalls_is_given_up() {
    let bounds = Bounds { time: Duration::from_millis(5), ..BOUNDS };
    assert_eq!(name(&read(Never, Encoding::Identity, bounds).await), "too slow");
}

/// A bomb is refused when the limit is reached, not when it is unpacked; and it is kept in no more than the limit.
#[test]
fn a_bomb_takes_no_more_than_its_limit() {
    let bomb = vec![0; 50 << 20];
    let bounds = 1 << 20;
    for (encoding, packed) in [(Encoding::Gzip, gzip(&bomb)), (Encoding::Zstd, zstd(&bomb))] {
        assert!(packed.len() < bomb.len() / 900, "{encoding:?}");
        let mut decoder = Decoder::new(encoding, bounds).unwrap();
        let result = decoder.write(&packed);
        assert!(matches!(result, Err(BodyError::TooLarge { .. })), "{encoding:?}: {result:?}");
        let kept = match &decoder {
            Decoder::Gzip(decoder) => decoder.get_ref().bytes.capacity(),
            Decoder::Zstd(decoder) => decoder.get_ref().bytes.capacity(),
        };
        assert!(kept <= bounds, "{encoding:?} keeps {kept} bytes");
    }
}

/// A frame may ask for a window of its own choice, before it has one byte of content.
#[test]
fn a_zstd_frame_cannot_ask_for_a_window_beyond_the_limit() {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(27).unwrap();
    encoder.write_all(b"small").unwrap();
    encoder.flush().unwrap();
    encoder.write_all(b"and small").unwrap();
    let packed = encoder.finish().unwrap();
    let mut decoder = Decoder::new(Encoding::Zstd, 1 << 20).unwrap();
    assert!(matches!(decoder.write(&packed), Err(BodyError::Corrupt("zstd"))));
}

proptest! {
    #[test]
    fn what_was_packed_is_read_however_it_is_cut(
        content in prop::collection::vec(any::<u8>(), 0..3_000),
        cuts in prop::collection::vec(0usize..3_000, 0..6),
        which in 0..3,
    ) {
        let (encoding, packed) = match which {
            0 => (Encoding::Identity, content.clone()),
            1 => (Encoding::Gzip, gzip(&content)),
            _ => (Encoding::Zstd, zstd(&content)),
        };
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(packed.len())).chain([0, packed.len()]).collect();
        cuts.sort_unstable();
        let parts = cuts.windows(2).map(|pair| Some(packed[pair[0]..pair[1]].to_vec())).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let found = runtime.block_on(read(pieces(parts), encoding, BOUNDS)).unwrap();
        prop_assert_eq!(&found[..], &content[..]);
    }

    #[test]
    fn garbage_never_panics(garbage in prop::collection::vec(any::<u8>(), 0..300), which in 0..2) {
        let encoding = if which == 0 { Encoding::Gzip } else { Encoding::Zstd };
        // With the right beginning more of the decoder is reached.
        let magic: &[u8] = if which == 0 { &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3] } else { &[0x28, 0xb5, 0x2f, 0xfd] };
        for bytes in [garbage.clone(), [magic, &garbage].concat()] {
            let mut decoder = Decoder::new(encoding, 1 << 16).unwrap();
            if decoder.write(&bytes).is_ok() {
                let _ = decoder.finish();
            }
        }
    }
}
