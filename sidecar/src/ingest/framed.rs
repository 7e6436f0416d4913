//! `application/vnd.tidegate.avro-batch`: a length of four bytes, big-endian, then so many bytes of framed event, and
//! so on to the end.

/// The batch's own framing is broken, so that nothing in it can be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("event {index} at byte {offset} says to have {length} bytes, and {left} are left")]
pub(super) struct BadFrame {
    index: usize,
    offset: usize,
    length: usize,
    left: usize,
}

/// The events of a batch. After an error there is nothing more.
pub(super) fn events(body: &[u8]) -> impl Iterator<Item = Result<&[u8], BadFrame>> {
    let (mut offset, mut index) = (0, 0);
    std::iter::from_fn(move || {
        let rest = body.get(offset..).filter(|rest| !rest.is_empty())?;
        let (length, left) = match rest.split_first_chunk::<4>() {
            Some((length, left)) => (u32::from_be_bytes(*length) as usize, left),
            // Not even a length.
            None => (4, rest),
        };
        let event = if rest.len() < 4 { None } else { left.get(..length) };
        let found = event.ok_or(BadFrame { index, offset, length, left: left.len() });
        offset = if found.is_ok() { offset + 4 + length } else { body.len() };
        index += 1;
        Some(found)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn batch(events: &[Vec<u8>]) -> Vec<u8> {
        events.iter().flat_map(|event| [&(event.len() as u32).to_be_bytes()[..], event].concat()).collect()
    }

    #[test]
    fn a_frame_that_is_cut_is_named() {
        let whole = batch(&[vec![1, 2, 3], vec![], vec![4]]);
        let check = |cut: usize, good: usize, error: Option<&str>| {
            let found: Vec<_> = events(&whole[..cut]).collect();
            assert_eq!(found.iter().filter(|event| event.is_ok()).count(), good, "{cut}");
            let last = found.last().and_then(|event| event.as_ref().err()).map(ToString::to_string);
            assert_eq!(last.as_deref(), error, "{cut}");
        };
        check(0, 0, None);
        check(2, 0, Some("event 0 at byte 0 says to have 4 bytes, and 2 are left"));
        check(6, 0, Some("event 0 at byte 0 says to have 3 bytes, and 2 are left"));
        check(7, 1, None);
        check(11, 2, None);
        check(15, 2, Some("event 2 at byte 11 says to have 1 bytes, and 0 are left"));
        check(16, 3, None);
    }

    proptest! {
        #[test]
        fn what_was_framed_is_found(sent in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20)) {
            let body = batch(&sent);
            let found: Vec<&[u8]> = events(&body).collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(found, sent.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }

        #[test]
        fn garbage_ends(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let found: Vec<_> = events(&body).collect();
            prop_assert!(found.len() <= body.len() / 4 + 1);
        }
    }
}
