//! RFC 4648 base64, with or without padding.

const VALUES: [u8; 256] = {
    let mut values = [0xff; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut at = 0;
    while at < 64 {
        values[alphabet[at] as usize] = at as u8;
        at += 1;
    }
    values
};

/// How many bytes a text holds, if its length and padding can be base64.
pub(super) fn length(text: &[u8]) -> Option<usize> {
    let body = body(text);
    match (body.len() % 4, text.len() - body.len()) {
        (0, 0) | (2, 0 | 2) | (3, 0 | 1) => Some(body.len() * 3 / 4),
        _ => None,
    }
}

/// Appends the bytes; `None` when a character is not of the alphabet or bits are left over that are not zero. `out`
/// may have grown then.
pub(super) fn decode(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (quads, rest) = body(text).as_chunks::<4>();
    for quad in quads {
        let [a, b, c, d] = quad.map(|byte| VALUES[usize::from(byte)]);
        if (a | b | c | d) & 0x80 != 0 {
            return None;
        }
        out.extend([a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d]);
    }
    let value = |at: usize| rest.get(at).map_or(0, |byte| VALUES[usize::from(*byte)]);
    let [a, b, c] = [0, 1, 2].map(value);
    if (a | b | c) & 0x80 != 0 {
        return None;
    }
    match rest.len() {
        0 => {}
        2 if b & 0x0f == 0 => out.push(a << 2 | b >> 4),
        3 if c & 0x03 == 0 => out.extend([a << 2 | b >> 4, b << 4 | c >> 2]),
        _ => return None,
    }
    Some(())
}

fn body(text: &[u8]) -> &[u8] {
    match text {
        [body @ .., b'=', b'='] | [body @ .., b'='] => body,
        body => body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_reads_with_and_without_padding() {
        #[track_caller]
        fn check(text: &str, expected: Option<&[u8]>) {
            let mut out = Vec::new();
            let length = length(text.as_bytes());
            let found = length.and_then(|_| decode(text.as_bytes(), &mut out)).map(|()| out.as_slice());
            assert_eq!(found, expected, "{text}");
            assert!(expected.is_none_or(|bytes| length == Some(bytes.len())), "{text}: {length:?}");
        }
        check("", Some(b""));
        check("Zg==", Some(b"f"));
        check("Zg", Some(b"f"));
        check("Zm8=", Some(b"fo"));
        check("Zm8", Some(b"fo"));
        check("Zm9v", Some(b"foo"));
        check("Zm9vYmFy", Some(b"foobar"));
        check("+/+/", Some(&[0xfb, 0xff, 0xbf]));
        for text in
            ["Z", "Zg=", "Zm9v=", "Zm9v==", "=", "==", "Zh==", "Zm9=", "-_-_", "Zm 9", "Zm9v\n", "Zg==Zg==", "Z==="]
        {
            check(text, None);
        }
    }
}
