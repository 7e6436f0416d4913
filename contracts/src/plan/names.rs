//! Finds a field or a symbol by its name: by length and at most sixteen bytes of it, without hashing the whole.

/// A fixed set of names.
#[derive(Debug)]
pub(super) struct Names {
    entries: Vec<Entry>,
    /// Positions in `entries` plus one; zero is free. Probed linearly.
    table: Vec<u32>,
    shift: u32,
}

#[derive(Debug)]
struct Entry {
    print: Print,
    /// The whole name, and the quote that ends it in JSON.
    quoted: Box<[u8]>,
    /// The first sixteen bytes of `quoted`, and which of them there are.
    head: [u64; 2],
    mask: [u64; 2],
}

/// Two names of equal length up to 16 bytes are equal when their prints are; longer ones probably.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Print {
    first: u64,
    last: u64,
    length: usize,
}

impl Names {
    pub(super) fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let entries: Vec<Entry> = names.into_iter().map(Entry::new).collect();
        let size = (entries.len() * 4).next_power_of_two().max(4);
        let mut names = Self { table: vec![0; size], shift: 64 - size.trailing_zeros(), entries };
        for at in 0..names.entries.len() {
            let mut slot = names.slot(names.entries[at].print);
            while names.table[slot] != 0 {
                slot = (slot + 1) & (size - 1);
            }
            names.table[slot] = at as u32 + 1;
        }
        names
    }

    /// The position of a name.
    #[inline]
    pub(super) fn find(&self, name: &[u8]) -> Option<usize> {
        let print = Print::of(name);
        let mut slot = self.slot(print);
        loop {
            let at = (*self.table.get(slot)? as usize).checked_sub(1)?;
            let entry = self.entries.get(at)?;
            if entry.print == print && (name.len() <= 16 || entry.quoted[..name.len()] == *name) {
                return Some(at);
            }
            slot = (slot + 1) & (self.table.len() - 1);
        }
    }

    /// Whether the text goes on with this very name and a closing quote; gives the length of both.
    #[inline]
    pub(super) fn follows(&self, at: usize, text: &[u8]) -> Option<usize> {
        let entry = self.entries.get(at)?;
        let length = entry.quoted.len();
        match text.first_chunk::<16>() {
            Some(chunk) => {
                let [low, high] = words(chunk);
                let same = (low ^ entry.head[0]) & entry.mask[0] | (high ^ entry.head[1]) & entry.mask[1];
                (same == 0 && (length <= 16 || text.get(16..length) == Some(&entry.quoted[16..]))).then_some(length)
            }
            None => text.starts_with(&entry.quoted).then_some(length),
        }
    }

    #[inline]
    fn slot(&self, print: Print) -> usize {
        let mixed =
            (print.first ^ print.last.rotate_left(29) ^ print.length as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> self.shift) as usize
    }
}

impl Entry {
    fn new(name: &str) -> Self {
        let quoted: Box<[u8]> = name.bytes().chain([b'"']).collect();
        let (mut head, mut mask) = ([0; 16], [0; 16]);
        let length = quoted.len().min(16);
        head[..length].copy_from_slice(&quoted[..length]);
        mask[..length].fill(0xff);
        Self { print: Print::of(name.as_bytes()), quoted, head: words(&head), mask: words(&mask) }
    }
}

impl Print {
    #[inline]
    fn of(name: &[u8]) -> Self {
        let length = name.len();
        let (first, last) = if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
            (u64::from_le_bytes(*first), u64::from_le_bytes(*last))
        } else if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
            (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last)))
        } else if let ([first, ..], [.., last]) = (name, name) {
            (u64::from(*first) << 8 | u64::from(name[length / 2]), u64::from(*last))
        } else {
            (0, 0)
        };
        Self { first, last, length }
    }
}

#[inline]
fn words(bytes: &[u8; 16]) -> [u64; 2] {
    let [low, high] = [bytes.first_chunk(), bytes.last_chunk()];
    [low, high].map(|half| u64::from_le_bytes(*half.expect("sixteen bytes have two halves")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_length_are_found_and_others_are_not() {
        let all: Vec<String> = (0..40).flat_map(|n| ["a", "b"].map(|c| c.repeat(n))).collect();
        let known: Vec<&str> = all.iter().map(String::as_str).step_by(2).collect();
        let names = Names::new(known.iter().copied());
        for name in &all {
            assert_eq!(names.find(name.as_bytes()), known.iter().position(|known| known == name), "{name}");
        }
    }

    #[test]
    fn names_that_differ_in_one_byte_are_told_apart() {
        for length in 1..=40 {
            let base = "x".repeat(length);
            let mut all = vec![base.clone()];
            all.extend((0..length).map(|at| format!("{}y{}", &base[..at], &base[at + 1..])));
            let names = Names::new(all.iter().map(String::as_str));
            for (at, name) in all.iter().enumerate() {
                assert_eq!(names.find(name.as_bytes()), Some(at));
                let text = format!("{name}\": 1");
                for tail in ["", ", and a longer text than any name"] {
                    let text = format!("{text}{tail}");
                    let found: Vec<_> =
                        (0..all.len()).filter(|at| names.follows(*at, text.as_bytes()).is_some()).collect();
                    assert_eq!(found, [at]);
                }
                assert_eq!(names.follows(at, name.as_bytes()), None, "no quote");
            }
        }
    }
}
